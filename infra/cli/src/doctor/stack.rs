//! Checks the stack's functions, their concurrency, dead-letter queues, alarms and signing
//! keys.

use super::finding::Finding;
use crate::alarms::{AlarmSubscriptions, alarm_subscriptions};
use crate::aws::aws_error;
use crate::concurrency::{CallbackConcurrency, callback_concurrency};
use crate::deployment::{Deployment, DeploymentInfo};
use aws_sdk_sqs::types::QueueAttributeName;
use futures_util::future::join_all;
use serde_json::Value;
use std::time::Duration;

const FUNCTIONS: [&str; 6] = ["callback", "events", "followers", "login", "send", "token"];

/// The queue of forwarded events exists only if forwarding is on.
const DEAD_LETTER_QUEUES: [&str; 3] = ["events-dlq", "forward-dlq", "notifications-dlq"];

/// Long enough for a cold start of the login function.
const JWKS_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn check(deployment: &Deployment, info: &DeploymentInfo) -> Vec<Finding> {
    let (mut findings, concurrency, queues, alarms, keys) = tokio::join!(
        check_functions(deployment),
        check_concurrency(deployment),
        check_dead_letter_queues(deployment),
        check_alarms(deployment, info),
        check_signing_keys(deployment, info)
    );
    findings.push(concurrency);
    findings.extend(queues);
    findings.push(alarms);
    findings.push(keys);
    findings
}

async fn check_functions(deployment: &Deployment) -> Vec<Finding> {
    let checks = FUNCTIONS.map(async |function| {
        deployment
            .check_invoke(function)
            .await
            .map_err(|error| Finding::from_error("function", Some(function), error))
    });
    let missing: Vec<_> = join_all(checks).await.into_iter().filter_map(Result::err).collect();
    if missing.is_empty() {
        return vec![Finding::ok("function", None, format!("{} exist", FUNCTIONS.join(", ")))];
    }
    missing
}

async fn check_concurrency(deployment: &Deployment) -> Finding {
    const CHECK: &str = "concurrency";
    let concurrency = match callback_concurrency(deployment).await {
        Ok(concurrency) => concurrency,
        Err(error) => return Finding::from_error(CHECK, None, error),
    };
    if let Some((found, advice)) = concurrency.problem() {
        return Finding::warning(CHECK, None, found, advice);
    }
    match concurrency {
        CallbackConcurrency::Reserved(count) => {
            Finding::ok(CHECK, None, format!("{count} are reserved for the callback function"))
        }
        _ => Finding::skipped(CHECK, None, "this machine has no limits of an account"),
    }
}

async fn check_dead_letter_queues(deployment: &Deployment) -> Vec<Finding> {
    const CHECK: &str = "dead_letters";
    let (sqs, prefix) = (deployment.sqs(), deployment.resource_name(""));
    let urls = match sqs.list_queues().queue_name_prefix(&prefix).send().await {
        Ok(response) => response.queue_urls.unwrap_or_default(),
        Err(error) => {
            let error = aws_error("listing the queues", "sqs:ListQueues", &error);
            return vec![Finding::from_error(CHECK, None, error)];
        }
    };
    let name = |url: &str| url.rsplit('/').next().unwrap_or_default().to_owned();
    // Another stage's name may begin with this one's and a hyphen.
    let is_dead_letter_queue = |url: &String| {
        name(url).strip_prefix(&prefix).is_some_and(|rest| DEAD_LETTER_QUEUES.contains(&rest))
    };
    let queues: Vec<_> = urls.into_iter().filter(is_dead_letter_queue).collect();
    if queues.is_empty() {
        let advice = format!("deploy the stage again (`make deploy STAGE={}`)", deployment.stage);
        let found = format!("there is no queue {prefix}…-dlq");
        return vec![Finding::failed(CHECK, None, found, advice)];
    }
    let checks = queues.iter().map(async |url| {
        let name = name(url);
        let request = sqs.get_queue_attributes().queue_url(url);
        let request = request.attribute_names(QueueAttributeName::ApproximateNumberOfMessages);
        let response = request.send().await.map_err(|error| {
            let permission = format!("sqs:GetQueueAttributes on {name}");
            let error = aws_error("reading a queue's length", &permission, &error);
            Finding::from_error(CHECK, Some(&name), error)
        })?;
        let attributes = response.attributes.unwrap_or_default();
        let count = attributes.get(&QueueAttributeName::ApproximateNumberOfMessages);
        match count.and_then(|count| count.parse::<u64>().ok()).unwrap_or_default() {
            0 => Ok(()),
            count => {
                let found = format!("it has {count} messages");
                Err(Finding::failed(CHECK, Some(&name), found, dead_letter_advice(&name)))
            }
        }
    });
    let problems: Vec<_> = join_all(checks).await.into_iter().filter_map(Result::err).collect();
    if problems.is_empty() {
        return vec![Finding::ok(CHECK, None, format!("all {} queues are empty", queues.len()))];
    }
    problems
}

fn dead_letter_advice(queue: &str) -> &'static str {
    if queue.ends_with("-notifications-dlq") {
        "the send function couldn't parse or store them: see its log, fix the cause, and move them \
         back (SQS console: Start DLQ redrive)"
    } else if queue.ends_with("-events-dlq") {
        "the events function crashed on these stream records: see its log; the sweep processes \
         their events, `hongyan events replay` does so now; then purge the queue"
    } else {
        "see the log of the function that they are for, fix the cause, and redrive or purge the queue"
    }
}

async fn check_alarms(deployment: &Deployment, info: &DeploymentInfo) -> Finding {
    const CHECK: &str = "alarms";
    let warning = |found: &str, advice: &str| Finding::warning(CHECK, None, found, advice);
    match alarm_subscriptions(deployment, info).await {
        Ok(AlarmSubscriptions::Local) => {
            Finding::skipped(CHECK, None, "there are none on this machine")
        }
        Ok(AlarmSubscriptions::NoTopic) => {
            warning("this stage has no alarm topic", "deploy it again with the current template")
        }
        Ok(AlarmSubscriptions::None) => warning(
            "alarms notify no one",
            "deploy with the parameter AlarmEmail, or subscribe to the topic (SNS)",
        ),
        Ok(AlarmSubscriptions::Pending) => warning(
            "no subscription to alarms is confirmed",
            "follow the link in the e-mail from AWS Notifications; it may be in the spam folder",
        ),
        Ok(AlarmSubscriptions::Confirmed(count)) => {
            Finding::ok(CHECK, None, format!("{count} confirmed subscriptions"))
        }
        Err(error) => Finding::from_error(CHECK, None, error),
    }
}

/// Checks that the keys that sign sessions exist and are published to authorizers.
async fn check_signing_keys(deployment: &Deployment, info: &DeploymentInfo) -> Finding {
    const CHECK: &str = "session_keys";
    let stored = match deployment.parameters_under("session/keys").await {
        Ok(stored) => stored.len(),
        Err(error) => return Finding::from_error(CHECK, None, error),
    };
    let url = format!("{}/.well-known/jwks.json", info.api);
    match count_published_keys(deployment, &url).await {
        Ok(0) | Err(_) if stored == 0 => Finding::warning(
            CHECK,
            None,
            "there are none yet",
            "the login function creates them at its first use; if logins fail, see its log",
        ),
        Ok(0) => Finding::failed(
            CHECK,
            None,
            format!("{stored} are stored, but {url} has none"),
            "see the log of the login function",
        ),
        Ok(count) => Finding::ok(CHECK, None, format!("{count} published")),
        Err(problem) => Finding::failed(
            CHECK,
            None,
            format!("{url}: {problem}"),
            "see the log of the login function; for a domain of your own, check that it points to the API",
        ),
    }
}

async fn count_published_keys(deployment: &Deployment, url: &str) -> Result<usize, String> {
    let response = deployment.http_client().get(url).timeout(JWKS_TIMEOUT).send().await;
    let response = response.map_err(|error| error.without_url().to_string())?;
    let status = response.status();
    let text = response.text().await.map_err(|error| error.without_url().to_string())?;
    if !status.is_success() {
        return Err(format!("it answers with status {}", status.as_u16()));
    }
    let jwks: Value = serde_json::from_str(&text).map_err(|_| "it isn't JSON".to_owned())?;
    Ok(jwks["keys"].as_array().map_or(0, Vec::len))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = include_str!("../../../aws/template.yaml");

    fn names_in_template(property: &str) -> Vec<&'static str> {
        let prefix = format!("{property}: !Sub hongyan-${{Stage}}-");
        let mut names: Vec<_> =
            TEMPLATE.lines().filter_map(|line| line.trim().strip_prefix(&prefix)).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn every_function_and_dead_letter_queue_of_the_template_is_checked() {
        assert_eq!(names_in_template("FunctionName"), FUNCTIONS);
        let mut queues = names_in_template("QueueName");
        queues.retain(|queue| queue.ends_with("-dlq"));
        assert_eq!(queues, DEAD_LETTER_QUEUES);
    }
}
