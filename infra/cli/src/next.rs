//! `hongyan next`.

use crate::alarms::{AlarmSubscriptions, alarm_subscriptions};
use crate::app::registry;
use crate::concurrency::{CallbackConcurrency, callback_concurrency};
use crate::deployment::{CallbackUrl, Deployment};
use crate::error::Error;
use crate::output::CommandOutput;
use clap::Args;
use serde::Serialize;
use shared::url_key::FIRST_VERSION;
use std::fmt;

/// Show where the deployment is, and the next three steps of the setup.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hongyan next\n  hongyan --stage test next")]
pub(crate) struct Next {}

const MAX_STEPS: usize = 3;

#[derive(Debug, Serialize)]
struct NextSteps {
    stage: String,
    /// The HTTP API.
    api: String,
    callbacks: Vec<AppCallback>,
    /// The most urgent first.
    next: Vec<SetupStep>,
}

#[derive(Debug, Serialize)]
struct AppCallback {
    app: String,
    /// Without its key.
    url: String,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct SetupStep {
    action: String,
    /// The command for it, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
}

/// The state of the setup.
#[derive(Debug)]
struct SetupState {
    apps: Vec<String>,
    /// Apps without a token and key, or without an AppSecret.
    incomplete: Vec<String>,
    has_templates: bool,
    /// None if the operator may not list them.
    alarms: Option<AlarmSubscriptions>,
    /// None if the operator may not read it.
    concurrency: Option<CallbackConcurrency>,
    addresses: Vec<String>,
}

impl Next {
    pub(crate) async fn run(&self, deployment: &Deployment) -> Result<CommandOutput, Error> {
        let info = deployment.info().await?;
        let (apps, callbacks, secrets, templates, url_secret) = tokio::try_join!(
            registry::list_apps(deployment),
            deployment.parameters_under("callback"),
            deployment.parameters_under("secrets"),
            deployment.parameters_under("templates"),
            deployment.url_secret()
        )?;
        let apps: Vec<_> = apps.into_keys().collect();
        let is_incomplete =
            |app: &&String| !callbacks.contains_key(*app) || !secrets.contains_key(*app);
        let state = SetupState {
            incomplete: apps.iter().filter(is_incomplete).cloned().collect(),
            has_templates: !templates.is_empty(),
            alarms: alarm_subscriptions(deployment, info).await.ok(),
            concurrency: callback_concurrency(deployment).await.ok(),
            addresses: info.addresses.clone(),
            apps,
        };
        let callbacks = state.apps.iter().map(|app| AppCallback {
            app: app.clone(),
            url: CallbackUrl::new(info.callback_base(), app, url_secret.as_ref(), FIRST_VERSION)
                .to_string(),
        });
        Ok(CommandOutput::success(&NextSteps {
            stage: deployment.stage.clone(),
            api: info.api.clone(),
            callbacks: callbacks.collect(),
            next: next_steps(&state),
        }))
    }
}

fn next_steps(state: &SetupState) -> Vec<SetupStep> {
    let manual = |action: &str| SetupStep { action: action.to_owned(), command: None };
    let by_command = |action: &str, command: &str| SetupStep {
        action: action.to_owned(),
        command: Some(command.to_owned()),
    };
    let mut steps = Vec::new();
    if state.apps.is_empty() {
        steps.push(by_command(
            "set up your Official Account or mini program; prints what to paste into WeChat's console",
            "hongyan app add shop",
        ));
    }
    for app in &state.incomplete {
        let action = format!("complete the setup of {app}");
        steps.push(by_command(&action, &format!("hongyan app add {app}")));
    }
    match state.alarms {
        Some(AlarmSubscriptions::Pending) => {
            steps.push(manual("confirm the e-mail from AWS Notifications, or no one gets alarms"));
        }
        Some(AlarmSubscriptions::None) => {
            steps.push(manual("deploy with the parameter AlarmEmail, or no one gets alarms"));
        }
        Some(
            AlarmSubscriptions::Local
            | AlarmSubscriptions::NoTopic
            | AlarmSubscriptions::Confirmed(_),
        )
        | None => {}
    }
    if let Some((_, advice)) = state.concurrency.and_then(CallbackConcurrency::problem) {
        steps.push(manual(&format!("{advice}, or a flood of logins can displace pushes")));
    }
    if !state.addresses.is_empty() {
        steps.push(manual(&format!(
            "add {} to the IP list (IP白名单) in WeChat's console, unless you have",
            state.addresses.join(", ")
        )));
    }
    if let (Some(app), false) = (state.apps.first(), state.has_templates) {
        steps.push(by_command(
            "draft a notification template from one of WeChat's",
            &format!("hongyan template pull {app}"),
        ));
    }
    steps.push(by_command("check the deployment", "hongyan doctor"));
    if state.has_templates {
        let compare = "compare the templates with those at WeChat";
        steps.push(by_command(compare, "hongyan template check"));
        steps.push(by_command("try a first notification, as a dry run", "hongyan send --help"));
    }
    steps.truncate(MAX_STEPS);
    steps
}

impl fmt::Display for NextSteps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "The stage {} is at {}", self.stage, self.api)?;
        for callback in &self.callbacks {
            writeln!(f, "  callback URL of {:<16} {}", callback.app, callback.url)?;
        }
        writeln!(f, "Next:")?;
        for (index, step) in self.next.iter().enumerate() {
            writeln!(f, "  {}. {}", index + 1, step.action)?;
            if let Some(command) = &step.command {
                writeln!(f, "       {command}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(apps: &[&str]) -> SetupState {
        SetupState {
            apps: apps.iter().map(|&app| app.to_owned()).collect(),
            incomplete: Vec::new(),
            has_templates: false,
            alarms: Some(AlarmSubscriptions::Confirmed(1)),
            concurrency: Some(CallbackConcurrency::Reserved(100)),
            addresses: Vec::new(),
        }
    }

    fn commands(state: &SetupState) -> Vec<String> {
        next_steps(state).into_iter().map(|it| it.command.unwrap_or(it.action)).collect()
    }

    #[test]
    fn next_steps_depend_on_the_state_of_the_setup() {
        assert_eq!(commands(&state(&[])), ["hongyan app add shop", "hongyan doctor"]);
        let one = state(&["shop"]);
        assert_eq!(commands(&one), ["hongyan template pull shop", "hongyan doctor"]);
        let incomplete = SetupState { incomplete: vec!["shop".to_owned()], ..state(&["shop"]) };
        assert_eq!(commands(&incomplete)[0], "hongyan app add shop");
        let complete = SetupState { has_templates: true, ..state(&["shop"]) };
        let expected = ["hongyan doctor", "hongyan template check", "hongyan send --help"];
        assert_eq!(commands(&complete), expected);
        let shared =
            SetupState { concurrency: Some(CallbackConcurrency::Shared(1000)), ..state(&["shop"]) };
        let first = &commands(&shared)[0];
        assert!(first.contains("CallbackConcurrency=100"), "{first}");
        let pending = SetupState {
            alarms: Some(AlarmSubscriptions::Pending),
            addresses: vec!["203.0.113.9".to_owned()],
            ..state(&["shop"])
        };
        let steps = commands(&pending);
        assert_eq!(steps.len(), 3);
        assert!(steps[0].contains("confirm the e-mail"), "{steps:?}");
        assert!(steps[1].contains("203.0.113.9"), "{steps:?}");
    }
}
