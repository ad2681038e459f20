//! What each app knows of a person, and what is missing there.

use super::finding::Finding;
use crate::app::registered::Registered;
use crate::look_up::{InApp, Known};
use crate::who::Who;
use shared::parameters::AppKind;
use std::collections::BTreeMap;

/// What the apps know of a person.
pub(super) fn findings(known: &Known, apps: &BTreeMap<String, Registered>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (alias, app) in apps {
        // An app that can't be read is the doctor's trouble.
        let Ok(read) = &app.read else { continue };
        let there = known.apps.iter().find(|it| it.app == *alias);
        match (read.kind, there) {
            (AppKind::OfficialAccount, None) => findings.push(Finding::missing(
                Some(alias),
                "they have never been seen here: they have not followed since Hongyan is told of it",
                format!(
                    "have them follow it, by a QR code for instance; if they follow already, \
                     `hongyan followers import --app {alias}` brings them in"
                ),
            )),
            (AppKind::OfficialAccount, Some(there)) => by_account(&mut findings, there),
            (AppKind::MiniProgram, None) => findings.push(Finding::missing(
                Some(alias),
                "they have never been seen here: they have not logged in",
                format!("have the mini program log them in (wx.login, then POST /login/{alias})"),
            )),
            (AppKind::MiniProgram, Some(there)) => of_mini_program(&mut findings, there),
        }
    }
    of_person(&mut findings, known, apps.len());
    findings
}

fn by_account(findings: &mut Vec<Finding>, there: &InApp) {
    let app = there.app.as_str();
    match there.follows {
        Some(true) => {
            findings.push(Finding::reaches(app, "they follow it, so template messages reach them"));
        }
        Some(false) => findings.push(Finding::missing(
            Some(app),
            "they don't follow it, or no longer do: no template message and no message of customer \
             service reaches them",
            "have them follow it, by a QR code for instance",
        )),
        None => findings.push(Finding::missing(
            Some(app),
            "it isn't known whether they follow it",
            format!("`hongyan followers import --app {app}` finds out"),
        )),
    }
    if there.follows != Some(false) {
        window(findings, there, "when they write, tap the menu, scan a code or follow");
    }
    // Subscription notifications are consented to in web pages; few accounts have any.
    consents(findings, there);
}

fn of_mini_program(findings: &mut Vec<Finding>, there: &InApp) {
    let app = there.app.as_str();
    if there.subscriptions.values().all(|count| *count == 0) {
        findings.push(Finding::missing(
            Some(app),
            "no consent is left: no subscription message reaches them",
            "have the mini program ask with wx.requestSubscribeMessage; each consent is good for one \
             message, unless it is a long-term one",
        ));
    }
    consents(findings, there);
    window(findings, there, "when they enter the mini program's customer service or write there");
    if let Some(count @ 1..) = there.form_ids {
        findings.push(Finding::reaches(
            app,
            format!("{count} form ids are kept (WeChat retired such messages on 10 January 2020)"),
        ));
    }
}

fn consents(findings: &mut Vec<Finding>, there: &InApp) {
    for (template, count) in there.subscriptions.iter().filter(|(_, count)| **count > 0) {
        let what = if *count == 1 { "consent is" } else { "consents are" };
        let found = format!("{count} {what} left for WeChat's template {template}");
        findings.push(Finding::reaches(&there.app, found));
    }
}

fn window(findings: &mut Vec<Finding>, there: &InApp, opens: &str) {
    findings.push(match there.customer_service {
        0 => Finding::missing(
            Some(&there.app),
            "no customer-service window is open",
            format!("it opens {opens}"),
        ),
        count => Finding::reaches(
            &there.app,
            format!("a customer-service window is open: {count} messages may be sent now"),
        ),
    });
}

/// What is missing of the person as a whole.
fn of_person(findings: &mut Vec<Finding>, known: &Known, apps: usize) {
    if known.accounts.is_empty() {
        let bind = match &known.user {
            Some(user) => format!("`hongyan account bind ACCOUNT {user}` binds one"),
            None => "once they have logged in, `hongyan account bind` does too".to_owned(),
        };
        findings.push(Finding::missing(
            None,
            "no account is bound to anybody here, so they can't be named by one",
            format!("a login with its username and password binds one; {bind}"),
        ));
    }
    if !known.apps.is_empty() && !known.known_as_one_person && apps > 1 {
        findings.push(Finding::missing(
            None,
            "WeChat has told no unionid: what another app knows of them isn't found from here",
            "bind all apps to one account of WeChat's open platform (https://open.weixin.qq.com → \
             管理中心); their next login or follow repairs it",
        ));
    }
}

/// Apps that know the person, and in which the send function doesn't find them by what
/// they are called here.
pub(super) fn not_found(known: &Known, found: &[String], who: &Who) -> Vec<Finding> {
    let lost = known.apps.iter().filter(|it| !found.contains(&it.app));
    lost.map(|it| {
        let bind = match (who, &known.user) {
            (Who::Account(account), Some(user)) => {
                format!("`hongyan account bind {account} {user}` binds the account there as well")
            }
            _ => "name them by an account that is bound to them there".to_owned(),
        };
        let found = format!("a notification to {who} doesn't find them here");
        Finding::missing(Some(&it.app), found, bind)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::registered::Readable;
    use serde_json::{Value, json};
    use shared::wechat::id::AppId;

    fn apps() -> BTreeMap<String, Registered> {
        let app = |alias: &str, app_id: &str, kind| {
            let read = Readable {
                app_id: AppId::parse(app_id).unwrap(),
                kind,
                original_id: None,
                replies: 0,
                problems: Vec::new(),
            };
            (alias.to_owned(), Registered { alias: alias.to_owned(), read: Ok(read) })
        };
        BTreeMap::from([
            app("shop", "wx0000000000000001", AppKind::OfficialAccount),
            app("mini", "wx0000000000000002", AppKind::MiniProgram),
        ])
    }

    fn known(apps: &Value) -> Known {
        let known = json!({ "user": "87d9", "accounts": ["ann"], "known_as_one_person": true,
                            "apps": apps });
        serde_json::from_value(known).unwrap()
    }

    fn told(known: &Known) -> (bool, String) {
        let found = findings(known, &apps());
        let told: Vec<_> = found.iter().map(ToString::to_string).collect();
        (found.iter().any(|it| it.reaches), told.join("\n"))
    }

    #[test]
    fn whoever_was_never_seen_is_told_how_to_begin() {
        let (reaches, told) = told(&Known::default());
        assert!(!reaches);
        for words in [
            "- shop: they have never been seen here",
            "hongyan followers import --app shop",
            "- mini: they have never been seen here: they have not logged in",
            "POST /login/mini",
            "- no account is bound",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
    }

    #[test]
    fn each_thing_that_is_missing_has_a_remedy() {
        let left = json!([
            { "app": "shop", "follows": false, "customer_service": 3, "subscriptions": {} },
            { "app": "mini", "customer_service": 0, "subscriptions": { "T": 0 }, "form_ids": 0 },
        ]);
        let (reaches, told) = told(&Known { known_as_one_person: false, ..known(&left) });
        assert!(!reaches, "{told}");
        for words in [
            "- shop: they don't follow it",
            "- mini: no consent is left",
            "wx.requestSubscribeMessage",
            "- mini: no customer-service window is open",
            "- WeChat has told no unionid",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
        assert!(!told.contains("messages may be sent now"), "who left can't be written to: {told}");
    }

    #[test]
    fn each_thing_that_reaches_is_told() {
        let there = json!([
            { "app": "shop", "follows": true, "customer_service": 3, "subscriptions": { "N": 2 } },
            { "app": "mini", "customer_service": 2, "subscriptions": { "T": 1 }, "form_ids": 4 },
        ]);
        let (_, told) = told(&known(&there));
        for words in [
            "+ shop: they follow it",
            "+ shop: a customer-service window is open: 3 messages",
            "+ shop: 2 consents are left for WeChat's template N",
            "+ mini: 1 consent is left for WeChat's template T",
            "+ mini: 4 form ids",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
        assert!(!told.contains("what to do"), "{told}");
    }

    #[test]
    fn an_app_in_which_a_notification_does_not_find_them_is_told() {
        let there = json!([{ "app": "mini", "customer_service": 0, "subscriptions": {} }]);
        let ann = Who::Account("ann".to_owned());
        let lost = not_found(&known(&there), &[], &ann);
        assert_eq!(lost.len(), 1);
        let advice = lost[0].advice.clone().unwrap();
        assert!(advice.contains("account bind ann 87d9"), "{advice}");
        assert!(not_found(&known(&there), &["mini".to_owned()], &ann).is_empty());
    }
}
