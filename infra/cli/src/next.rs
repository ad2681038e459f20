//! `hongyan next`.

use crate::alarms::{self, Subscriptions};
use crate::answer::Answer;
use crate::app::registered;
use crate::deployment::Deployment;
use crate::error::Error;
use clap::Args;
use serde::Serialize;
use std::fmt;

/// Show where the deployment is, and the next three things to do.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hongyan next\n  hongyan --stage test next")]
pub(crate) struct Next {}

/// So many things to do are told at once.
const TOLD: usize = 3;

/// What is told.
#[derive(Debug, Serialize)]
struct Told {
    stage: String,
    /// The HTTP API.
    api: String,
    callbacks: Vec<Callback>,
    /// What to do next, the most urgent first.
    next: Vec<Step>,
}

#[derive(Debug, Serialize)]
struct Callback {
    app: String,
    url: String,
}

/// Something to do.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Step {
    what: String,
    /// The command that does it, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
}

/// What there is already.
#[derive(Debug)]
struct Present {
    apps: Vec<String>,
    /// Apps that lack their token and key, or their AppSecret.
    unfinished: Vec<String>,
    has_templates: bool,
    alarms: Option<Subscriptions>,
    addresses: Vec<String>,
}

impl Next {
    pub(crate) async fn run(&self, deployment: &Deployment) -> Result<Answer, Error> {
        let about = deployment.about().await?;
        let (apps, callbacks, secrets, templates) = tokio::try_join!(
            registered::all(deployment),
            deployment.folder("callback"),
            deployment.folder("secrets"),
            deployment.folder("templates")
        )?;
        // Who mayn't ask SNS deploys all the same.
        let alarms = alarms::subscriptions(deployment, about).await.ok();
        let apps: Vec<_> = apps.into_keys().collect();
        let lacks = |app: &&String| !callbacks.contains_key(*app) || !secrets.contains_key(*app);
        let present = Present {
            unfinished: apps.iter().filter(lacks).cloned().collect(),
            has_templates: !templates.is_empty(),
            alarms,
            addresses: about.addresses.clone(),
            apps,
        };
        let callbacks = present
            .apps
            .iter()
            .map(|app| Callback { app: app.clone(), url: format!("{}/callback/{app}", about.api) });
        Ok(Answer::of(&Told {
            stage: deployment.stage.clone(),
            api: about.api.clone(),
            callbacks: callbacks.collect(),
            next: steps(&present),
        }))
    }
}

/// The next things to do.
fn steps(present: &Present) -> Vec<Step> {
    let do_by = |what: &str, command: &str| Step {
        what: what.to_owned(),
        command: Some(command.to_owned()),
    };
    let mut steps = Vec::new();
    if present.apps.is_empty() {
        steps.push(do_by(
            "set up your Official Account or mini program; it says what to paste into WeChat's console",
            "hongyan app add shop",
        ));
    }
    for app in &present.unfinished {
        steps.push(do_by(&format!("go on setting up {app}"), &format!("hongyan app add {app}")));
    }
    match present.alarms {
        Some(Subscriptions::Pending) => steps.push(Step {
            what: "confirm the e-mail from AWS Notifications, or nobody is told of alarms"
                .to_owned(),
            command: None,
        }),
        Some(Subscriptions::Nobody) => steps.push(Step {
            what: "deploy with the parameter AlarmEmail, so that somebody is told of alarms"
                .to_owned(),
            command: None,
        }),
        Some(Subscriptions::Local | Subscriptions::NoTopic | Subscriptions::Confirmed(_))
        | None => {}
    }
    if !present.addresses.is_empty() {
        steps.push(Step {
            what: format!(
                "add {} to the IP list (IP白名单) in WeChat's console, if you haven't",
                present.addresses.join(", ")
            ),
            command: None,
        });
    }
    if let (Some(app), false) = (present.apps.first(), present.has_templates) {
        steps.push(do_by(
            "draft a template of a notification from one of WeChat's",
            &format!("hongyan template pull {app}"),
        ));
    }
    steps.push(do_by("see whether everything is in place", "hongyan doctor"));
    if present.has_templates {
        steps.push(do_by("compare the templates with those at WeChat", "hongyan template check"));
        steps.push(do_by("send a first notification, without sending it", "hongyan send --help"));
    }
    steps.truncate(TOLD);
    steps
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "The stage {} answers at {}", self.stage, self.api)?;
        for callback in &self.callbacks {
            writeln!(f, "  callback URL of {:<16} {}", callback.app, callback.url)?;
        }
        writeln!(f, "Next:")?;
        for (at, step) in self.next.iter().enumerate() {
            writeln!(f, "  {}. {}", at + 1, step.what)?;
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

    fn present(apps: &[&str]) -> Present {
        Present {
            apps: apps.iter().map(|&app| app.to_owned()).collect(),
            unfinished: Vec::new(),
            has_templates: false,
            alarms: Some(Subscriptions::Confirmed(1)),
            addresses: Vec::new(),
        }
    }

    fn commands(present: &Present) -> Vec<String> {
        steps(present).into_iter().map(|it| it.command.unwrap_or(it.what)).collect()
    }

    #[test]
    fn what_comes_next_depends_on_what_is_there() {
        assert_eq!(commands(&present(&[])), ["hongyan app add shop", "hongyan doctor"]);
        let one = present(&["shop"]);
        assert_eq!(commands(&one), ["hongyan template pull shop", "hongyan doctor"]);
        let half = Present { unfinished: vec!["shop".to_owned()], ..present(&["shop"]) };
        assert_eq!(commands(&half)[0], "hongyan app add shop");
        let all = Present { has_templates: true, ..present(&["shop"]) };
        let expected = ["hongyan doctor", "hongyan template check", "hongyan send --help"];
        assert_eq!(commands(&all), expected);
        let pending = Present {
            alarms: Some(Subscriptions::Pending),
            addresses: vec!["203.0.113.9".to_owned()],
            ..present(&["shop"])
        };
        let told = commands(&pending);
        assert_eq!(told.len(), 3);
        assert!(
            told[0].contains("confirm the e-mail") && told[1].contains("203.0.113.9"),
            "{told:?}"
        );
    }
}
