//! What each app knows of a person, and what is missing there.

use super::finding::PersonFinding;
use crate::app::registry::RegisteredApp;
use crate::person_selector::PersonSelector;
use crate::person_summary::{AppReachability, PersonSummary};
use shared::parameters::AppKind;
use std::collections::BTreeMap;

pub(super) fn check_apps(
    person: &PersonSummary,
    apps: &BTreeMap<String, RegisteredApp>,
) -> Vec<PersonFinding> {
    let mut findings = Vec::new();
    for (alias, app) in apps {
        // `hongyan doctor` reports an invalid app.
        let Ok(settings) = &app.settings else { continue };
        let known = person.apps.iter().find(|it| it.app == *alias);
        match (settings.kind, known) {
            (AppKind::OfficialAccount, None) => findings.push(PersonFinding::missing(
                Some(alias),
                "they have never been seen here: Hongyan has received no follow of theirs",
                format!(
                    "have them follow it, for instance by a QR code; if they follow already, \
                     `hongyan followers import --app {alias}` imports them"
                ),
            )),
            (AppKind::OfficialAccount, Some(known)) => check_account(&mut findings, known),
            (AppKind::MiniProgram, None) => findings.push(PersonFinding::missing(
                Some(alias),
                "they have never been seen here: they have not logged in",
                format!("have the mini program log them in (wx.login, then POST /login/{alias})"),
            )),
            (AppKind::MiniProgram, Some(known)) => check_mini_program(&mut findings, known),
        }
    }
    check_identity(&mut findings, person, apps.len());
    findings
}

fn check_account(findings: &mut Vec<PersonFinding>, known: &AppReachability) {
    let app = known.app.as_str();
    findings.push(match known.follows {
        Some(true) => {
            PersonFinding::reachable(app, "they follow it, so template messages reach them")
        }
        Some(false) => PersonFinding::missing(
            Some(app),
            "they don't follow it, or no longer do: neither template nor customer-service messages \
             reach them",
            "have them follow it, for instance by a QR code",
        ),
        None => PersonFinding::missing(
            Some(app),
            "it isn't known whether they follow it",
            format!("`hongyan followers import --app {app}` finds out"),
        ),
    });
    if known.follows != Some(false) {
        check_window(findings, known, "when they write, tap the menu, scan a code or follow");
    }
    // No finding without consents: few accounts use subscription notifications.
    list_consents(findings, known);
}

fn check_mini_program(findings: &mut Vec<PersonFinding>, known: &AppReachability) {
    let app = known.app.as_str();
    if known.subscriptions.values().all(|count| *count == 0) {
        findings.push(PersonFinding::missing(
            Some(app),
            "no consent is left: no subscription message reaches them",
            "have the mini program ask with wx.requestSubscribeMessage; a one-time consent is for \
             one message",
        ));
    }
    list_consents(findings, known);
    check_window(
        findings,
        known,
        "when they enter the mini program's customer service or write there",
    );
    if let Some(count @ 1..) = known.form_ids {
        findings.push(PersonFinding::reachable(
            app,
            format!(
                "{count} form ids are stored (WeChat retired their messages on 10 January 2020)"
            ),
        ));
    }
}

fn list_consents(findings: &mut Vec<PersonFinding>, known: &AppReachability) {
    for (template, count) in known.subscriptions.iter().filter(|(_, count)| **count > 0) {
        let what = if *count == 1 { "consent is" } else { "consents are" };
        let found = format!("{count} {what} left for WeChat's template {template}");
        findings.push(PersonFinding::reachable(&known.app, found));
    }
}

fn check_window(findings: &mut Vec<PersonFinding>, known: &AppReachability, opens: &str) {
    findings.push(match known.customer_service {
        0 => PersonFinding::missing(
            Some(&known.app),
            "no customer-service window is open",
            format!("it opens {opens}"),
        ),
        count => PersonFinding::reachable(
            &known.app,
            format!("a customer-service window is open: {count} messages may be sent now"),
        ),
    });
}

/// Whether an account is bound, and whether the unionid is known.
fn check_identity(findings: &mut Vec<PersonFinding>, person: &PersonSummary, apps: usize) {
    if person.accounts.is_empty() {
        let bind = match &person.user {
            Some(user) => format!("`hongyan account bind ACCOUNT {user}` binds one"),
            None => "once they have logged in, `hongyan account bind` does too".to_owned(),
        };
        findings.push(PersonFinding::missing(
            None,
            "no account is bound, so none can name them as a recipient",
            format!("a login with its username and password binds one; {bind}"),
        ));
    }
    if !person.apps.is_empty() && !person.known_as_one_person && apps > 1 {
        findings.push(PersonFinding::missing(
            None,
            "WeChat has sent no unionid, so they can't be found in other apps",
            "bind all apps to one account of WeChat's open platform (https://open.weixin.qq.com → \
             管理中心); their next login or follow links them",
        ));
    }
}

/// Apps that know the person, but in which the send function doesn't find them by
/// `selector`.
pub(super) fn check_recipient(
    person: &PersonSummary,
    found: &[String],
    selector: &PersonSelector,
) -> Vec<PersonFinding> {
    let missing = person.apps.iter().filter(|it| !found.contains(&it.app));
    missing
        .map(|it| {
            let advice = match (selector, &person.user) {
                (PersonSelector::Account(account), Some(user)) => {
                    format!("`hongyan account bind {account} {user}` binds the account there too")
                }
                _ => "name them by an account that is bound to them there".to_owned(),
            };
            let found = format!("a notification to {selector} doesn't find them here");
            PersonFinding::missing(Some(&it.app), found, advice)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::registry::AppSettings;
    use serde_json::{Value, json};
    use shared::wechat::id::AppId;

    fn apps() -> BTreeMap<String, RegisteredApp> {
        let app = |alias: &str, app_id: &str, kind| {
            let settings = AppSettings {
                app_id: AppId::parse(app_id).unwrap(),
                kind,
                original_id: None,
                replies: 0,
                problems: Vec::new(),
            };
            (alias.to_owned(), RegisteredApp { alias: alias.to_owned(), settings: Ok(settings) })
        };
        BTreeMap::from([
            app("shop", "wx0000000000000001", AppKind::OfficialAccount),
            app("mini", "wx0000000000000002", AppKind::MiniProgram),
        ])
    }

    fn person(apps: &Value) -> PersonSummary {
        let person = json!({ "user": "87d9", "accounts": ["ann"], "known_as_one_person": true,
                             "apps": apps });
        serde_json::from_value(person).unwrap()
    }

    /// Whether the person is reachable, and the findings as text.
    fn check(person: &PersonSummary) -> (bool, String) {
        let findings = check_apps(person, &apps());
        let text: Vec<_> = findings.iter().map(ToString::to_string).collect();
        (findings.iter().any(|it| it.reachable), text.join("\n"))
    }

    #[test]
    fn unknown_person_gets_advice_for_each_app() {
        let (reachable, text) = check(&PersonSummary::default());
        assert!(!reachable);
        for expected in [
            "- shop: they have never been seen here",
            "hongyan followers import --app shop",
            "- mini: they have never been seen here: they have not logged in",
            "POST /login/mini",
            "- no account is bound",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }

    #[test]
    fn each_missing_entitlement_has_advice() {
        let unfollowed = json!([
            { "app": "shop", "follows": false, "customer_service": 3, "subscriptions": {} },
            { "app": "mini", "customer_service": 0, "subscriptions": { "T": 0 }, "form_ids": 0 },
        ]);
        let person = PersonSummary { known_as_one_person: false, ..person(&unfollowed) };
        let (reachable, text) = check(&person);
        assert!(!reachable, "{text}");
        for expected in [
            "- shop: they don't follow it",
            "- mini: no consent is left",
            "wx.requestSubscribeMessage",
            "- mini: no customer-service window is open",
            "- WeChat has sent no unionid",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        assert!(!text.contains("messages may be sent now"), "they unfollowed: {text}");
    }

    #[test]
    fn each_entitlement_is_listed() {
        let known = json!([
            { "app": "shop", "follows": true, "customer_service": 3, "subscriptions": { "N": 2 } },
            { "app": "mini", "customer_service": 2, "subscriptions": { "T": 1 }, "form_ids": 4 },
        ]);
        let (_, text) = check(&person(&known));
        for expected in [
            "+ shop: they follow it",
            "+ shop: a customer-service window is open: 3 messages",
            "+ shop: 2 consents are left for WeChat's template N",
            "+ mini: 1 consent is left for WeChat's template T",
            "+ mini: 4 form ids",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        assert!(!text.contains("what to do"), "{text}");
    }

    #[test]
    fn app_is_a_finding_when_the_recipient_is_not_found_there() {
        let known = json!([{ "app": "mini", "customer_service": 0, "subscriptions": {} }]);
        let ann = PersonSelector::Account("ann".to_owned());
        let findings = check_recipient(&person(&known), &[], &ann);
        assert_eq!(findings.len(), 1);
        let advice = findings[0].advice.clone().unwrap();
        assert!(advice.contains("account bind ann 87d9"), "{advice}");
        assert!(check_recipient(&person(&known), &["mini".to_owned()], &ann).is_empty());
    }
}
