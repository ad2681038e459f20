//! `hongyan send`.

mod cancel;

use crate::answer::Answer;
use crate::data::Data;
use crate::deployment::Deployment;
use crate::error::{Error, Kind};
use crate::moment::given;
use crate::name;
use crate::report::Report;
use crate::terminal::Terminal;
use crate::who::{self, Who};
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use shared::clock::Timestamp;
use shared::parameters::ChannelKind;
use std::fmt;

/// Send a notification, or see what would be sent; call one off.
///
/// It goes through the first of the template's channels that does, once: the same id
/// again tells what became of it. Ends with status 1 if it isn't accepted for any
/// recipient; what waits or is tried again by itself is accepted.
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
    order: Option<Order>,
    /// The template's code.
    #[arg(value_parser = name::code, required = true)]
    template: Option<String>,
    /// Who shall get it: `account=ann`, `union_id=…` or `app=shop,open_id=…`; up to 1,000 times.
    #[arg(long, value_name = "WHO", value_parser = who::recipient, required = true)]
    to: Vec<Who>,
    #[command(flatten)]
    data: Data,
    /// Your name for it; the same is sent once [default: a random one].
    #[arg(long, value_parser = id)]
    id: Option<String>,
    /// Only these channels, in this order: `template`, `subscribe`, `bizsend`,
    /// `customer_service`, `legacy_template`.
    #[arg(long, value_delimiter = ',', value_name = "CHANNEL", value_parser = channel)]
    channels: Vec<ChannelKind>,
    /// Not before then: 2026-11-20T15:04:00+08:00, or seconds since 1970.
    #[arg(long, value_name = "MOMENT", value_parser = given)]
    send_at: Option<Timestamp>,
    /// Not after then.
    #[arg(long, value_name = "MOMENT", value_parser = given)]
    expires_at: Option<Timestamp>,
    /// Only say what would be sent; nothing is stored, used up or sent.
    #[arg(long)]
    dry_run: bool,
}

/// What can be asked but to send.
#[derive(Debug, Subcommand)]
enum Order {
    Cancel(cancel::Cancel),
}

/// What is told.
#[derive(Debug, Serialize)]
struct Told {
    id: String,
    /// Nobody gave the id.
    made_up: bool,
    notifications: Vec<Report>,
}

/// What the send function answers.
#[derive(Debug, Deserialize)]
pub(crate) struct Reports {
    pub(crate) notifications: Vec<Report>,
}

impl Send {
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &Terminal,
    ) -> Result<Answer, Error> {
        if let Some(Order::Cancel(cancel)) = &self.order {
            return cancel.run(deployment).await;
        }
        deployment.about().await?;
        let fields = self.data.read()?;
        let id = match &self.id {
            Some(id) => id.clone(),
            None => made_up()?,
        };
        let request = self.request(&id, &fields);
        let bar = terminal.working("sending");
        let reports = deployment.ask::<Reports>("send", &request).await;
        bar.finish_and_clear();
        let Reports { notifications } = reports.map_err(|error| self.explain(error, &id))?;
        let well = notifications.iter().all(Report::is_accepted);
        Ok(Answer::found(&Told { made_up: self.id.is_none(), id, notifications }, well))
    }

    fn request(&self, id: &str, fields: &Map<String, Value>) -> Value {
        let to: Vec<_> = self.to.iter().filter_map(Who::recipient).collect();
        // One in a list and one alone are the same request.
        let to = if to.len() == 1 { to.into_iter().next() } else { Some(Value::Array(to)) };
        let mut request = json!({ "id": id, "to": to, "template": self.template, "data": fields });
        if !self.channels.is_empty() {
            request["channels"] = json!(self.channels);
        }
        for (name, moment) in [("send_at", self.send_at), ("expires_at", self.expires_at)] {
            if let Some(moment) = moment {
                request[name] = json!(moment);
            }
        }
        if self.dry_run {
            request["dry_run"] = json!(true);
        }
        request
    }

    /// Says what to do about what the function, or AWS, has said.
    fn explain(&self, error: Error, id: &str) -> Error {
        let advice = match error.kind {
            Kind::Conflict => format!(
                "choose another --id, or none; `hongyan notification show {id}` says what became of that one"
            ),
            Kind::Invalid if error.problem.contains("there is no template") => {
                "`hongyan template list` shows those that there are, `hongyan template add` adds one"
                    .to_owned()
            }
            Kind::Invalid if error.problem.contains("data.") => format!(
                "give each field with --data FIELD=VALUE; `hongyan template list` shows the fields of {}",
                self.template.as_deref().unwrap_or_default()
            ),
            // Whether it was sent isn't known; the id keeps it from being sent twice.
            Kind::Unavailable | Kind::Refused if !self.dry_run => {
                format!("{}; then say --id {id}: the same id is sent once", error.advice)
            }
            _ => error.advice,
        };
        Error { advice, ..error }
    }
}

/// An id that nobody has used.
pub(crate) fn made_up() -> Result<String, Error> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|_| {
        Error::new(
            Kind::Unavailable,
            "there is no randomness to make an id of",
            "give one with --id",
        )
    })?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("operator-{digits}"))
}

/// A notification's id, as the send function takes one.
pub(crate) fn id(text: &str) -> Result<String, String> {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || b"._:/-".contains(&c);
    if (1..=128).contains(&text.len()) && text.bytes().all(allowed) {
        return Ok(text.to_owned());
    }
    Err("an id has 1 to 128 letters, digits, or any of . _ : / -".to_owned())
}

fn channel(text: &str) -> Result<ChannelKind, String> {
    serde_json::from_value(text.into()).map_err(|_| {
        "a channel is one of template, subscribe, bizsend, customer_service, legacy_template"
            .to_owned()
    })
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.made_up {
            writeln!(f, "The id is made up: {}", self.id)?;
        }
        for report in &self.notifications {
            writeln!(f, "{report}")?;
        }
        if self.notifications.len() > 1 {
            let accepted = self.notifications.iter().filter(|it| it.is_accepted()).count();
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
    struct Only {
        #[command(flatten)]
        send: Send,
    }

    fn send(arguments: &[&str]) -> Result<Send, clap::Error> {
        Only::try_parse_from([&["hongyan"], arguments].concat()).map(|only| only.send)
    }

    #[test]
    fn what_is_said_is_what_is_asked() {
        let said = send(&[
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
        assert_eq!(said.request("a", &Map::new()), expected);
        let two = send(&["t", "--to", "account=ann", "--to", "union_id=u"]).unwrap();
        let to = json!([{ "account": "ann" }, { "union_id": "u" }]);
        assert_eq!(two.request("a", &Map::new())["to"], to);
    }

    #[test]
    fn what_can_not_be_meant_is_refused() {
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
        assert!(send(&["cancel", "order-17"]).unwrap().order.is_some());
    }

    #[test]
    fn a_made_up_id_is_one_that_the_function_takes() {
        let (one, other) = (made_up().unwrap(), made_up().unwrap());
        assert!(one != other && id(&one).is_ok(), "{one} {other}");
        let request = include_str!("../../../functions/send/schema/request.json");
        assert!(request.contains("^[A-Za-z0-9._:/-]{1,128}$"), "the grammar has changed there");
    }
}
