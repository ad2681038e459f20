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
/// WeChat repeats a push within a minute, and no clock is wrong by an hour.
const MAX_WINDOW_SECS: u64 = 3600;

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
                            format!(
                                "it isn't in safe mode but in {} mode: anyone who sees one URL of \
                                 WeChat's can forge messages",
                                mode_name(callback.mode)
                            ),
                            format!(
                                "choose 安全模式 in WeChat's console, and set \"mode\": \"safe\" in {}",
                                parameter("callback")
                            ),
                        ));
                    }
                    if let Some(problem) = window_problem(callback.window) {
                        findings.push(warning(
                            problem,
                            format!("remove timestamp_window from {}", parameter("callback")),
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

fn mode_name(mode: EncryptionMode) -> &'static str {
    match mode {
        EncryptionMode::Plaintext => "plaintext",
        EncryptionMode::Compatible => "compatible",
        EncryptionMode::Safe => "safe",
    }
}

/// What a `timestamp_window` lets in, if it lets in more than it should. A push of more than
/// a month ago has no row any more by which a repeat of it could be recognised.
fn window_problem(seconds: u64) -> Option<String> {
    match seconds {
        0 => Some(
            "timestamp_window is 0: a person who has recorded a push of WeChat's can send it again at \
             any time, and an old consent counts anew"
                .to_owned(),
        ),
        _ if seconds > MAX_WINDOW_SECS => Some(format!(
            "timestamp_window is {seconds} seconds: a person who has recorded a push of WeChat's can \
             send it again for as long"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_that_lets_in_old_pushes_is_a_problem() {
        for seconds in [1, 300, 3600] {
            assert_eq!(window_problem(seconds), None, "{seconds}");
        }
        for seconds in [0, 3601, u64::MAX] {
            assert!(window_problem(seconds).unwrap().contains("timestamp_window"), "{seconds}");
        }
    }
}
