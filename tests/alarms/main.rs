//! Alarms and graphs of the template look at what is measured, and at nothing else.
//!
//! CloudWatch accepts an alarm on a metric that no code emits, and stays silent. So
//! what alarms and graphs name is compared here with what the functions measure
//! (`shared::metric`), with what AWS measures of the services that are used, and
//! with the functions and queues that there are.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

mod named;

use local_aws::template::{DeploymentTarget, Template};
use named::{Named, named_by_alarm, named_by_widget};
use serde_json::Value;
use shared::metric;
use std::collections::BTreeMap;
use std::path::Path;

/// What AWS measures, as far as it is watched: the namespace, its metrics, and the
/// dimension that says of what.
///
/// Sources: "Types of metrics for Lambda functions" (Lambda developer guide),
/// "Available CloudWatch metrics for Amazon SQS" (SQS developer guide), "Monitor
/// CloudWatch metrics for HTTP APIs" (API Gateway developer guide).
const AWS: [(&str, &[&str], &str); 3] = [
    (
        "AWS/Lambda",
        &["Invocations", "Errors", "Throttles", "Duration", "IteratorAge"],
        "FunctionName",
    ),
    (
        "AWS/SQS",
        &["ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"],
        "QueueName",
    ),
    ("AWS/ApiGateway", &["4xx", "5xx", "Count", "Latency"], "ApiId"),
];

/// Where silence is bad news, and no news is good news everywhere else.
const HEARTBEATS: [&str; 4] =
    ["EventsScheduleAlarm", "FollowersScheduleAlarm", "SendScheduleAlarm", "TokenScheduleAlarm"];

const API: &str = "local";

/// The template, with these texts in place of others.
fn template(changes: &[(&str, &str)]) -> Template {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/aws/template.yaml");
    let mut text = std::fs::read_to_string(path).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "the template has no `{from}`");
        text = text.replace(from, to);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("template.yaml");
    std::fs::write(&path, text).unwrap();
    let place = DeploymentTarget {
        stack: "hongyan-local".to_owned(),
        region: local_aws::services::REGION.to_owned(),
        account: local_aws::services::ACCOUNT.to_owned(),
        api_id: API.to_owned(),
        http: "http://127.0.0.1:8080".to_owned(),
        aws: "http://127.0.0.1:4566".to_owned(),
    };
    // With all that there may be.
    let given = [("Stage", "local"), ("EventBus", "default")];
    let given = given.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Template::read(&path, &place, &BTreeMap::new(), &given).unwrap()
}

/// What is wrong with naming this metric.
fn wrong_with(template: &Template, named: &Named) -> Option<String> {
    let is_function = |name: &str| template.functions.iter().any(|it| it.name == name);
    let missing = |what: &str, value: &str| format!("there is no {what} `{value}`");
    if named.namespace == metric::NAMESPACE {
        let all = metric::all();
        let Some(series) = all.iter().find(|series| series.name == named.metric) else {
            return Some(format!("no function measures `{}`", named.metric));
        };
        if !series.dimensions.iter().any(|set| *set == named.dimensions) {
            return Some(format!(
                "`{}` is not kept under {:?}, only under {:?}",
                named.metric, named.dimensions, series.dimensions
            ));
        }
        let function = named.values.get("function").map(String::as_str).unwrap_or_default();
        if !is_function(function) {
            return Some(missing("function", function));
        }
        let by = function.rsplit('-').next().unwrap_or_default();
        return (!series.by.contains(&by))
            .then(|| format!("`{}` is measured by {:?}, not by {by}", named.metric, series.by));
    }
    let Some((_, metrics, dimension)) = AWS.iter().find(|it| it.0 == named.namespace) else {
        return Some(format!("nothing is known of `{}`", named.namespace));
    };
    if !metrics.contains(&named.metric.as_str()) {
        return Some(format!("`{}` has no metric `{}`", named.namespace, named.metric));
    }
    if named.dimensions != [*dimension] {
        let (metric, dimensions) = (&named.metric, &named.dimensions);
        return Some(format!("`{metric}` has the dimension {dimension}, not {dimensions:?}"));
    }
    let value = named.values[*dimension].as_str();
    let there = match *dimension {
        "FunctionName" => is_function(value),
        "QueueName" => template.queues.iter().any(|queue| queue.name == value),
        _ => value == API,
    };
    (!there).then(|| missing(dimension, value))
}

/// What is wrong with the alarms.
fn alarm_problems(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    for alarm in &template.alarms {
        let id = alarm["LogicalId"].as_str().unwrap();
        let mut problem = |what: String| problems.push(format!("{id}: {what}"));
        let named = named_by_alarm(alarm);
        if named.is_empty() {
            problem("looks at nothing".to_owned());
        }
        named.iter().filter_map(|named| wrong_with(template, named)).for_each(&mut problem);
        let missing = if HEARTBEATS.contains(&id) { "breaching" } else { "notBreaching" };
        if alarm["TreatMissingData"] != missing {
            problem(format!("`TreatMissingData` must be {missing}"));
        }
        for actions in ["AlarmActions", "OKActions"] {
            let topic = alarm[actions][0].as_str().unwrap_or_default();
            if !topic.ends_with(":hongyan-local-alarms") {
                problem(format!("`{actions}` notifies no one"));
            }
        }
        if alarm["AlarmDescription"].as_str().is_none_or(|text| !(80..1024).contains(&text.len())) {
            problem(
                "`AlarmDescription` must say what to do, in less than 1024 characters".to_owned(),
            );
        }
        let name = alarm["AlarmName"].as_str().unwrap_or_default();
        if !name.starts_with("hongyan-local-") {
            problem(format!("`AlarmName` must begin with hongyan-local-, unlike `{name}`"));
        }
        let to_go_on = alarm["ComparisonOperator"] == "LessThanThreshold";
        if HEARTBEATS.contains(&id) && !to_go_on {
            problem("a heartbeat is missed when it is too low".to_owned());
        }
    }
    let watched: Vec<_> = template.alarms.iter().flat_map(named_by_alarm).collect();
    for function in &template.functions {
        for metric in ["Errors", "Throttles", "Duration"] {
            // An import takes all the time that there is.
            if metric == "Duration" && function.binary == "followers" {
                continue;
            }
            if !watched.iter().any(|it| it.is("AWS/Lambda", metric, &function.name)) {
                problems.push(format!("no alarm watches the {metric} of {}", function.name));
            }
        }
    }
    for queue in template.queues.iter().filter(|queue| queue.name.ends_with("-dlq")) {
        let metric = "ApproximateNumberOfMessagesVisible";
        if !watched.iter().any(|it| it.is("AWS/SQS", metric, &queue.name)) {
            problems.push(format!("no alarm watches {}", queue.name));
        }
    }
    problems
}

/// What is wrong with the graphs.
fn graph_problems(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    for widget in template.dashboards.iter().flat_map(|it| it["widgets"].as_array().unwrap()) {
        let title = widget["properties"]["title"].as_str().unwrap_or("a widget");
        match named_by_widget(widget) {
            Err(problem) => problems.push(format!("{title}: {problem}")),
            Ok(named) if named.is_empty() && widget["type"] == "metric" => {
                problems.push(format!("{title}: shows nothing"));
            }
            Ok(named) => {
                let wrong = named.iter().filter_map(|named| wrong_with(template, named));
                problems.extend(wrong.map(|problem| format!("{title}: {problem}")));
            }
        }
    }
    problems
}

#[test]
fn every_alarm_watches_an_emitted_metric() {
    let template = template(&[]);
    assert!(template.alarms.len() > 20, "{}", template.alarms.len());
    assert_eq!(alarm_problems(&template), [""; 0]);
}

#[test]
fn every_graph_shows_an_emitted_metric() {
    let template = template(&[]);
    let [dashboard] = template.dashboards.as_slice() else { panic!("one dashboard") };
    assert_eq!(graph_problems(&template), [""; 0]);
    // What the functions measure is shown: whatever isn't would be paid for nothing.
    let shown: Vec<_> = dashboard["widgets"].as_array().unwrap().iter().collect();
    let shown: Vec<_> = shown.into_iter().flat_map(|it| named_by_widget(it).unwrap()).collect();
    let looked_at: Vec<_> = template.alarms.iter().flat_map(named_by_alarm).chain(shown).collect();
    for series in metric::all().into_iter().filter(|series| series.name != "token_age_seconds") {
        assert!(looked_at.iter().any(|it| it.metric == series.name), "{} is not", series.name);
    }
    // All alarms, but for the one that may not be there.
    let listed = dashboard["widgets"].as_array().unwrap().iter();
    let listed: Vec<&Value> =
        listed.filter_map(|it| it["properties"]["alarms"].as_array()).flatten().collect();
    assert_eq!(listed.len(), template.alarms.len() - 1);
}

#[test]
fn alarm_or_graph_without_a_metric_is_a_problem() {
    for (from, to, problem) in [
        ("MetricName: ambiguous", "MetricName: ambigous", "no function measures `ambigous`"),
        (
            "MetricName: oldest_due_seconds\n      Dimensions: [{ Name: function, Value: !Ref SendFunction }]",
            "MetricName: oldest_due_seconds\n      Dimensions: [{ Name: function, Value: !Ref SendFunction }, { Name: app, Value: shop }]",
            "`oldest_due_seconds` is not kept under",
        ),
        (
            "MetricName: consent_drift\n      Dimensions: [{ Name: function, Value: !Ref SendFunction }]",
            "MetricName: consent_drift\n      Dimensions: [{ Name: function, Value: !Ref LoginFunction }]",
            "is measured by [\"send\"], not by login",
        ),
        ("MetricName: IteratorAge", "MetricName: StreamAge", "has no metric `StreamAge`"),
        (
            "Value: !GetAtt NotificationsQueue.QueueName",
            "Value: mail",
            "there is no QueueName `mail`",
        ),
        ("TreatMissingData: breaching", "TreatMissingData: notBreaching", "must be breaching"),
        ("TreatMissingData: notBreaching", "TreatMissingData: missing", "must be notBreaching"),
        ("OKActions: [!Ref AlarmsTopic]", "OKActions: []", "`OKActions` notifies no one"),
        (
            "Value: !GetAtt EventsDeadLetterQueue.QueueName",
            "Value: !GetAtt NotificationsDeadLetterQueue.QueueName",
            "no alarm watches hongyan-local-events-dlq",
        ),
        (
            "MetricName: Throttles",
            "MetricName: Errors",
            "no alarm watches the Throttles of hongyan-local-callback",
        ),
        (
            "MetricName=\\\"receipts\\\"",
            "MetricName=\\\"receipt\\\"",
            "no function measures `receipt`",
        ),
        ("{Hongyan,function,code}", "{Hongyan,function,codes}", "is not kept under"),
        (
            "\"Hongyan\", \"queue_message_age_seconds\", \"function\"",
            "\"Hongyan\", \"queue_message_age_seconds\", \"app\"",
            "is not kept under",
        ),
        ("SEARCH('{Hongyan,function,app}", "SEARCH('Hongyan,function,app}", "can't be read"),
    ] {
        let template = template(&[(from, to)]);
        let problems = [alarm_problems(&template), graph_problems(&template)].concat();
        assert!(problems.iter().any(|it| it.contains(problem)), "{problem}: {problems:#?}");
    }
}
