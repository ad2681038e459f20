//! Compares one template with those of the accounts.

use super::difference::{Difference, Obstacle};
use crate::commands::account_templates::{AccountTemplate, ConsentDuration, TemplateList};
use shared::parameters::{self, AppKind, Apps, Channel, ChannelKind, Template};
use shared::store::RefusalNote;
use shared::wechat::field::FieldType;
use shared::wechat::refusal::Refusal;
use std::collections::BTreeMap;

/// Each account's templates in each list, or why they could not be read, by alias.
pub(super) type AccountTemplates =
    BTreeMap<(String, TemplateList), Result<BTreeMap<String, AccountTemplate>, Obstacle>>;

/// Whether an app is of the kind that can send through such a channel.
pub(super) fn can_send(app: &parameters::WeChatApp, kind: ChannelKind) -> bool {
    kind.sender_kind().is_none_or(|needed| needed == app.kind)
}

/// All differences of a template from those of the accounts.
pub(super) fn differences(
    code: &str,
    template: &Template,
    apps: &Apps,
    accounts: &AccountTemplates,
    refused_jumps: &[RefusalNote],
) -> Vec<Difference> {
    let mut found = Vec::new();
    for channel in &template.channels {
        let mut report = |app: &str, key: Option<&str>, obstacle: Obstacle| {
            found.push(Difference {
                channel: Some(channel.kind()),
                app: Some(app.to_owned()),
                template_id: channel.template_id().map(str::to_owned),
                key: key.map(str::to_owned),
                ..obstacle.difference(code)
            });
        };
        let known = app_problem(apps, channel.app(), channel.kind().sender_kind());
        let usable = known.is_none();
        if let Some(obstacle) = known {
            report(channel.app(), None, obstacle);
        }
        if let Some(target) = channel.target()
            && let Some(obstacle) = app_problem(apps, &target.app, Some(AppKind::MiniProgram))
        {
            report(&target.app, None, obstacle);
        } else if let Some(target) = channel.target()
            && let Some(obstacle) = jump_problem(channel, &target.app, apps, refused_jumps)
        {
            report(&target.app, None, obstacle);
        }
        if usable {
            compare(channel, accounts, &mut |key, obstacle| report(channel.app(), key, obstacle));
        }
    }
    found
}

/// Compares one channel with the account that sends through it.
fn compare(
    channel: &Channel,
    accounts: &AccountTemplates,
    report: &mut dyn FnMut(Option<&str>, Obstacle),
) {
    let Some((template_id, list)) =
        channel.template_id().zip(TemplateList::for_channel(channel.kind()))
    else {
        return;
    };
    let had = match accounts.get(&(channel.app().to_owned(), list)) {
        Some(Ok(had)) => had,
        Some(Err(obstacle)) => return report(None, obstacle.clone()),
        None => return,
    };
    let Some(has) = had.get(template_id) else {
        return report(
            None,
            Obstacle::new(
                "the account has no template of this id",
                "copy the id from the account's console (the same template has another one in \
                 every account), or add the template to the account there",
            ),
        );
    };
    if let Some(obstacle) = consent_problem(channel, has.consent) {
        report(None, obstacle);
    }
    compare_keys(channel, has, report);
}

/// Compares the keys that a channel fills with those of WeChat's template.
fn compare_keys(
    channel: &Channel,
    has: &AccountTemplate,
    report: &mut dyn FnMut(Option<&str>, Obstacle),
) {
    let Some((data, message)) = channel.data() else { return };
    for key in &has.keys {
        if data.contains_key(key) {
            continue;
        }
        let advice = match FieldType::for_key(key, message) {
            // WeChat no longer shows these.
            FieldType::Hidden => continue,
            FieldType::Keyword | FieldType::Unknown => "fill it; it is shown empty otherwise",
            _ => "fill it; WeChat refuses the message otherwise (47003)",
        };
        report(Some(key), Obstacle::new("nothing fills this key of WeChat's template", advice));
    }
    for (key, content) in data {
        if !has.keys.contains(key) {
            let advice = format!(
                "remove it, or rename it: the template has {}",
                if has.keys.is_empty() { "none".to_owned() } else { has.keys.join(", ") }
            );
            report(Some(key), Obstacle::new("WeChat's template has no such key", advice));
        } else if let Some(values) = has.values.get(key)
            && let Some(literal) = content.literal()
            && !values.contains(&literal)
        {
            let problem = format!("{literal:?} is none of the values that the key may have");
            let advice = format!("write one of these: {}", values.join(", "));
            report(Some(key), Obstacle::new(problem, advice));
        }
    }
}

/// What is wrong with using this app.
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

/// Whether WeChat has refused to open the mini program from this channel's messages lately.
fn jump_problem(
    channel: &Channel,
    target: &str,
    apps: &Apps,
    refused_jumps: &[RefusalNote],
) -> Option<Obstacle> {
    let (api, target) = (channel.kind().api(), apps.by_alias(target)?);
    let is_own = |note: &&RefusalNote| {
        note.app == channel.app()
            && note.api == api
            && note.mini_program.as_deref() == Some(target.app_id.as_str())
    };
    let note = refused_jumps.iter().filter(is_own).max_by_key(|note| note.at)?;
    Some(Obstacle::new(
        format!("WeChat refused this mini program within the last day ({})", note.code),
        Refusal::with_code(api, note.code).advice(),
    ))
}

/// What is wrong with `long_term`.
fn consent_problem(channel: &Channel, consent: Option<ConsentDuration>) -> Option<Obstacle> {
    let (Channel::Subscribe { long_term, .. } | Channel::Bizsend { long_term, .. }) = channel
    else {
        return None;
    };
    match (consent?, long_term) {
        (ConsentDuration::OneTime, true) => Some(Obstacle::new(
            "WeChat's template is a one-time one; this channel takes its consents for long-term ones",
            r#"remove "long_term": each consent is valid for one message"#,
        )),
        (ConsentDuration::LongTerm, false) => Some(Obstacle::new(
            "WeChat's template is a long-term one; this channel uses a consent up with each message",
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

    fn has(keys: &[&str], consent: Option<ConsentDuration>) -> AccountTemplate {
        let keys = keys.iter().map(|&key| key.to_owned()).collect();
        let values = [("enum_string3".to_owned(), vec!["大".to_owned(), "小".to_owned()])];
        AccountTemplate {
            template_id: "T".to_owned(),
            title: String::new(),
            content: String::new(),
            keys,
            consent,
            values: values.into(),
        }
    }

    fn accounts(list: TemplateList, has: AccountTemplate) -> AccountTemplates {
        [(("shop".to_owned(), list), Ok([("T".to_owned(), has)].into()))].into()
    }

    fn compared(channel: &Channel, accounts: &AccountTemplates) -> Vec<(Option<String>, Obstacle)> {
        let mut found = Vec::new();
        compare(channel, accounts, &mut |key, obstacle| {
            found.push((key.map(str::to_owned), obstacle));
        });
        found
    }

    fn keys_of(found: &[(Option<String>, Obstacle)]) -> Vec<&str> {
        found.iter().filter_map(|(key, _)| key.as_deref()).collect()
    }

    #[test]
    fn compare_reports_keys_that_one_side_lacks() {
        let data = json!({ "data": { "thing1": "{a}", "time9": "{b}" } });
        let account = accounts(TemplateList::TemplateMessages, has(&["thing1", "date2"], None));
        let found = compared(&channel("template", &data), &account);
        assert_eq!(keys_of(&found), ["date2", "time9"]);
        assert!(found[0].1.advice.contains("47003"), "{found:?}");
        assert!(found[1].1.advice.contains("the template has thing1, date2"), "{found:?}");
    }

    #[test]
    fn compare_ignores_hidden_lines_of_old_templates() {
        let keys = ["first", "keyword1", "keyword2", "remark"];
        let account = accounts(TemplateList::TemplateMessages, has(&keys, None));
        let found =
            compared(&channel("template", &json!({ "data": { "keyword1": "{a}" } })), &account);
        assert_eq!(keys_of(&found), ["keyword2"]);
        assert!(found[0].1.advice.contains("shown empty"), "{found:?}");
    }

    #[test]
    fn compare_reports_literal_that_is_no_allowed_value() {
        let of = |content: &str| {
            let data = json!({ "data": { "enum_string3": content } });
            let account = accounts(
                TemplateList::Subscriptions,
                has(&["enum_string3"], Some(ConsentDuration::OneTime)),
            );
            compared(&channel("subscribe", &data), &account)
        };
        assert_eq!(of("大"), []);
        assert_eq!(of("{size}"), [], "the value is known only when sending");
        let found = of("中");
        assert_eq!(keys_of(&found), ["enum_string3"]);
        assert!(found[0].1.problem.contains("中"), "{found:?}");
        assert!(found[0].1.advice.contains("大, 小"), "{found:?}");
    }

    #[test]
    fn compare_reports_wrong_long_term() {
        for kind in ["subscribe", "bizsend"] {
            for (long_term, consent, advice) in [
                (false, Some(ConsentDuration::OneTime), None),
                (true, Some(ConsentDuration::LongTerm), None),
                (true, None, None),
                (true, Some(ConsentDuration::OneTime), Some("remove \"long_term\"")),
                (false, Some(ConsentDuration::LongTerm), Some("write \"long_term\": true")),
            ] {
                let account = accounts(TemplateList::Subscriptions, has(&[], consent));
                let channel = channel(kind, &json!({ "data": {}, "long_term": long_term }));
                let found = compared(&channel, &account);
                let advices: Vec<_> = found.iter().map(|(_, it)| it.advice.as_str()).collect();
                assert_eq!(advices.len(), usize::from(advice.is_some()), "{consent:?}");
                assert!(advices.iter().all(|it| it.contains(advice.unwrap())), "{advices:?}");
            }
        }
    }

    #[test]
    fn compare_reports_template_or_account_it_cannot_read() {
        let subscribe = channel("subscribe", &json!({ "data": { "thing1": "{a}" } }));
        // The account has a template message of that id.
        let account = accounts(TemplateList::TemplateMessages, has(&["thing1"], None));
        assert_eq!(compared(&subscribe, &account), []);
        let obstacle = Obstacle::new("no", "yes");
        let unknown: AccountTemplates =
            [(("shop".to_owned(), TemplateList::Subscriptions), Err(obstacle.clone()))].into();
        assert_eq!(compared(&subscribe, &unknown), [(None, obstacle)]);
        let other =
            [(("shop".to_owned(), TemplateList::Subscriptions), Ok(BTreeMap::new()))].into();
        let found = compared(&subscribe, &other);
        assert!(found[0].1.problem.contains("no template of this id"), "{found:?}");
        assert_eq!(found.len(), 1, "the keys of a missing template are not compared");
        let legacy = channel("legacy_template", &json!({ "data": { "keyword1": "{a}" } }));
        assert_eq!(compared(&legacy, &other), [], "WeChat no longer lists these");
    }
}
