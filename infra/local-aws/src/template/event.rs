//! `Events`: routes and schedules, and which mapping feeds a function.

use std::time::Duration;

use super::{
    Function, Rule, Schedule, Template,
    document::Node,
    error::Fault,
    function, http_api,
    intrinsics::Scope,
    mapping,
    physical::{self, Resource},
    properties::Properties,
    role,
};
use crate::filter::Filters;
use crate::route::{Limit, Method, Path, Route};

/// How often a schedule fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// `rate(…)`: so long after the last time, the first time at the start.
    Rate(Duration),
    /// `cron(…)` of a time of day: every day, so long after midnight in UTC.
    Day(Duration),
}

/// API Gateway gives a Lambda integration 30 seconds at most, and by default
/// ("Quotas for configuring and running an HTTP API").
pub(crate) const INTEGRATION_TIMEOUT: i64 = 30_000;

/// Adds a function's events to the template.
pub(crate) fn read(
    template: &mut Template,
    scope: &Scope<'_>,
    to: &mut Function,
    globals: Option<&Node>,
    id: &str,
    resource: &Resource,
) -> Result<(), Fault> {
    let node = function::merged(globals, resource.properties.as_ref());
    let Some(events) = node.as_ref().and_then(|node| node.get("Events")) else { return Ok(()) };
    let events = Properties::new(format!("{id}.Events"), scope, Some(events), resource.line)?;
    for name in events.names() {
        let Some(event) = events.section(&name)? else { continue };
        let kind = event.required("Type")?;
        let owner = event.owner().to_owned();
        let details = event.section("Properties")?;
        let details = match details {
            Some(details) => details,
            None => Properties::new(owner, scope, None, event.line("Type"))?,
        };
        match kind.as_str() {
            "HttpApi" => {
                let route = route(scope, to, &details)?;
                template.add_route(route).map_err(|message| details.fault("Path", message))?;
            }
            "Schedule" => {
                template.schedules.extend(schedule(scope, to, id, &name, &details, "Schedule")?);
            }
            "ScheduleV2" => {
                let expression = "ScheduleExpression";
                template.schedules.extend(schedule(scope, to, id, &name, &details, expression)?);
            }
            // Two names of the same thing, the older one last.
            "EventBridgeRule" | "CloudWatchEvent" => {
                template.rules.extend(rule(to, id, &name, &details)?);
            }
            "DynamoDB" => template.streams.extend(mapping::stream(scope, to, &details)?),
            "SQS" => template.queue_mappings.extend(mapping::queue(to, &details)?),
            other => {
                return Err(event.fault("Type", format!("{other} isn't supported on this machine")));
            }
        }
        details.finish()?;
        event.finish()?;
    }
    events.finish()
}

fn route(scope: &Scope<'_>, to: &Function, properties: &Properties<'_>) -> Result<Route, Fault> {
    // There is one HTTP API at most, which `Template::parse` sees to.
    match properties.text("ApiId")? {
        Some(api) if api == scope.target.api_id && !scope.has(physical::API)? => {}
        Some(_) => {
            return Err(properties
                .fault("ApiId", "must refer to the AWS::Serverless::HttpApi of this template"));
        }
        None => {
            if let Some(api) = scope.http_api()? {
                let message = format!("is missing: SAM would make another HTTP API beside {api}");
                return Err(properties.fault("ApiId", message));
            }
        }
    }
    properties.ignore(&["RouteSettings"]); // throttling protects an account
    let authorizer = http_api::for_event(scope, properties)?;
    properties.only("PayloadFormatVersion", "2.0")?;
    let timeout = properties
        .number("TimeoutInMillis", 50, INTEGRATION_TIMEOUT)?
        .unwrap_or(INTEGRATION_TIMEOUT);
    let (method, path) = match (properties.text("Method")?, properties.text("Path")?) {
        (None, None) => (Method::Any, Path::Default),
        (Some(method), Some(path)) => (
            Method::parse(&method).map_err(|message| properties.fault("Method", message))?,
            Path::parse(&path).map_err(|message| properties.fault("Path", message))?,
        ),
        (Some(_), None) => return Err(properties.fault("Path", "is missing")),
        (None, Some(_)) => return Err(properties.fault("Method", "is missing")),
    };
    Ok(Route {
        function: to.name.clone(),
        method,
        path,
        timeout: Duration::from_millis(timeout.unsigned_abs()),
        authorizer,
        limit: Limit::default(),
    })
}

/// `RetryPolicy` is read and then has nothing to do: it is about *reaching*
/// Lambda, which always succeeds on one machine. An error of the function is
/// Lambda's to retry, as with every asynchronous invocation.
fn retries(properties: &Properties<'_>) -> Result<(), Fault> {
    let Some(policy) = properties.section("RetryPolicy")? else { return Ok(()) };
    policy.number("MaximumRetryAttempts", 0, 185)?;
    policy.number("MaximumEventAgeInSeconds", 60, 86_400)?;
    policy.finish()
}

/// What a function is told of a bus. `None` if the rule is disabled.
fn rule(
    to: &Function,
    id: &str,
    event: &str,
    properties: &Properties<'_>,
) -> Result<Option<Rule>, Fault> {
    retries(properties)?;
    let pattern = properties.required_json("Pattern")?;
    let pattern = Filters::parse(&[&pattern.to_string()])
        .map_err(|message| properties.fault("Pattern", message))?;
    let name = properties.text("RuleName")?.unwrap_or_else(|| format!("{id}{event}"));
    let bus = properties.text("EventBusName")?.unwrap_or_else(|| "default".to_owned());
    let enabled = enabled(properties)?;
    Ok(enabled.then(|| Rule { name, function: to.name.clone(), bus, pattern }))
}

/// `State`
fn enabled(properties: &Properties<'_>) -> Result<bool, Fault> {
    let enabled = properties.one_of("State", &[("ENABLED", true), ("DISABLED", false)])?;
    Ok(enabled.unwrap_or(true))
}

fn schedule(
    scope: &Scope<'_>,
    to: &Function,
    id: &str,
    event: &str,
    properties: &Properties<'_>,
    expression: &str,
) -> Result<Option<Schedule>, Fault> {
    let scheduler = expression == "ScheduleExpression";
    properties.ignore(&["Description"]);
    if scheduler {
        properties.ignore(&["GroupName", "KmsKeyArn", "OmitName", "PermissionsBoundary"]);
        if let Some(role) = role::named(scope, properties, "RoleArn", "scheduler.amazonaws.com")? {
            let function = scope.target.arn("lambda", &format!("function:{}", to.name));
            if !role.allows("lambda:InvokeFunction", &function) {
                let message =
                    format!("names a role that doesn't allow lambda:InvokeFunction on {function}");
                return Err(properties.fault("RoleArn", message));
            }
        }
        properties.ignore(&["FlexibleTimeWindow"]); // any time within it is as good
    }
    retries(properties)?;
    let zone = if scheduler { properties.text("ScheduleExpressionTimezone")? } else { None };
    let text = properties.required(expression)?;
    let every = if text.starts_with("cron(") {
        let zone = zone.as_deref().unwrap_or("UTC");
        let hours = ZONES.iter().find(|(name, _)| *name == zone).map(|(_, hours)| *hours);
        let hours = hours.ok_or_else(|| {
            let known = ZONES.map(|(name, _)| name).join(" or ");
            let message = format!("must be {known} on this machine, not {zone}");
            properties.fault("ScheduleExpressionTimezone", message)
        })?;
        cron(&text, hours * 3600)
    } else {
        // A rate knows no time of day, and so no time zone.
        rate(&text)
    };
    let every = every.map_err(|message| properties.fault(expression, message))?;
    let enabled = properties.boolean("Enabled")?.unwrap_or(true) && enabled(properties)?;
    let input = properties.text("Input")?;
    if let Some(input) = &input
        && serde_json::from_str::<serde_json::Value>(input).is_err()
    {
        return Err(properties.fault("Input", "must be JSON"));
    }
    let name = properties.text("Name")?.unwrap_or_else(|| format!("{id}{event}"));
    Ok(enabled.then(|| Schedule { name, function: to.name.clone(), every, input, scheduler }))
}

/// The time zones that schedules may name on this machine: those without summer
/// time, and how many hours they are ahead of UTC.
const ZONES: [(&str, u64); 2] = [("UTC", 0), ("Asia/Shanghai", 8)];

/// `cron(30 3 * * ? *)`: a time of day, every day. Of what else the Scheduler
/// takes in one ("Schedule types in EventBridge Scheduler"), this machine does
/// nothing.
fn cron(expression: &str, east: u64) -> Result<Every, String> {
    let wrong = || {
        format!(
            "must be a time of day, such as cron(30 3 * * ? *), on this machine, not `{expression}`"
        )
    };
    let inner = expression.strip_prefix("cron(").and_then(|rest| rest.strip_suffix(')'));
    let fields: Vec<_> = inner.ok_or_else(wrong)?.split_whitespace().collect();
    let [minute, hour, rest @ ..] = fields.as_slice() else { return Err(wrong()) };
    // One of the day of the month and that of the week has to be left open.
    if rest != ["*", "*", "?", "*"] && rest != ["?", "*", "*", "*"] {
        return Err(wrong());
    }
    let number = |text: &str, most: u64| text.parse().ok().filter(|number| *number < most);
    let minute: u64 = number(minute, 60).ok_or_else(wrong)?;
    let hour = number(hour, 24).ok_or_else(wrong)?;
    let second = hour * 3600 + minute * 60;
    Ok(Every::Day(Duration::from_secs((second + 86_400 - east) % 86_400)))
}

/// `rate(1 minute)`, `rate(5 hours)`. EventBridge has no seconds, and requires
/// the singular for one ("Schedule types in EventBridge Scheduler").
fn rate(expression: &str) -> Result<Every, String> {
    let wrong = || {
        format!(
            "must be rate(value unit), such as rate(1 minute), or a cron() of a time of day on \
             this machine, not `{expression}`"
        )
    };
    let inner = expression
        .strip_prefix("rate(")
        .and_then(|rest| rest.strip_suffix(')'))
        .ok_or_else(wrong)?;
    let (value, unit) = inner.trim().split_once(' ').ok_or_else(wrong)?;
    let value: u64 = value.parse().ok().filter(|value| *value > 0).ok_or_else(wrong)?;
    let seconds = match (unit.trim(), value) {
        ("minute", 1) | ("minutes", 2..) => 60,
        ("hour", 1) | ("hours", 2..) => 3600,
        ("day", 1) | ("days", 2..) => 86_400,
        _ => return Err(wrong()),
    };
    Ok(Every::Rate(Duration::from_secs(value * seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_as_eventbridge_reads_them() {
        let minutes = |minutes: u64| Ok(Every::Rate(Duration::from_secs(60 * minutes)));
        assert_eq!(rate("rate(1 minute)"), minutes(1));
        assert_eq!(rate("rate(90 minutes)"), minutes(90));
        assert_eq!(rate("rate(2 hours)"), minutes(120));
        for wrong in [
            "rate(1 minutes)",
            "rate(0 minutes)",
            "rate(5 minute)",
            "rate(5)",
            "rate(5 seconds)",
            "5 minutes",
            "at(2026-11-20T15:04:05)",
        ] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_of_day_is_read_in_its_time_zone() {
        let at = |hours: u64, minutes: u64| {
            Ok(Every::Day(Duration::from_secs(hours * 3600 + minutes * 60)))
        };
        assert_eq!(cron("cron(30 3 * * ? *)", 0), at(3, 30));
        assert_eq!(cron("cron(5 23 ? * * *)", 0), at(23, 5));
        assert_eq!(cron("cron(30 3 * * ? *)", 8 * 3600), at(19, 30));
        for wrong in [
            "cron(0 * * * ? *)",
            "cron(60 3 * * ? *)",
            "cron(0 24 * * ? *)",
            "cron(0 3 * * * *)",
            "cron(0 3 1 * ? *)",
            "cron(0 3 * * ?)",
            "cron(0 3 * * ? *",
        ] {
            assert!(cron(wrong, 0).is_err(), "{wrong}");
        }
    }
}
