//! Checks the apps' parameters.

use super::finding::Finding;
use crate::app::callback_settings::CallbackSettings;
use crate::app::registry::{RegisteredApp, kind_name};
use crate::deployment::{Deployment, StoredParameter};
use crate::error::Error;
use crate::timestamp::format_time;
use shared::parameters::{CallbackParameter, read_callback};
use shared::wechat::callback::EncryptionMode;
use std::collections::{BTreeMap, BTreeSet};

const CHECK: &str = "app";

/// Checks each app, and returns the callback settings of those that have some.
pub(super) async fn check(
    deployment: &Deployment,
    apps: &BTreeMap<String, RegisteredApp>,
) -> Result<(Vec<Finding>, BTreeMap<String, CallbackSettings>), Error> {
    if apps.is_empty() {
        let finding = Finding::failed(
            CHECK,
            None,
            "there is no app, and the functions don't work without one",
            "add one: hongyan app add shop",
        );
        return Ok((vec![finding], BTreeMap::new()));
    }
    let (callbacks, secrets) = tokio::try_join!(
        deployment.parameters_under("callback"),
        deployment.parameters_under("secrets")
    )?;
    let (mut findings, mut all_settings) = (Vec::new(), BTreeMap::new());
    for (alias, app) in apps {
        let problems = find_problems(deployment, app, callbacks.get(alias), secrets.get(alias));
        if problems.is_empty() {
            let kind = app.settings.as_ref().map_or("", |settings| kind_name(settings.kind));
            let found = format!("{kind}, safe mode, secrets present");
            findings.push(Finding::ok(CHECK, Some(alias), found));
        }
        findings.extend(problems);
        let settings =
            callbacks.get(alias).and_then(|stored| CallbackSettings::parse(&stored.value));
        all_settings.extend(settings.map(|settings| (alias.clone(), settings)));
    }
    // `app add` or `app remove` was interrupted.
    let orphaned: BTreeSet<_> =
        callbacks.keys().chain(secrets.keys()).filter(|alias| !apps.contains_key(*alias)).collect();
    for alias in orphaned {
        findings.push(Finding::warning(
            CHECK,
            Some(alias),
            "its secrets exist, but the app doesn't",
            format!(
                "`hongyan app add {alias}` completes it; `hongyan app remove {alias}` deletes the rest"
            ),
        ));
    }
    Ok((findings, all_settings))
}

fn find_problems(
    deployment: &Deployment,
    app: &RegisteredApp,
    callback: Option<&StoredParameter>,
    secret: Option<&StoredParameter>,
) -> Vec<Finding> {
    let alias = app.alias.as_str();
    let parameter = |path: &str| deployment.parameter_name(&format!("{path}/{alias}"));
    let failed = |found: String, advice: String| Finding::failed(CHECK, Some(alias), found, advice);
    let warning =
        |found: String, advice: String| Finding::warning(CHECK, Some(alias), found, advice);
    let mut findings = Vec::new();
    let settings = match &app.settings {
        Ok(settings) => settings,
        Err(problem) => {
            let advice = format!(
                "correct the parameter {}, or remove the app and add it again",
                parameter("apps")
            );
            return vec![failed(problem.clone(), advice)];
        }
    };
    for problem in &settings.problems {
        let advice = format!("correct it in the parameter {}; it is ignored", parameter("apps"));
        findings.push(warning(problem.clone(), advice));
    }
    match callback {
        None => findings.push(failed(
            format!("there is no {}, so every push is rejected", parameter("callback")),
            format!("hongyan app add {alias}"),
        )),
        Some(stored) => {
            match read_callback(&parameter("callback"), &settings.app_id, &stored.value) {
                Err(error) => findings.push(failed(
                    error.to_string(),
                    format!(
                        "correct the parameter, or delete it and run `hongyan app add {alias}`"
                    ),
                )),
                Ok(CallbackParameter { callback, .. }) => {
                    if callback.mode != EncryptionMode::Safe {
                        findings.push(warning(
                            "it isn't in safe mode: anyone who sees one URL of WeChat's can forge \
                             messages"
                                .to_owned(),
                            format!(
                                "choose 安全模式 in WeChat's console, and set \"mode\": \"safe\" in {}",
                                parameter("callback")
                            ),
                        ));
                    }
                    if callback.tokens.len() + callback.aes_keys.len() > 2 {
                        let since = stored.changed_at.map(format_time).unwrap_or_default();
                        findings.push(warning(
                            format!("its token and keys are being rotated since {since}"),
                            format!(
                                "once WeChat's console has the new ones: hongyan app rotate {alias} \
                                 --finish"
                            ),
                        ));
                    }
                }
            }
        }
    }
    if secret.is_none() {
        findings.push(failed(
            format!("there is no AppSecret: {}", parameter("secrets")),
            format!("hongyan app rotate {alias} --secret"),
        ));
    }
    findings
}
