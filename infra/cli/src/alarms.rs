//! Whether alarms notify anyone.

use crate::aws::aws_error;
use crate::deployment::{Deployment, DeploymentInfo};
use crate::error::Error;

/// The subscriptions to the alarm topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AlarmSubscriptions {
    /// The local stack has no alarms.
    Local,
    /// The deployment has no alarm topic.
    NoTopic,
    None,
    /// Only unconfirmed subscriptions.
    Pending,
    /// Number of confirmed subscriptions.
    Confirmed(usize),
}

pub(crate) async fn alarm_subscriptions(
    deployment: &Deployment,
    info: &DeploymentInfo,
) -> Result<AlarmSubscriptions, Error> {
    if deployment.is_local {
        return Ok(AlarmSubscriptions::Local);
    }
    if info.alarms.is_empty() {
        return Ok(AlarmSubscriptions::NoTopic);
    }
    let request = deployment.sns().list_subscriptions_by_topic().topic_arn(&info.alarms);
    let response = request.send().await.map_err(|error| {
        let permission = format!("sns:ListSubscriptionsByTopic on {}", info.alarms);
        aws_error("listing the subscriptions to alarms", &permission, &error)
    })?;
    let arns = response.subscriptions.unwrap_or_default();
    let arns: Vec<_> = arns.iter().filter_map(|it| it.subscription_arn.as_deref()).collect();
    Ok(classify(&arns))
}

/// An unconfirmed or deleted subscription has `PendingConfirmation` or `Deleted` instead
/// of an ARN.
///
/// Source: AWS, "`ListSubscriptionsByTopic`",
/// <https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html>.
fn classify(arns: &[&str]) -> AlarmSubscriptions {
    let confirmed = arns.iter().filter(|arn| arn.starts_with("arn:")).count();
    match confirmed {
        0 if arns.contains(&"PendingConfirmation") => AlarmSubscriptions::Pending,
        0 => AlarmSubscriptions::None,
        count => AlarmSubscriptions::Confirmed(count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_confirmed_subscriptions_count() {
        assert_eq!(classify(&[]), AlarmSubscriptions::None);
        assert_eq!(classify(&["Deleted"]), AlarmSubscriptions::None);
        assert_eq!(classify(&["Deleted", "PendingConfirmation"]), AlarmSubscriptions::Pending);
        let both = ["PendingConfirmation", "arn:aws-cn:sns:cn-north-1:1:alarms:x"];
        assert_eq!(classify(&both), AlarmSubscriptions::Confirmed(1));
    }
}
