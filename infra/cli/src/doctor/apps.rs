//! What stands in the apps' parameters.

use super::finding::Finding;
use crate::app::registered::{Registered, word};
use crate::app::settings::Settings;
use crate::deployment::{Deployment, Stored};
use crate::error::Error;
use crate::moment::written;
use shared::parameters::read_callback;
use shared::secret::Secret;
use shared::wechat::callback::EncryptionMode;
use std::collections::BTreeMap;

const CHECK: &str = "app";

/// Looks at the parameters of each app, and gives what signs its greeting.
pub(super) async fn check(
    deployment: &Deployment,
    apps: &BTreeMap<String, Registered>,
) -> Result<(Vec<Finding>, BTreeMap<String, Secret>), Error> {
    if apps.is_empty() {
        let remedy = "set one up: hongyan app add shop";
        let finding = Finding::failed(
            CHECK,
            None,
            "there is none, and without any the functions don't work",
            remedy,
        );
        return Ok((vec![finding], BTreeMap::new()));
    }
    let (callbacks, secrets) =
        tokio::try_join!(deployment.folder("callback"), deployment.folder("secrets"))?;
    let (mut found, mut tokens) = (Vec::new(), BTreeMap::new());
    for (alias, app) in apps {
        let mut findings = look(deployment, app, callbacks.get(alias), secrets.get(alias));
        if findings.is_empty() {
            let kind = app.read.as_ref().map_or("", |read| word(read.kind));
            findings.push(Finding::ok(
                CHECK,
                Some(alias),
                format!("{kind}, safe mode, secrets there"),
            ));
        }
        found.append(&mut findings);
        let settings = callbacks.get(alias).and_then(|stored| Settings::read(&stored.value));
        tokens.extend(settings.map(|settings| (alias.clone(), settings.token)));
    }
    // What a removal, or a setting up, that broke off has left.
    let without = callbacks.keys().chain(secrets.keys()).filter(|alias| !apps.contains_key(*alias));
    for alias in without.collect::<std::collections::BTreeSet<_>>() {
        found.push(Finding::warning(
            CHECK,
            Some(alias),
            "there are secrets of it, and no app of this name",
            format!(
                "`hongyan app add {alias}` goes on with it; `hongyan app remove {alias}` clears up"
            ),
        ));
    }
    Ok((found, tokens))
}

/// Everything that isn't as it should be.
fn look(
    deployment: &Deployment,
    app: &Registered,
    callback: Option<&Stored>,
    secret: Option<&Stored>,
) -> Vec<Finding> {
    let alias = app.alias.as_str();
    let name = |folder: &str| deployment.parameter_name(&format!("{folder}/{alias}"));
    let mut found = Vec::new();
    let read = match &app.read {
        Ok(read) => read,
        Err(problem) => {
            let remedy = format!(
                "correct the parameter {}, or remove the app and add it again",
                name("apps")
            );
            return vec![Finding::failed(CHECK, Some(alias), problem, remedy)];
        }
    };
    for problem in &read.problems {
        let remedy = format!("correct it in the parameter {}; it is passed over", name("apps"));
        found.push(Finding::warning(CHECK, Some(alias), problem, remedy));
    }
    match callback {
        None => found.push(Finding::failed(
            CHECK,
            Some(alias),
            format!("there is no {}, so nothing of WeChat's is believed", name("callback")),
            format!("hongyan app add {alias}"),
        )),
        Some(stored) => match read_callback(&name("callback"), &read.app_id, &stored.value) {
            Err(error) => found.push(Finding::failed(
                CHECK,
                Some(alias),
                error.to_string(),
                format!("correct the parameter, or delete it and make another with `hongyan app add {alias}`"),
            )),
            Ok(callback) => {
                if callback.mode != EncryptionMode::Safe {
                    found.push(Finding::warning(
                        CHECK,
                        Some(alias),
                        "its mode isn't safe mode: whoever sees one URL of WeChat's can write whatever they like",
                        format!("choose 安全模式 in WeChat's console, and \"mode\": \"safe\" in {}", name("callback")),
                    ));
                }
                if callback.tokens.len() + callback.aes_keys.len() > 2 {
                    let since = stored.changed_at.map(written).unwrap_or_default();
                    found.push(Finding::warning(
                        CHECK,
                        Some(alias),
                        format!("its token and key are being rotated since {since}"),
                        format!("once WeChat's console has the new ones: hongyan app rotate {alias} --finish"),
                    ));
                }
            }
        },
    }
    if secret.is_none() {
        found.push(Finding::failed(
            CHECK,
            Some(alias),
            format!("there is no AppSecret: {}", name("secrets")),
            format!("hongyan app rotate {alias} --secret"),
        ));
    }
    found
}
