//! Whether the templates fit WeChat's.

use super::finding::Finding;
use crate::deployment::Deployment;
use crate::template::differences;

const CHECK: &str = "template";

pub(super) async fn check(deployment: &Deployment) -> Vec<Finding> {
    let (stored, compared) = tokio::join!(deployment.folder("templates"), differences(deployment));
    let count = match stored {
        Ok(stored) => stored.len(),
        Err(error) => return vec![Finding::of_error(CHECK, None, error)],
    };
    if count == 0 {
        let remedy = "draft one: hongyan template pull APP";
        return vec![Finding::warning(
            CHECK,
            None,
            "there is none yet, so nothing can be sent",
            remedy,
        )];
    }
    match compared {
        Ok(differences) if differences.is_empty() => {
            vec![Finding::ok(CHECK, None, format!("all {count} fit those at WeChat"))]
        }
        Ok(differences) => differences
            .into_iter()
            .map(|it| {
                let place = it.place();
                let found =
                    if place.is_empty() { it.problem } else { format!("{place}: {}", it.problem) };
                Finding::failed(CHECK, Some(&it.template), found, it.advice)
            })
            .collect(),
        Err(error) => vec![Finding::of_error(CHECK, None, error)],
    }
}
