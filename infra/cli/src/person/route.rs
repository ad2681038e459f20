//! Through which of a template's channels somebody can be reached.

use super::sample::sample;
use crate::data::Data;
use crate::deployment::Deployment;
use crate::error::Error;
use crate::report::{Fallback, Report, SkippedChannel};
use crate::send::{Reports, made_up};
use crate::who::Who;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::parameters::{Channel, ChannelKind, Template};
use shared::store::NotificationStatus;
use std::fmt;

/// Through which of a template's channels somebody can be reached.
#[derive(Debug, Serialize)]
pub(super) struct Through {
    /// Its code.
    pub(super) template: String,
    /// The fields' values were made up.
    made_up_data: bool,
    /// In the template's order; the first that does is taken.
    channels: Vec<Way>,
}

/// One channel.
#[derive(Debug, Serialize)]
struct Way {
    channel: ChannelKind,
    app: String,
    /// So many messages may be sent; null if nothing limits it.
    sends: Option<usize>,
    /// Nothing keeps a message from being sent.
    does: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

/// What the send function answers to `{"remaining"}` with a template.
#[derive(Debug, Deserialize)]
struct Remaining {
    channels: Vec<InChannel>,
}

#[derive(Debug, Deserialize)]
struct InChannel {
    channel: ChannelKind,
    app: String,
    sends: Option<usize>,
}

/// Finds out; nothing is stored, used up or sent.
///
/// # Errors
///
/// When the send function can't be asked, or the fields don't fit the template.
pub(super) async fn through(
    deployment: &Deployment,
    recipient: Option<&Who>,
    code: &str,
    template: &Template,
    data: &Data,
) -> Result<Through, Error> {
    let made_up_data = data.is_missing();
    let Some(to) = recipient.and_then(Who::recipient) else {
        let channels = template.channels.iter().map(unnamed).collect();
        return Ok(Through { template: code.to_owned(), made_up_data, channels });
    };
    let fields = if made_up_data { sample(template) } else { data.read()? };
    let asked = json!({ "remaining": { "to": to, "template": code } });
    let remaining: Remaining = deployment.ask("send", &asked).await?;
    let dry_run =
        json!({ "id": made_up()?, "to": to, "template": code, "data": fields, "dry_run": true });
    let reports: Reports = deployment.ask("send", &dry_run).await?;
    let report = reports.notifications.into_iter().next();
    let channels = ways(remaining.channels, report, template, made_up_data);
    Ok(Through { template: code.to_owned(), made_up_data, channels })
}

/// Somebody whom the send function can't be told of.
fn unnamed(channel: &Channel) -> Way {
    Way {
        channel: channel.kind(),
        app: channel.app().to_owned(),
        sends: Some(0),
        does: false,
        problem: Some(
            "no account is bound to them by which a notification could name them".to_owned(),
        ),
        advice: Some("bind an account, or name them by app=…,open_id=…".to_owned()),
    }
}

/// What the two answers say of each channel: both go by the template's order.
fn ways(
    remaining: Vec<InChannel>,
    report: Option<Report>,
    template: &Template,
    made_up_data: bool,
) -> Vec<Way> {
    let Some(report) = report else { return Vec::new() };
    let does = report.outcome == NotificationStatus::WouldSend;
    let mut skipped = report.skipped.into_iter();
    let mut fallbacks = report.fallbacks.into_iter();
    let mut taken = does.then_some(());
    let channels = remaining.into_iter().enumerate().map(|(at, it)| {
        let template_id = template.channels.get(at).and_then(Channel::template_id);
        let (problem, told) = match skipped.next() {
            Some(SkippedChannel { reason, advice, .. }) => (Some(reason), advice),
            // The one that is taken stands between those before it and those after it.
            None if taken.take().is_some() => (None, None),
            None => (fallbacks.next().and_then(|it: Fallback| it.reason), None),
        };
        let does = problem.is_none() && it.sends != Some(0);
        // What made-up values break says nothing of the person.
        let is_ours = made_up_data && it.sends != Some(0) && told.is_some();
        let advice = match told {
            Some(_) if is_ours => Some("give the real values with --data".to_owned()),
            Some(told) => Some(told),
            None if does => None,
            None => Some(remedy(it.channel, &it.app, template_id)),
        };
        Way { channel: it.channel, app: it.app, sends: it.sends, does, problem, advice }
    });
    channels.collect()
}

/// What to do about a person whom this channel doesn't reach.
fn remedy(channel: ChannelKind, app: &str, template_id: Option<&str>) -> String {
    let template = template_id.unwrap_or_default();
    match channel {
        ChannelKind::Template => format!(
            "have them follow {app}; if they follow already, `hongyan followers import --app {app}` \
             brings them in"
        ),
        ChannelKind::Subscribe => format!(
            "have them log in to {app}, and ask for their consent there: \
             wx.requestSubscribeMessage with {template}"
        ),
        ChannelKind::Bizsend => {
            format!("ask for their consent to {template} in a web page or article of {app}")
        }
        ChannelKind::CustomerService => format!(
            "the window opens when they get in touch with {app}: by writing, the menu, a scan, a follow, \
             or by entering a mini program's customer service"
        ),
        ChannelKind::LegacyTemplate => {
            "take the channel out of the template: WeChat retired such messages".to_owned()
        }
    }
}

impl Through {
    /// Whether any of them does.
    pub(super) fn reaches(&self) -> bool {
        self.channels.iter().any(|it| it.does)
    }
}

impl fmt::Display for Through {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for Way { channel, app, sends, does, problem, advice } in &self.channels {
            let mark = if *does { '+' } else { '-' };
            write!(f, "{mark} {channel} of {app}: ")?;
            match problem {
                Some(problem) => writeln!(f, "{problem}")?,
                None if !does => writeln!(f, "nothing may be sent")?,
                None => {
                    let taken =
                        if first { "this one would be taken" } else { "it would do as well" };
                    match sends {
                        Some(sends) => writeln!(f, "{taken}; {sends} may be sent")?,
                        None => writeln!(f, "{taken}; nothing limits how many are sent")?,
                    }
                }
            }
            first = first && !does;
            if let Some(advice) = advice {
                writeln!(f, "    what to do: {advice}")?;
            }
        }
        if self.made_up_data {
            writeln!(f, "(with made-up values; --data gives real ones)")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn template() -> Template {
        let data = json!({ "thing1": "{a}" });
        serde_json::from_value(json!({ "fields": ["a"], "channels": [
            { "channel": "template", "app": "shop", "template_id": "S", "data": data },
            { "channel": "subscribe", "app": "mini", "template_id": "M", "data": data },
            { "channel": "customer_service", "app": "shop", "text": "{a}" },
        ] }))
        .unwrap()
    }

    fn ways(sends: [Option<usize>; 3], report: &Value, made_up: bool) -> Through {
        let template = template();
        let remaining = template.channels.iter().zip(sends).map(|(channel, sends)| InChannel {
            channel: channel.kind(),
            app: channel.app().to_owned(),
            sends,
        });
        let report = serde_json::from_value(report.clone()).unwrap();
        let channels = super::ways(remaining.collect(), Some(report), &template, made_up);
        Through { template: "t".to_owned(), made_up_data: made_up, channels }
    }

    #[test]
    fn the_first_that_does_is_taken_and_each_other_says_why_not() {
        let through = ways(
            [Some(0), Some(2), Some(0)],
            &json!({
                "id": "a", "outcome": "would_send", "channel": "subscribe", "app": "mini",
                "skipped": [{ "channel": "template", "app": "shop", "reason": "doesn't follow" }],
                "fallbacks": [{ "channel": "customer_service", "app": "shop",
                                 "reason": "no window is open" }],
            }),
            false,
        );
        assert!(through.reaches());
        let told = through.to_string();
        for words in [
            "- template of shop: doesn't follow\n    what to do: have them follow shop",
            "+ subscribe of mini: this one would be taken; 2 may be sent",
            "- customer_service of shop: no window is open\n    what to do: the window opens",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
    }

    #[test]
    fn what_made_up_values_break_is_not_the_persons_fault() {
        let report = json!({
            "id": "a", "outcome": "failed", "skipped": [
                { "channel": "template", "app": "shop", "reason": "time2: no time", "advice": "x" },
                { "channel": "subscribe", "app": "mini", "reason": "no consent" },
                { "channel": "customer_service", "app": "shop", "reason": "no window" }],
        });
        let told = ways([None, Some(0), Some(0)], &report, true).to_string();
        assert!(told.contains("time2: no time\n    what to do: give the real values"), "{told}");
        assert!(told.contains("wx.requestSubscribeMessage with M"), "{told}");
        let real = ways([None, Some(0), Some(0)], &report, false);
        assert!(!real.reaches());
        assert!(real.to_string().contains("what to do: x"), "{real}");
    }
}
