//! `hongyan person`.

mod finding;
mod in_apps;
mod route;
mod sample;

use crate::answer::Answer;
use crate::app::registered;
use crate::aws::failed;
use crate::data::Data;
use crate::deployment::Deployment;
use crate::error::{Error, Kind};
use crate::look_up::{Known, look_up, nobody};
use crate::name;
use crate::terminal::Terminal;
use crate::who::{self, Who};
use clap::Args;
use finding::Finding;
use route::Through;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::parameters::Template;
use std::fmt;

/// Why can this person be reached, or not? What is missing, and what to do about it.
///
/// With --template, through which of its channels; nothing is sent, and where no --data
/// is given, made-up values stand in their place. No openid and no unionid is told.
/// Ends with status 1 if the person can't be reached.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan person account=ann
  hongyan person account=ann --template order_shipped
  hongyan person user=87d9fb65410b4247af24549a4aaa7348
  hongyan person app=shop,open_id=o6_bm… --template order_shipped --data product=Kettle --data time=15:04")]
pub(crate) struct Person {
    /// `account=ann`, `user=…` (the id that a login answers) or `app=shop,open_id=…`.
    #[arg(value_name = "WHO", value_parser = who::person)]
    who: Who,
    /// By this template.
    #[arg(long, value_name = "CODE", value_parser = name::code)]
    template: Option<String>,
    #[command(flatten)]
    data: Data,
}

/// What is told.
#[derive(Debug, Serialize)]
struct Told {
    who: Who,
    reachable: bool,
    person: Known,
    findings: Vec<Finding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<Through>,
}

/// What the send function says of a person: the apps in which it finds them.
#[derive(Debug, Deserialize)]
struct Remaining {
    apps: Vec<Remains>,
}

#[derive(Debug, Deserialize)]
struct Remains {
    app: String,
}

impl Person {
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &Terminal,
    ) -> Result<Answer, Error> {
        deployment.about().await?;
        if self.template.is_none() && !self.data.is_missing() {
            return Err(Error::new(
                Kind::Usage,
                "fields are given, and no template",
                "name one with --template CODE",
            ));
        }
        let bar = terminal.working("looking");
        let told = self.find_out(deployment).await;
        bar.finish_and_clear();
        let told = told?;
        let well = told.reachable;
        Ok(Answer::found(&told, well))
    }

    async fn find_out(&self, deployment: &Deployment) -> Result<Told, Error> {
        let template = match &self.template {
            Some(code) => Some((code, stored_template(deployment, code).await?)),
            None => None,
        };
        let (known, apps) =
            tokio::try_join!(look_up(deployment, &self.who), registered::all(deployment))?;
        let known = match known {
            Some(known) => known,
            // It is worth knowing whether nobody has made the account, or bound it.
            None => match &self.who {
                Who::Account(account) if has_account(deployment, account).await? => {
                    Known::default()
                }
                _ => return Err(nobody(&self.who)),
            },
        };
        // The send function knows no internal ids.
        let recipient = match &self.who {
            Who::Person(_) => known.accounts.first().cloned().map(Who::Account),
            who => Some(who.clone()),
        };
        let mut findings = in_apps::findings(&known, &apps);
        if let Some(who) = &recipient {
            let asked = json!({ "remaining": { "to": who.recipient() } });
            let remaining: Remaining = deployment.ask("send", &asked).await?;
            let found: Vec<_> = remaining.apps.into_iter().map(|it| it.app).collect();
            findings.extend(in_apps::not_found(&known, &found, who));
        }
        let through = match template {
            None => None,
            Some((code, template)) => Some(
                route::through(deployment, recipient.as_ref(), code, &template, &self.data).await?,
            ),
        };
        let reachable = match &through {
            Some(through) => through.reaches(),
            None => findings.iter().any(|it| it.reaches),
        };
        Ok(Told { who: self.who.clone(), reachable, person: known, findings, template: through })
    }
}

async fn stored_template(deployment: &Deployment, code: &str) -> Result<Template, Error> {
    let Some(stored) = deployment.parameter(&format!("templates/{code}")).await? else {
        return Err(Error::new(
            Kind::NotFound,
            format!("there is no template {code}"),
            "`hongyan template list` shows those that there are",
        ));
    };
    Template::read(stored.value.expose()).map_err(|problem| {
        Error::new(
            Kind::Invalid,
            format!("the template {code} can't be read: {problem}"),
            "correct it, and store it with `hongyan template add --replace`",
        )
    })
}

/// Whether there is an account of this name.
async fn has_account(deployment: &Deployment, account: &str) -> Result<bool, Error> {
    let table = deployment.table("mappings");
    let asked = deployment.dynamodb().get_item().table_name(&table);
    let asked = asked.set_key(Some(shared::store::account_key(account)));
    let asked = asked.projection_expression("subject");
    let found = asked.send().await.map_err(|error| {
        let permission = format!("dynamodb:GetItem on {table}");
        failed("looking for the account", &permission, &error)
    })?;
    Ok(found.item.is_some())
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let can = if self.reachable { "can" } else { "can't" };
        match &self.template {
            Some(through) => {
                writeln!(f, "By {}, {} {can} be reached.", through.template, self.who)?;
            }
            None => writeln!(f, "They {can} be reached: {}.", self.who)?,
        }
        writeln!(f)?;
        if let Some(through) = &self.template {
            writeln!(f, "{through}")?;
        }
        write!(f, "{}", self.person)?;
        writeln!(f)?;
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        Ok(())
    }
}
