//! `hongyan send`.

mod cancel;

use crate::deployment::Deployment;
use crate::error::{Error, ErrorKind};
use crate::field_values::FieldValues;
use crate::notification_text::{is_accepted, write_result};
use crate::output::CommandOutput;
use crate::person_selector::{self, PersonSelector};
use crate::terminal::Terminal;
use crate::timestamp::parse_time;
use crate::{parse, random};
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Map, Value, json};
use shared::clock::Timestamp;
use shared::parameters::ChannelKind;
use shared::send_response::{NotificationResult, SendResponse};
use std::fmt;

/// Send a notification, show what would be sent, or cancel one.
///
/// The send function uses the first available channel of the template. It sends an id
/// once: the same id again returns the outcome. Exits with status 1 unless the
/// notification is accepted for every recipient; `scheduled` and `retrying` are accepted.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  hongyan send order_shipped --to account=ann --data product=\"Blue kettle\" --data time=\"2026-11-20 15:04\" --dry-run
  hongyan send order_shipped --to account=ann --to app=shop,open_id=o6_bm… --id order-17-shipped --data-file - < fields.json
  hongyan send order_shipped --to account=ann --data-file fields.json --send-at 2026-11-21T09:00:00+08:00
  hongyan send cancel order-17-shipped"
)]
pub(crate) struct Send {
    #[command(subcommand)]
    command: Option<SendCommand>,
    /// The template's code.
    #[arg(value_parser = parse::template_code, required = true)]
    template: Option<String>,
    /// A recipient: `account=ann`, `union_id=…` or `app=shop,open_id=…`; up to 1,000 times.
    #[arg(long, value_name = "PERSON", value_parser = person_selector::parse_recipient, required = true)]
    to: Vec<PersonSelector>,
    #[command(flatten)]
    fields: FieldValues,
    /// Your id for the notification, the idempotency key [default: a random one].
    #[arg(long, value_parser = parse::request_id)]
    id: Option<String>,
    /// Only these channels, in this order: `template`, `subscribe`, `bizsend`,
    /// `customer_service`, `legacy_template`.
    #[arg(long, value_delimiter = ',', value_name = "CHANNEL", value_parser = parse_channel)]
    channels: Vec<ChannelKind>,
    /// The earliest time: 2026-11-20T15:04:00+08:00, or seconds since 1970.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    send_at: Option<Timestamp>,
    /// The latest time.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    expires_at: Option<Timestamp>,
    /// Only show what would be sent; nothing is stored, consumed or sent.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Subcommand)]
enum SendCommand {
    Cancel(cancel::Cancel),
}

#[derive(Debug, Serialize)]
struct SendOutput {
    id: String,
    /// Whether the tool generated the id.
    generated_id: bool,
    notifications: Vec<NotificationResult>,
}

impl Send {
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &Terminal,
    ) -> Result<CommandOutput, Error> {
        if let Some(SendCommand::Cancel(cancel)) = &self.command {
            return cancel.run(deployment).await;
        }
        let fields = self.fields.read()?;
        let id = match &self.id {
            Some(id) => id.clone(),
            None => random::notification_id()?,
        };
        let request = self.request(&id, &fields);
        let bar = terminal.spinner("sending");
        let response = deployment.invoke::<SendResponse>("send", &request).await;
        bar.finish_and_clear();
        let SendResponse { notifications } =
            response.map_err(|error| self.with_advice(error, &id))?;
        let success = notifications.iter().all(|it| is_accepted(it.outcome));
        let output = SendOutput { generated_id: self.id.is_none(), id, notifications };
        Ok(CommandOutput::new(&output, success))
    }

    fn request(&self, id: &str, fields: &Map<String, Value>) -> Value {
        let to: Vec<_> = self.to.iter().filter_map(PersonSelector::as_recipient).collect();
        // One recipient is an object, several are a list.
        let to = if to.len() == 1 { to.into_iter().next() } else { Some(Value::Array(to)) };
        let mut request = json!({ "id": id, "to": to, "template": self.template, "data": fields });
        if !self.channels.is_empty() {
            request["channels"] = json!(self.channels);
        }
        for (name, time) in [("send_at", self.send_at), ("expires_at", self.expires_at)] {
            if let Some(time) = time {
                request[name] = json!(time);
            }
        }
        if self.dry_run {
            request["dry_run"] = json!(true);
        }
        request
    }

    fn with_advice(&self, error: Error, id: &str) -> Error {
        let advice = match error.kind {
            ErrorKind::Conflict => format!(
                "choose another --id, or none; `hongyan notification show {id}` shows the existing one"
            ),
            ErrorKind::Invalid if error.problem.contains("there is no template") => {
                "`hongyan template list` lists the templates, `hongyan template add` adds one"
                    .to_owned()
            }
            ErrorKind::Invalid if error.problem.contains("data.") => format!(
                "give each field with --data FIELD=VALUE; `hongyan template list` shows the fields of {}",
                self.template.as_deref().unwrap_or_default()
            ),
            // It may have been sent; the id prevents a duplicate.
            ErrorKind::Unavailable | ErrorKind::Refused if !self.dry_run => {
                format!("{}; then repeat it with --id {id}: an id is sent once", error.advice)
            }
            _ => error.advice,
        };
        Error { advice, ..error }
    }
}

fn parse_channel(text: &str) -> Result<ChannelKind, String> {
    serde_json::from_value(text.into()).map_err(|_| {
        "a channel is one of template, subscribe, bizsend, customer_service, legacy_template"
            .to_owned()
    })
}

impl fmt::Display for SendOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.generated_id {
            writeln!(f, "Generated id: {}", self.id)?;
        }
        for result in &self.notifications {
            write_result(f, result)?;
            writeln!(f)?;
        }
        if self.notifications.len() > 1 {
            let accepted = self.notifications.iter().filter(|it| is_accepted(it.outcome)).count();
            write!(f, "{accepted} of {} accepted.", self.notifications.len())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct TestCli {
        #[command(flatten)]
        send: Send,
    }

    fn send(arguments: &[&str]) -> Result<Send, clap::Error> {
        TestCli::try_parse_from([&["hongyan"], arguments].concat()).map(|cli| cli.send)
    }

    #[test]
    fn arguments_become_the_request() {
        let one = send(&[
            "order_shipped",
            "--to",
            "account=ann",
            "--channels",
            "subscribe,template",
            "--send-at",
            "2026-11-20T15:04:00+08:00",
            "--expires-at",
            "1795158241",
            "--dry-run",
        ])
        .unwrap();
        let expected = json!({
            "id": "a", "to": { "account": "ann" }, "template": "order_shipped", "data": {},
            "channels": ["subscribe", "template"], "send_at": 1_795_158_240,
            "expires_at": 1_795_158_241, "dry_run": true,
        });
        assert_eq!(one.request("a", &Map::new()), expected);
        let two = send(&["t", "--to", "account=ann", "--to", "union_id=u"]).unwrap();
        let to = json!([{ "account": "ann" }, { "union_id": "u" }]);
        assert_eq!(two.request("a", &Map::new())["to"], to);
    }

    #[test]
    fn invalid_arguments_are_rejected() {
        for bad in [
            ["t"].as_slice(),
            &["--to", "account=ann"],
            &["t", "--to", "ann"],
            &["t", "--to", "account=ann", "--channels", "pigeon"],
            &["t", "--to", "account=ann", "--id", "a#0"],
            &["t", "--to", "account=ann", "--send-at", "tomorrow"],
            &["t", "--to", "account=ann", "--data", "product"],
            &["t", "--to", "account=ann", "--data", "a=b", "--data-file", "-"],
        ] {
            assert!(send(bad).is_err(), "{bad:?}");
        }
        assert!(send(&["cancel", "order-17"]).unwrap().command.is_some());
    }
}
