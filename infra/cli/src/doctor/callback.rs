//! Checks each app's callback over the same path as WeChat.

use super::finding::Finding;
use crate::app::callback_settings::CallbackSettings;
use crate::callback_check::check_callback;
use crate::deployment::{CallbackUrl, Deployment};
use crate::error::Error;
use futures_util::future::join_all;
use std::collections::BTreeMap;

const CHECK: &str = "callback";

pub(super) async fn check(
    deployment: &Deployment,
    settings: &BTreeMap<String, CallbackSettings>,
) -> Vec<Finding> {
    let checks = settings.iter().map(async |(alias, settings)| {
        let checked = check_app(deployment, alias, settings).await;
        checked.unwrap_or_else(|error| Finding::from_error(CHECK, Some(alias), error))
    });
    join_all(checks).await
}

async fn check_app(
    deployment: &Deployment,
    alias: &str,
    settings: &CallbackSettings,
) -> Result<Finding, Error> {
    let url = deployment.callback_url(alias, settings.url_version).await?;
    check_callback(deployment, &url, &settings.token).await?;
    let passes = format!("{url} passes URL verification");
    if !url.has_key() {
        let advice = format!(
            "`hongyan app add {alias}` makes a key, and prints the URL for WeChat's console"
        );
        let found = format!("{passes}, but has no key, so any stranger can call it");
        return Ok(Finding::warning(CHECK, Some(alias), found, advice));
    }
    let is_refused = is_refused(deployment, &url.without_key(), settings).await;
    let note = if is_refused {
        ""
    } else {
        "; so does the URL without the key: once WeChat's consoles have the one with it, set \
         CallbackWithoutKey to refused"
    };
    Ok(Finding::ok(CHECK, Some(alias), passes + note))
}

async fn is_refused(
    deployment: &Deployment,
    url: &CallbackUrl,
    settings: &CallbackSettings,
) -> bool {
    check_callback(deployment, url, &settings.token).await.is_err()
}
