//! Checks each app's callback over the same path as WeChat.

use super::finding::Finding;
use crate::callback_check::check_callback;
use crate::deployment::Deployment;
use futures_util::future::join_all;
use shared::secret::Secret;
use std::collections::BTreeMap;

const CHECK: &str = "callback";

pub(super) async fn check(
    deployment: &Deployment,
    tokens: &BTreeMap<String, Secret>,
) -> Vec<Finding> {
    let checks = tokens.iter().map(async |(alias, token)| {
        let result = match deployment.callback_url(alias).await {
            Ok(url) => check_callback(deployment, &url, token).await.map(|()| url),
            Err(error) => Err(error),
        };
        match result {
            Ok(url) => Finding::ok(CHECK, Some(alias), format!("{url} passes URL verification")),
            Err(error) => Finding::from_error(CHECK, Some(alias), error),
        }
    });
    join_all(checks).await
}
