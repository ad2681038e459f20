//! `hongyan person`.

mod app_findings;
mod finding;
mod sample_values;
mod template_reachability;

use crate::app::registry;
use crate::aws::aws_error;
use crate::deployment::Deployment;
use crate::error::{Error, ErrorKind};
use crate::field_values::FieldValues;
use crate::output::CommandOutput;
use crate::parse;
use crate::person_selector::{self, PersonSelector};
use crate::person_summary::{PersonSummary, find_person, person_not_found};
use crate::terminal::Terminal;
use clap::Args;
use finding::PersonFinding;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::parameters::Template;
use std::fmt;
use template_reachability::TemplateReachability;

/// Explain why a person can or can't be reached, with advice for what is missing.
///
/// With --template, checks each of its channels; nothing is sent, and sample values stand
/// in for missing --data. Prints no openid and no unionid. Exits with status 1 if the person
/// can't be reached.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan person account=ann
  hongyan person account=ann --template order_shipped
  hongyan person user=87d9fb65410b4247af24549a4aaa7348
  hongyan person app=shop,open_id=o6_bm… --template order_shipped --data product=Kettle --data time=15:04")]
pub(crate) struct Person {
    /// `account=ann`, `user=…` (the id that a login returns) or `app=shop,open_id=…`.
    #[arg(value_name = "PERSON", value_parser = person_selector::parse_person)]
    person: PersonSelector,
    /// With this template.
    #[arg(long, value_name = "CODE", value_parser = parse::template_code)]
    template: Option<String>,
    #[command(flatten)]
    fields: FieldValues,
}

#[derive(Debug, Serialize)]
struct PersonReport {
    selector: PersonSelector,
    reachable: bool,
    person: PersonSummary,
    findings: Vec<PersonFinding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<TemplateReachability>,
}

/// The send function's response to `remaining`: the apps in which it finds the person.
#[derive(Debug, Deserialize)]
struct RemainingResponse {
    apps: Vec<AppRemaining>,
}

#[derive(Debug, Deserialize)]
struct AppRemaining {
    app: String,
}

impl Person {
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &Terminal,
    ) -> Result<CommandOutput, Error> {
        if self.template.is_none() && !self.fields.is_empty() {
            return Err(Error::new(
                ErrorKind::Usage,
                "fields are given without a template",
                "name one with --template CODE",
            ));
        }
        let bar = terminal.spinner("checking");
        let report = self.check(deployment).await;
        bar.finish_and_clear();
        let report = report?;
        let reachable = report.reachable;
        Ok(CommandOutput::new(&report, reachable))
    }

    async fn check(&self, deployment: &Deployment) -> Result<PersonReport, Error> {
        let template = match &self.template {
            Some(code) => Some((code, read_template(deployment, code).await?)),
            None => None,
        };
        let (person, apps) = tokio::try_join!(
            find_person(deployment, &self.person),
            registry::list_apps(deployment)
        )?;
        let person = match (person, &self.person) {
            (Some(person), _) => person,
            // An account that isn't bound is different from one that doesn't exist.
            (None, PersonSelector::Account(account))
                if account_exists(deployment, account).await? =>
            {
                PersonSummary::default()
            }
            (None, _) => return Err(person_not_found(&self.person)),
        };
        // The send function doesn't take internal ids.
        let recipient = match &self.person {
            PersonSelector::UserId(_) => {
                person.accounts.first().cloned().map(PersonSelector::Account)
            }
            selector => Some(selector.clone()),
        };
        let mut findings = app_findings::check_apps(&person, &apps);
        if let Some(selector) = &recipient {
            let request = json!({ "remaining": { "to": selector.as_recipient() } });
            let remaining: RemainingResponse = deployment.invoke("send", &request).await?;
            let found: Vec<_> = remaining.apps.into_iter().map(|it| it.app).collect();
            findings.extend(app_findings::check_recipient(&person, &found, selector));
        }
        let template = match template {
            None => None,
            Some((code, template)) => Some(
                TemplateReachability::check(
                    deployment,
                    recipient.as_ref(),
                    code,
                    &template,
                    &self.fields,
                )
                .await?,
            ),
        };
        let reachable = match &template {
            Some(template) => template.is_reachable(),
            None => findings.iter().any(|it| it.reachable),
        };
        Ok(PersonReport { selector: self.person.clone(), reachable, person, findings, template })
    }
}

async fn read_template(deployment: &Deployment, code: &str) -> Result<Template, Error> {
    let Some(stored) = deployment.parameter(&format!("templates/{code}")).await? else {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("there is no template {code}"),
            "`hongyan template list` lists the templates",
        ));
    };
    Template::read(stored.value.expose()).map_err(|problem| {
        Error::new(
            ErrorKind::Invalid,
            format!("the template {code} is invalid: {problem}"),
            "correct it, and store it with `hongyan template add --replace`",
        )
    })
}

async fn account_exists(deployment: &Deployment, account: &str) -> Result<bool, Error> {
    let table = deployment.resource_name("mappings");
    let request = deployment.dynamodb().get_item().table_name(&table);
    let request = request.set_key(Some(shared::store::account_key(account)));
    let request = request.projection_expression("subject");
    let response = request.send().await.map_err(|error| {
        let permission = format!("dynamodb:GetItem on {table}");
        aws_error("reading the account", &permission, &error)
    })?;
    Ok(response.item.is_some())
}

impl fmt::Display for PersonReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let can = if self.reachable { "can" } else { "can't" };
        match &self.template {
            Some(template) => {
                writeln!(f, "With {}, {} {can} be reached.", template.template, self.selector)?;
                writeln!(f)?;
                writeln!(f, "{template}")?;
            }
            None => {
                writeln!(f, "This person {can} be reached: {}.", self.selector)?;
                writeln!(f)?;
            }
        }
        writeln!(f, "{}", self.person)?;
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        Ok(())
    }
}
