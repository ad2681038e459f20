//! Through which of a template's channels a person can be reached.

use super::sample_values::sample_values;
use crate::deployment::Deployment;
use crate::error::Error;
use crate::field_values::FieldValues;
use crate::person_selector::PersonSelector;
use crate::random;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::parameters::{Channel, ChannelKind, Template};
use shared::send_response::{NotificationResult, SendResponse};
use shared::store::NotificationStatus;
use std::fmt;

#[derive(Debug, Serialize)]
pub(super) struct TemplateReachability {
    /// Its code.
    pub(super) template: String,
    /// Whether sample values stood in for the fields.
    sample_data: bool,
    /// In the template's order; the first available one is used.
    channels: Vec<ChannelReachability>,
}

#[derive(Debug, Serialize)]
struct ChannelReachability {
    channel: ChannelKind,
    app: String,
    /// Number of messages that may be sent; null if unlimited.
    sends: Option<usize>,
    /// Whether a message could be sent now.
    available: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

/// The send function's response to `remaining` with a template.
#[derive(Debug, Deserialize)]
struct RemainingResponse {
    channels: Vec<ChannelRemaining>,
}

#[derive(Debug, Deserialize)]
struct ChannelRemaining {
    channel: ChannelKind,
    app: String,
    sends: Option<usize>,
}

impl TemplateReachability {
    /// Checks with a dry run; nothing is stored, consumed or sent.
    pub(super) async fn check(
        deployment: &Deployment,
        recipient: Option<&PersonSelector>,
        code: &str,
        template: &Template,
        fields: &FieldValues,
    ) -> Result<Self, Error> {
        let sample_data = fields.is_empty();
        let Some(to) = recipient.and_then(PersonSelector::as_recipient) else {
            let channels = template.channels.iter().map(without_recipient).collect();
            return Ok(Self { template: code.to_owned(), sample_data, channels });
        };
        let fields = if sample_data { sample_values(template) } else { fields.read()? };
        let request = json!({ "remaining": { "to": to, "template": code } });
        let remaining: RemainingResponse = deployment.invoke("send", &request).await?;
        let dry_run = json!({ "id": random::notification_id()?, "to": to, "template": code,
                              "data": fields, "dry_run": true });
        let response: SendResponse = deployment.invoke("send", &dry_run).await?;
        let result = response.notifications.into_iter().next();
        let channels = combine(remaining.channels, result, template, sample_data);
        Ok(Self { template: code.to_owned(), sample_data, channels })
    }

    pub(super) fn is_reachable(&self) -> bool {
        self.channels.iter().any(|it| it.available)
    }
}

/// For a person whom no recipient names.
fn without_recipient(channel: &Channel) -> ChannelReachability {
    ChannelReachability {
        channel: channel.kind(),
        app: channel.app().to_owned(),
        sends: Some(0),
        available: false,
        problem: Some("no account is bound to them that could name them as a recipient".to_owned()),
        advice: Some("bind an account, or name them by app=…,open_id=…".to_owned()),
    }
}

/// Combines the two responses, which both have the template's order.
fn combine(
    remaining: Vec<ChannelRemaining>,
    result: Option<NotificationResult>,
    template: &Template,
    sample_data: bool,
) -> Vec<ChannelReachability> {
    let Some(result) = result else { return Vec::new() };
    let mut skipped = result.skipped.into_iter();
    // Between the skipped channels and the fallbacks is the chosen one.
    let mut chosen = (result.outcome == NotificationStatus::WouldSend).then_some(());
    let mut fallbacks = result.fallbacks.into_iter();
    let channels = remaining.into_iter().enumerate().map(|(index, it)| {
        let template_id = template.channels.get(index).and_then(Channel::template_id);
        let (problem, send_advice) = match skipped.next() {
            Some(skipped) => (Some(skipped.reason), skipped.advice),
            None if chosen.take().is_some() => (None, None),
            None => (fallbacks.next().and_then(|it| it.reason), None),
        };
        let available = problem.is_none() && it.sends != Some(0);
        let advice = match send_advice {
            // A problem of the sample values is none of the person.
            Some(_) if sample_data && it.sends != Some(0) => {
                Some("give the real values with --data".to_owned())
            }
            Some(advice) => Some(advice),
            None if available => None,
            None => Some(advice(it.channel, &it.app, template_id)),
        };
        ChannelReachability {
            channel: it.channel,
            app: it.app,
            sends: it.sends,
            available,
            problem,
            advice,
        }
    });
    channels.collect()
}

/// How to make a person reachable through a channel.
fn advice(channel: ChannelKind, app: &str, template_id: Option<&str>) -> String {
    let template = template_id.unwrap_or_default();
    match channel {
        ChannelKind::Template => format!(
            "have them follow {app}; if they follow already, `hongyan followers import --app {app}` \
             imports them"
        ),
        ChannelKind::Subscribe => format!(
            "have them log in to {app}, and ask for their consent there: \
             wx.requestSubscribeMessage with {template}"
        ),
        ChannelKind::Bizsend => {
            format!("ask for their consent to {template} in a web page or article of {app}")
        }
        ChannelKind::CustomerService => format!(
            "the window opens when they write to {app}, tap its menu, scan a code, follow, or enter \
             a mini program's customer service"
        ),
        ChannelKind::LegacyTemplate => {
            "remove the channel from the template: WeChat retired these messages".to_owned()
        }
    }
}

impl fmt::Display for TemplateReachability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut is_first = true;
        for it in &self.channels {
            let mark = if it.available { '+' } else { '-' };
            write!(f, "{mark} {} of {}: ", it.channel, it.app)?;
            match &it.problem {
                Some(problem) => writeln!(f, "{problem}")?,
                None if !it.available => writeln!(f, "no message may be sent")?,
                None => {
                    let role = if is_first { "would be used" } else { "is a fallback" };
                    match it.sends {
                        Some(sends) => writeln!(f, "{role}; {sends} may be sent")?,
                        None => writeln!(f, "{role}; unlimited")?,
                    }
                }
            }
            is_first = is_first && !it.available;
            if let Some(advice) = &it.advice {
                writeln!(f, "    what to do: {advice}")?;
            }
        }
        if self.sample_data {
            writeln!(f, "(with sample values; --data sets real ones)")?;
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

    fn reachability(
        sends: [Option<usize>; 3],
        result: &Value,
        sample_data: bool,
    ) -> TemplateReachability {
        let template = template();
        let channels = template.channels.iter().zip(sends);
        let remaining = channels.map(|(channel, sends)| ChannelRemaining {
            channel: channel.kind(),
            app: channel.app().to_owned(),
            sends,
        });
        let result = serde_json::from_value(result.clone()).unwrap();
        let channels = combine(remaining.collect(), Some(result), &template, sample_data);
        TemplateReachability { template: "t".to_owned(), sample_data, channels }
    }

    #[test]
    fn first_available_channel_is_used_and_the_others_have_a_reason() {
        let result = json!({
            "id": "a", "outcome": "would_send", "channel": "subscribe", "app": "mini",
            "skipped": [{ "channel": "template", "app": "shop", "reason": "doesn't follow" }],
            "fallbacks": [{ "channel": "customer_service", "app": "shop",
                            "reason": "no window is open" }],
        });
        let reachability = reachability([Some(0), Some(2), Some(0)], &result, false);
        assert!(reachability.is_reachable());
        let text = reachability.to_string();
        for expected in [
            "- template of shop: doesn't follow\n    what to do: have them follow shop",
            "+ subscribe of mini: would be used; 2 may be sent",
            "- customer_service of shop: no window is open\n    what to do: the window opens",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }

    #[test]
    fn invalid_sample_value_is_no_problem_of_the_person() {
        let result = json!({
            "id": "a", "outcome": "failed", "skipped": [
                { "channel": "template", "app": "shop", "reason": "time2: no time", "advice": "x" },
                { "channel": "subscribe", "app": "mini", "reason": "no consent" },
                { "channel": "customer_service", "app": "shop", "reason": "no window" }],
        });
        let text = reachability([None, Some(0), Some(0)], &result, true).to_string();
        assert!(text.contains("time2: no time\n    what to do: give the real values"), "{text}");
        assert!(text.contains("wx.requestSubscribeMessage with M"), "{text}");
        let real = reachability([None, Some(0), Some(0)], &result, false);
        assert!(!real.is_reachable());
        assert!(real.to_string().contains("what to do: x"), "{real}");
    }
}
