//! Whether the callback answers each app's greeting, over the way that WeChat takes.

use super::finding::Finding;
use crate::deployment::Deployment;
use crate::error::Kind;
use crate::greeting::greet;
use futures_util::future::join_all;
use shared::secret::Secret;
use std::collections::BTreeMap;

const CHECK: &str = "callback";

pub(super) async fn check(
    deployment: &Deployment,
    tokens: &BTreeMap<String, Secret>,
) -> Vec<Finding> {
    let greetings = tokens.iter().map(async |(alias, token)| {
        let greeted = match deployment.callback_url(alias).await {
            Ok(url) => greet(deployment, &url, token).await.map(|()| url),
            Err(error) => Err(error),
        };
        match greeted {
            Ok(url) => Finding::ok(CHECK, Some(alias), format!("{url} answers a signed greeting")),
            Err(error) if error.kind == Kind::Unavailable => {
                Finding::failed(CHECK, Some(alias), error.problem, error.advice)
            }
            Err(error) => Finding::of_error(CHECK, Some(alias), error),
        }
    });
    join_all(greetings).await
}
