//! What the operator sees when two people claim one account: a line in the log, with internal
//! ids only, and a metric.

use shared::metric;
use std::collections::BTreeSet;

/// Reports that a login with the right password was refused.
pub(crate) fn report_refused(alias: &str, owners: &BTreeSet<String>) {
    metric::ACCOUNT_CONFLICTS.record(1, [alias, "refused"]);
    tracing::warn!(
        app = alias,
        ?owners,
        "refused to bind an account that is another person's: another person knows its password, or its owner uses an app that tells no unionid, for which `hongyan account bind` binds it"
    );
}

/// Reports that an account was bound to a person beside `others`, if there are any.
pub(crate) fn report_second(alias: &str, user: &str, others: &BTreeSet<String>) {
    if others.is_empty() {
        return;
    }
    metric::ACCOUNT_CONFLICTS.record(1, [alias, "second"]);
    tracing::warn!(
        app = alias,
        user,
        ?others,
        "an account is bound to more than one person; `hongyan account unbind` unbinds one of them"
    );
}
