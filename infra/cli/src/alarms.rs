//! Who is told of alarms.

use crate::aws::failed;
use crate::deployment::{About, Deployment};
use crate::error::Error;

/// Who is told of alarms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subscriptions {
    /// The local stack has no alarms.
    Local,
    /// The deployment names no topic.
    NoTopic,
    /// Nobody has subscribed to it.
    Nobody,
    /// Somebody has, and not confirmed it.
    Pending,
    /// So many have.
    Confirmed(usize),
}

/// Asks SNS who has subscribed to the topic of alarms.
pub(crate) async fn subscriptions(
    deployment: &Deployment,
    about: &About,
) -> Result<Subscriptions, Error> {
    if deployment.is_local {
        return Ok(Subscriptions::Local);
    }
    if about.alarms.is_empty() {
        return Ok(Subscriptions::NoTopic);
    }
    let asked = deployment.sns().list_subscriptions_by_topic().topic_arn(&about.alarms);
    let answer = asked.send().await.map_err(|error| {
        let permission = format!("sns:ListSubscriptionsByTopic on {}", about.alarms);
        failed("asking who is told of alarms", &permission, &error)
    })?;
    let arns = answer.subscriptions.unwrap_or_default();
    let arns: Vec<_> = arns.iter().filter_map(|it| it.subscription_arn.as_deref()).collect();
    Ok(of(&arns))
}

/// What the subscriptions' ARNs say: until it is confirmed, one has none, but a word
/// in its place (`PendingConfirmation`, or `Deleted`).
///
/// Source: AWS's documentation, `ListSubscriptionsByTopic` and `Subscribe`.
fn of(arns: &[&str]) -> Subscriptions {
    let confirmed = arns.iter().filter(|arn| arn.starts_with("arn:")).count();
    let pending = arns.contains(&"PendingConfirmation");
    match (confirmed, pending) {
        (0, true) => Subscriptions::Pending,
        (0, false) => Subscriptions::Nobody,
        (count, _) => Subscriptions::Confirmed(count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_confirmed_subscription_is_one() {
        assert_eq!(of(&[]), Subscriptions::Nobody);
        assert_eq!(of(&["Deleted"]), Subscriptions::Nobody);
        assert_eq!(of(&["Deleted", "PendingConfirmation"]), Subscriptions::Pending);
        let both = ["PendingConfirmation", "arn:aws-cn:sns:cn-north-1:1:alarms:x"];
        assert_eq!(of(&both), Subscriptions::Confirmed(1));
    }
}
