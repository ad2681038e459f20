//! Compares the templates with those at WeChat.

use super::finding::Finding;
use crate::deployment::Deployment;
use crate::template::compare_templates;

const CHECK: &str = "template";

pub(super) async fn check(deployment: &Deployment) -> Vec<Finding> {
    let (stored, comparison) =
        tokio::join!(deployment.parameters_under("templates"), compare_templates(deployment, &[]));
    let count = match stored {
        Ok(stored) => stored.len(),
        Err(error) => return vec![Finding::from_error(CHECK, None, error)],
    };
    if count == 0 {
        let advice = "draft one: hongyan template pull APP";
        return vec![Finding::warning(
            CHECK,
            None,
            "there is none, so nothing can be sent",
            advice,
        )];
    }
    match comparison {
        Ok(comparison) if comparison.differences.is_empty() => {
            vec![Finding::ok(CHECK, None, format!("all {count} match those at WeChat"))]
        }
        Ok(comparison) => comparison
            .differences
            .into_iter()
            .map(|it| Finding::failed(CHECK, Some(&it.template), it.to_string(), it.advice))
            .collect(),
        Err(error) => vec![Finding::from_error(CHECK, None, error)],
    }
}
