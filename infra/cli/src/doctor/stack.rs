//! What the template made: functions, queues, the topic of alarms, keys.

use super::finding::Finding;
use crate::alarms::{self, Subscriptions};
use crate::aws::failed;
use crate::deployment::{About, Deployment};
use aws_sdk_sqs::types::QueueAttributeName;
use futures_util::future::join_all;
use serde_json::Value;
use std::time::Duration;

/// All functions.
const FUNCTIONS: [&str; 6] = ["callback", "events", "followers", "login", "send", "token"];

/// All dead-letter queues. That of forwarded events is there only if they are.
const DEAD_LETTERS: [&str; 3] = ["events-dlq", "forward-dlq", "notifications-dlq"];

/// The page of keys is answered within a second, unless the function starts.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn check(deployment: &Deployment, about: &About) -> Vec<Finding> {
    let (mut found, queues, alarms, keys) = tokio::join!(
        functions(deployment),
        queues(deployment),
        alarms_told(deployment, about),
        keys(deployment, about)
    );
    found.extend(queues);
    found.push(alarms);
    found.push(keys);
    found
}

/// Whether the functions are there and may be invoked.
async fn functions(deployment: &Deployment) -> Vec<Finding> {
    let looks = FUNCTIONS.map(async |function| {
        deployment
            .can_invoke(function)
            .await
            .map_err(|error| Finding::of_error("function", Some(function), error))
    });
    let missing: Vec<_> = join_all(looks).await.into_iter().filter_map(Result::err).collect();
    if missing.is_empty() {
        return vec![Finding::ok("function", None, format!("{} are there", FUNCTIONS.join(", ")))];
    }
    missing
}

/// Whether anything lies in a dead-letter queue.
async fn queues(deployment: &Deployment) -> Vec<Finding> {
    const CHECK: &str = "dead_letters";
    let (sqs, prefix) = (deployment.sqs(), deployment.table(""));
    let listed = sqs.list_queues().queue_name_prefix(&prefix).send().await;
    let listed = match listed {
        Ok(listed) => listed.queue_urls.unwrap_or_default(),
        Err(error) => {
            let error = failed("listing the queues", "sqs:ListQueues", &error);
            return vec![Finding::of_error(CHECK, None, error)];
        }
    };
    let name = |url: &str| url.rsplit('/').next().unwrap_or_default().to_owned();
    // The prefix is also that of a stage whose name goes on with a hyphen.
    let is_dead = |url: &String| {
        name(url).strip_prefix(&prefix).is_some_and(|rest| DEAD_LETTERS.contains(&rest))
    };
    let dead: Vec<_> = listed.into_iter().filter(is_dead).collect();
    if dead.is_empty() {
        let advice = format!("deploy the stage again (`make deploy STAGE={}`)", deployment.stage);
        return vec![Finding::failed(
            CHECK,
            None,
            format!("there is no queue {prefix}…-dlq"),
            advice,
        )];
    }
    let looks = dead.iter().map(async |url| {
        let name = name(url);
        let asked = sqs.get_queue_attributes().queue_url(url);
        let asked = asked.attribute_names(QueueAttributeName::ApproximateNumberOfMessages);
        let answer = asked.send().await.map_err(|error| {
            let permission = format!("sqs:GetQueueAttributes on {name}");
            Finding::of_error(CHECK, Some(&name), failed("looking at a queue", &permission, &error))
        })?;
        let attributes = answer.attributes.unwrap_or_default();
        let count = attributes.get(&QueueAttributeName::ApproximateNumberOfMessages);
        match count.and_then(|count| count.parse::<u64>().ok()).unwrap_or_default() {
            0 => Ok(()),
            count => Err(Finding::failed(
                CHECK,
                Some(&name),
                format!("{count} messages lie there"),
                remedy(&name),
            )),
        }
    });
    let found: Vec<_> = join_all(looks).await.into_iter().filter_map(Result::err).collect();
    if found.is_empty() {
        return vec![Finding::ok(CHECK, None, format!("all {} queues are empty", dead.len()))];
    }
    found
}

/// What to do with what lies in a dead-letter queue.
fn remedy(queue: &str) -> String {
    let what = if queue.ends_with("-notifications-dlq") {
        "they could not be understood or stored: see the send function's log, mend the cause, and put \
         them back (SQS console: Start DLQ redrive)"
    } else if queue.ends_with("-events-dlq") {
        "records of the events table's stream that its function died of: see its log; the sweep applies \
         their events, and `hongyan events replay` does it now; then purge the queue"
    } else {
        "see the log of the function that they are for, mend the cause, and redrive or purge the queue"
    };
    what.to_owned()
}

/// Whether anybody is told of alarms.
async fn alarms_told(deployment: &Deployment, about: &About) -> Finding {
    const CHECK: &str = "alarms";
    match alarms::subscriptions(deployment, about).await {
        Ok(Subscriptions::Local) => Finding::skipped(CHECK, None, "there are none on this machine"),
        Ok(Subscriptions::NoTopic) => Finding::warning(
            CHECK,
            None,
            "this stage has no topic for alarms",
            "deploy it again with a template that has one",
        ),
        Ok(Subscriptions::Nobody) => Finding::warning(
            CHECK,
            None,
            "nobody is told of alarms",
            "deploy with the parameter AlarmEmail, or subscribe somebody to the topic (SNS)",
        ),
        Ok(Subscriptions::Pending) => Finding::warning(
            CHECK,
            None,
            "nobody has confirmed yet that they want to be told of alarms",
            "follow the link in the e-mail from AWS Notifications; it may lie in the spam folder",
        ),
        Ok(Subscriptions::Confirmed(count)) => Finding::ok(CHECK, None, format!("told to {count}")),
        Err(error) => Finding::of_error(CHECK, None, error),
    }
}

/// Whether there are keys that sign sessions, and authorizers can read them.
async fn keys(deployment: &Deployment, about: &About) -> Finding {
    const CHECK: &str = "session_keys";
    let stored = match deployment.folder("session/keys").await {
        Ok(stored) => stored.len(),
        Err(error) => return Finding::of_error(CHECK, None, error),
    };
    let url = format!("{}/.well-known/jwks.json", about.api);
    match published(deployment, &url).await {
        Ok(0) | Err(_) if stored == 0 => Finding::warning(
            CHECK,
            None,
            "there are none yet",
            "the login function makes them when it is first used; see its log if nobody can log in",
        ),
        Ok(0) => Finding::failed(
            CHECK,
            None,
            format!("{stored} are stored, and {url} shows none"),
            "see the log of the login function",
        ),
        Ok(count) => Finding::ok(CHECK, None, format!("{count} published")),
        Err(problem) => Finding::failed(
            CHECK,
            None,
            format!("{url}: {problem}"),
            "see the log of the login function; for a domain of your own, whether it leads to the API",
        ),
    }
}

/// So many keys stand on the page that authorizers read.
async fn published(deployment: &Deployment, url: &str) -> Result<usize, String> {
    let answer = deployment.web().get(url).timeout(PATIENCE).send().await;
    let answer = answer.map_err(|error| error.without_url().to_string())?;
    let status = answer.status();
    let text = answer.text().await.map_err(|error| error.without_url().to_string())?;
    if !status.is_success() {
        return Err(format!("answered with status {}", status.as_u16()));
    }
    let page: Value = serde_json::from_str(&text).map_err(|_| "it isn't JSON".to_owned())?;
    Ok(page["keys"].as_array().map_or(0, Vec::len))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = include_str!("../../../aws/template.yaml");

    fn named(what: &str) -> Vec<&'static str> {
        let prefix = format!("{what}: !Sub hongyan-${{Stage}}-");
        TEMPLATE.lines().filter_map(|line| line.trim().strip_prefix(&prefix)).collect()
    }

    #[test]
    fn everything_that_the_template_makes_is_looked_at() {
        let mut functions = named("FunctionName");
        functions.sort_unstable();
        assert_eq!(functions, FUNCTIONS);
        let mut queues = named("QueueName");
        queues.retain(|queue| queue.ends_with("-dlq"));
        queues.sort_unstable();
        assert_eq!(queues, DEAD_LETTERS);
    }
}
