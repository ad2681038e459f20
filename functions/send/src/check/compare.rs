//! One template of ours beside those of the accounts.

use super::{Difference, Obstacle};
use shared::parameters::{self, AppKind, Apps, Channel, ChannelKind, Template};
use shared::wechat::field::FieldType;
use shared::wechat::templates::ConsentKind;
use std::collections::BTreeMap;

/// What each account has in each list, or why that isn't known, by its alias.
pub(super) type Accounts = BTreeMap<(String, List), Result<BTreeMap<String, Has>, Obstacle>>;

/// WeChat's lists of the templates of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum List {
    /// Those of template messages.
    TemplateMessages,
    /// Those of subscription messages and notifications.
    Subscriptions,
}

impl List {
    /// Where the templates of this kind of channel are listed: nowhere any more
    /// for those that WeChat has retired, and customer service needs none.
    pub(super) fn of(kind: ChannelKind) -> Option<Self> {
        match kind {
            ChannelKind::Template => Some(Self::TemplateMessages),
            ChannelKind::Subscribe | ChannelKind::Bizsend => Some(Self::Subscriptions),
            ChannelKind::CustomerService | ChannelKind::LegacyTemplate => None,
        }
    }
}

/// A template that an account has.
#[derive(Clone, Debug)]
pub(super) struct Has {
    /// Its keys, in their order.
    pub(super) keys: Vec<String>,
    /// What one consent is good for, where consent is needed.
    pub(super) consent: Option<ConsentKind>,
    /// The values that some keys may have.
    pub(super) values: BTreeMap<String, Vec<String>>,
}

/// Whether an app is of the kind that has such channels.
pub(super) fn can_speak(app: &parameters::WeChatApp, kind: ChannelKind) -> bool {
    kind.speaker().is_none_or(|needed| needed == app.kind)
}

/// Everything in which the template differs from what the accounts have.
pub(super) fn differences(
    code: &str,
    template: &Template,
    apps: &Apps,
    accounts: &Accounts,
) -> Vec<Difference> {
    let mut found = Vec::new();
    for channel in &template.channels {
        let mut tell = |app: &str, key: Option<&str>, obstacle: Obstacle| {
            found.push(Difference {
                channel: Some(channel.kind()),
                app: Some(app.to_owned()),
                template_id: channel.template_id().map(str::to_owned),
                key: key.map(str::to_owned),
                ..obstacle.about(code)
            });
        };
        let known = app_problem(apps, channel.app(), channel.kind().speaker());
        let usable = known.is_none();
        if let Some(obstacle) = known {
            tell(channel.app(), None, obstacle);
        }
        if let Some(target) = channel.target()
            && let Some(obstacle) = app_problem(apps, &target.app, Some(AppKind::MiniProgram))
        {
            tell(&target.app, None, obstacle);
        }
        if usable {
            compare(channel, accounts, &mut |key, obstacle| tell(channel.app(), key, obstacle));
        }
    }
    found
}

/// Compares one channel with the account that speaks in it.
fn compare(channel: &Channel, accounts: &Accounts, tell: &mut dyn FnMut(Option<&str>, Obstacle)) {
    let Some((template_id, list)) = channel.template_id().zip(List::of(channel.kind())) else {
        return;
    };
    let had = match accounts.get(&(channel.app().to_owned(), list)) {
        Some(Ok(had)) => had,
        Some(Err(obstacle)) => return tell(None, obstacle.clone()),
        None => return,
    };
    let Some(has) = had.get(template_id) else {
        return tell(
            None,
            Obstacle::new(
                "the account has no template of this id",
                "copy the id from the account's console (the same template has another one in \
                 every account), or add the template to the account there",
            ),
        );
    };
    if let Some(obstacle) = consent_problem(channel, has.consent) {
        tell(None, obstacle);
    }
    compare_keys(channel, has, tell);
}

/// Compares what a channel fills with the keys that WeChat's template has.
fn compare_keys(channel: &Channel, has: &Has, tell: &mut dyn FnMut(Option<&str>, Obstacle)) {
    let Some((data, message)) = channel.data() else { return };
    for key in &has.keys {
        if data.contains_key(key) {
            continue;
        }
        let advice = match FieldType::of(key, message) {
            // WeChat doesn't show these any more.
            FieldType::Hidden => continue,
            FieldType::Keyword | FieldType::Unknown => "fill it; it is shown empty otherwise",
            _ => "fill it; WeChat refuses the message otherwise (47003)",
        };
        tell(Some(key), Obstacle::new("nothing fills this key of WeChat's template", advice));
    }
    for (key, content) in data {
        if !has.keys.contains(key) {
            let advice = format!(
                "remove it, or mean another: the template has {}",
                if has.keys.is_empty() { "none".to_owned() } else { has.keys.join(", ") }
            );
            tell(Some(key), Obstacle::new("WeChat's template has no such key", advice));
        } else if let Some(values) = has.values.get(key)
            && let Some(literal) = content.literal()
            && !values.contains(&literal)
        {
            let problem = format!("{literal:?} is none of the values that the key may have");
            let advice = format!("write one of these: {}", values.join(", "));
            tell(Some(key), Obstacle::new(problem, advice));
        }
    }
}

/// What is wrong with naming this app.
fn app_problem(apps: &Apps, alias: &str, needed: Option<AppKind>) -> Option<Obstacle> {
    let Some(app) = apps.by_alias(alias) else {
        return Some(Obstacle::new(
            format!("there is no usable app {alias} under /apps"),
            "register it there, or name another",
        ));
    };
    let needed = needed.filter(|needed| *needed != app.kind)?;
    let word = |kind| match kind {
        AppKind::OfficialAccount => "an Official Account",
        AppKind::MiniProgram => "a mini program",
    };
    Some(Obstacle::new(
        format!("the app {alias} is {}; this takes {}", word(app.kind), word(needed)),
        "name an app of that kind, or correct its kind under /apps",
    ))
}

/// What is wrong with how long a consent is said to last.
fn consent_problem(channel: &Channel, consent: Option<ConsentKind>) -> Option<Obstacle> {
    let (Channel::Subscribe { long_term, .. } | Channel::Bizsend { long_term, .. }) = channel
    else {
        return None;
    };
    match (consent?, long_term) {
        (ConsentKind::OneTime, true) => Some(Obstacle::new(
            "WeChat's template is a one-time one; this says that one consent lasts",
            r#"remove "long_term": every consent is good for one message"#,
        )),
        (ConsentKind::LongTerm, false) => Some(Obstacle::new(
            "WeChat's template is a long-term one; this takes one consent for one message",
            r#"write "long_term": true"#,
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn channel(kind: &str, more: &Value) -> Channel {
        let mut channel = json!({ "channel": kind, "app": "shop", "template_id": "T" });
        channel.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(channel).unwrap()
    }

    fn has(keys: &[&str], consent: Option<ConsentKind>) -> Has {
        let keys = keys.iter().map(|&key| key.to_owned()).collect();
        let values = [("enum_string3".to_owned(), vec!["大".to_owned(), "小".to_owned()])];
        Has { keys, consent, values: values.into() }
    }

    fn accounts(list: List, has: Has) -> Accounts {
        [(("shop".to_owned(), list), Ok([("T".to_owned(), has)].into()))].into()
    }

    /// The keys and problems that are told, and a word of each advice.
    fn told(channel: &Channel, accounts: &Accounts) -> Vec<(Option<String>, Obstacle)> {
        let mut told = Vec::new();
        compare(channel, accounts, &mut |key, obstacle| {
            told.push((key.map(str::to_owned), obstacle));
        });
        told
    }

    fn keys_told(told: &[(Option<String>, Obstacle)]) -> Vec<&str> {
        told.iter().filter_map(|(key, _)| key.as_deref()).collect()
    }

    #[test]
    fn keys_that_one_side_lacks() {
        let data = json!({ "data": { "thing1": "{a}", "time9": "{b}" } });
        let account = accounts(List::TemplateMessages, has(&["thing1", "date2"], None));
        let found = told(&channel("template", &data), &account);
        assert_eq!(keys_told(&found), ["date2", "time9"]);
        assert!(found[0].1.advice.contains("47003"), "{found:?}");
        assert!(found[1].1.advice.contains("the template has thing1, date2"), "{found:?}");
    }

    #[test]
    fn old_templates_may_leave_lines_out() {
        let keys = ["first", "keyword1", "keyword2", "remark"];
        let account = accounts(List::TemplateMessages, has(&keys, None));
        let found = told(&channel("template", &json!({ "data": { "keyword1": "{a}" } })), &account);
        assert_eq!(keys_told(&found), ["keyword2"]);
        assert!(found[0].1.advice.contains("shown empty"), "{found:?}");
    }

    #[test]
    fn a_literal_must_be_one_of_the_values() {
        let of = |content: &str| {
            let data = json!({ "data": { "enum_string3": content } });
            let account =
                accounts(List::Subscriptions, has(&["enum_string3"], Some(ConsentKind::OneTime)));
            told(&channel("subscribe", &data), &account)
        };
        assert_eq!(of("大"), []);
        assert_eq!(of("{size}"), [], "only a notification knows");
        let found = of("中");
        assert_eq!(keys_told(&found), ["enum_string3"]);
        assert!(found[0].1.problem.contains("中"), "{found:?}");
        assert!(found[0].1.advice.contains("大, 小"), "{found:?}");
    }

    #[test]
    fn how_long_a_consent_lasts() {
        for kind in ["subscribe", "bizsend"] {
            for (long_term, consent, advice) in [
                (false, ConsentKind::OneTime, None),
                (true, ConsentKind::LongTerm, None),
                (true, ConsentKind::Unknown, None),
                (true, ConsentKind::OneTime, Some("remove \"long_term\"")),
                (false, ConsentKind::LongTerm, Some("write \"long_term\": true")),
            ] {
                let account = accounts(List::Subscriptions, has(&[], Some(consent)));
                let channel = channel(kind, &json!({ "data": {}, "long_term": long_term }));
                let found = told(&channel, &account);
                let advices: Vec<_> = found.iter().map(|(_, it)| it.advice.as_str()).collect();
                assert_eq!(advices.len(), usize::from(advice.is_some()), "{consent:?}");
                assert!(advices.iter().all(|it| it.contains(advice.unwrap())), "{advices:?}");
            }
        }
    }

    #[test]
    fn what_cannot_be_compared() {
        let subscribe = channel("subscribe", &json!({ "data": { "thing1": "{a}" } }));
        // The account has a template message of that id.
        let account = accounts(List::TemplateMessages, has(&["thing1"], None));
        assert_eq!(told(&subscribe, &account), []);
        let obstacle = Obstacle::new("no", "yes");
        let unknown: Accounts =
            [(("shop".to_owned(), List::Subscriptions), Err(obstacle.clone()))].into();
        assert_eq!(told(&subscribe, &unknown), [(None, obstacle)]);
        let other = [(("shop".to_owned(), List::Subscriptions), Ok(BTreeMap::new()))].into();
        let found = told(&subscribe, &other);
        assert!(found[0].1.problem.contains("no template of this id"), "{found:?}");
        assert_eq!(found.len(), 1, "of a template that isn't there, no keys are compared");
        let legacy = channel("legacy_template", &json!({ "data": { "keyword1": "{a}" } }));
        assert_eq!(told(&legacy, &other), [], "WeChat lists these nowhere any more");
    }
}
