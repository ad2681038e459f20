//! `AWS::Serverless::Function`: what runs, and with what around it.

use std::{collections::BTreeMap, time::Duration};

use crate::services::EventInvokeConfig;

use super::{
    Function,
    document::{Entry, Node, Value},
    error::Fault,
    intrinsics::Scope,
    mapping,
    physical::{self, Resource, STREAM_LABEL},
    policies,
    properties::Properties,
    role::{self, Role},
};

/// Names that Lambda keeps for itself (developer guide, "Defined runtime
/// environment variables"); a deployment that sets one fails.
const RESERVED: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "TZ",
];

/// From which level on Lambda lets log lines pass, the most detailed first.
const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

/// `Globals.Function`. What SAM offers for other resources isn't used here.
pub(crate) fn globals(root: &Node) -> Result<Option<Node>, Fault> {
    let Some(section) = root.get("Globals") else { return Ok(None) };
    let entries = section
        .as_map()
        .ok_or_else(|| Fault::new(section.line, "Globals: sections are expected"))?;
    match entries.iter().find(|entry| entry.key != "Function") {
        Some(other) => Err(Fault::new(
            other.line,
            format!("Globals: `{}` isn't supported on this machine", other.key),
        )),
        None => Ok(section.get("Function").cloned()),
    }
}

/// A resource's properties over the global ones, merged as SAM does: maps key
/// by key, lists one after the other, anything else replaced.
pub(crate) fn merged(globals: Option<&Node>, own: Option<&Node>) -> Option<Node> {
    match (globals, own) {
        (Some(global), Some(own)) => Some(merge(global, own)),
        (one, other) => other.or(one).cloned(),
    }
}

fn merge(global: &Node, own: &Node) -> Node {
    let value = match (&global.value, &own.value) {
        (Value::Map(below), Value::Map(above))
            if global.intrinsic().is_none() && own.intrinsic().is_none() =>
        {
            let mut entries: Vec<Entry> =
                below.iter().filter(|entry| own.get(&entry.key).is_none()).cloned().collect();
            entries.extend(above.iter().map(|entry| {
                Entry {
                    node: merged(global.get(&entry.key), Some(&entry.node))
                        .unwrap_or_else(|| entry.node.clone()),
                    ..entry.clone()
                }
            }));
            Value::Map(entries)
        }
        (Value::List(below), Value::List(above)) => {
            Value::List(below.iter().chain(above).cloned().collect())
        }
        _ => own.value.clone(),
    };
    Node { line: own.line, value }
}

/// Reads one function. Its events are read by [`super::event`].
pub(crate) fn read(
    scope: &Scope<'_>,
    globals: Option<&Node>,
    id: &str,
    resource: &Resource,
) -> Result<Function, Fault> {
    let node = merged(globals, resource.properties.as_ref());
    let properties = Properties::new(id, scope, node.as_ref(), resource.line)?;
    properties.ignore_without_meaning(physical::FUNCTION);

    let code = properties.required("CodeUri")?;
    let Some(binary) = binary_of(&code) else {
        let problem =
            "must be a folder, or a zip in a folder, that is called as the function's binary";
        return Err(properties.fault("CodeUri", problem));
    };
    let runtime = properties.required("Runtime")?;
    if !runtime.starts_with("provided.") {
        return Err(properties
            .fault("Runtime", format!("must be provided.…, a binary of its own, not {runtime}")));
    }
    properties.only("PackageType", "Zip")?;
    let timeout = properties.number("Timeout", 1, 900)?.unwrap_or(3);
    let memory = properties.number("MemorySize", 128, 32_768)?.unwrap_or(128);
    let role = role::named(scope, &properties, "Role", "lambda.amazonaws.com")?;
    let has_own_role = role.is_some();
    let role = match role {
        // SAM drops these silently.
        Some(_) if properties.names().iter().any(|name| name == "Policies") => {
            return Err(properties
                .fault("Policies", "has no effect beside `Role`: write them into that role"));
        }
        Some(role) => role,
        // CloudFormation puts a random tail behind the name.
        None => Role::made_by_sam(
            format!("{}-{id}Role", scope.target.stack),
            policies::for_function(scope, &properties)?,
        ),
    };
    properties.ignore(&["AssumeRolePolicyDocument", "RolePath"]); // of a role that SAM makes
    let name = physical::name(scope, id, resource)?;
    let (log_group, log_level) = logging(&properties)?;
    let mut function = Function {
        logical_id: id.to_owned(),
        log_group: log_group.unwrap_or_else(|| format!("/aws/lambda/{name}")),
        log_level,
        name,
        binary,
        code,
        folder: None,
        description: properties.text("Description")?.unwrap_or_default(),
        handler: properties.text("Handler")?.unwrap_or_else(|| "bootstrap".to_owned()),
        timeout: Duration::from_secs(timeout.unsigned_abs()),
        memory: u32::try_from(memory).unwrap_or(128),
        reserved_concurrency: properties
            .number("ReservedConcurrentExecutions", 0, 1000)?
            .and_then(|number| usize::try_from(number).ok()),
        role: role.name,
        policy: role.policy,
        has_own_role,
        execution_role_uses: Vec::new(),
        event_invoke_config: event_invoke_config(&properties)?,
        variables: variables(&properties)?,
    };
    let group = function.log_group.clone();
    function.logs_to(scope, &group, &properties)?;
    if let Some(queue) = function.event_invoke_config.on_failure.clone() {
        function.tells_queue(scope, &queue, "EventInvokeConfig", &properties)?;
    }
    let tracing = [("Active", true), ("PassThrough", false), ("Disabled", false)];
    if properties.one_of("Tracing", &tracing)? == Some(true) {
        function.is_traced(&properties)?;
    }
    if let Some(network) = properties.section("VpcConfig")? {
        network.ignore(&["Ipv6AllowedForDualStack", "SecurityGroupIds", "SubnetIds"]);
        // AWS::NoValue leaves nothing of it.
        if !network.names().is_empty() {
            function.is_in_network(&properties)?;
        }
        network.finish()?;
    }
    properties.finish()?;
    Ok(function)
}

/// Where the log goes, and from which level on. Whether it is JSON has no meaning:
/// logs go to a terminal here, where text is easier to read.
fn logging(properties: &Properties<'_>) -> Result<(Option<String>, Option<String>), Fault> {
    let Some(logging) = properties.section("LoggingConfig")? else { return Ok((None, None)) };
    let group = logging.text("LogGroup")?;
    let format = logging.text("LogFormat")?;
    let level = logging.text("ApplicationLogLevel")?;
    let system = logging.text("SystemLogLevel")?;
    for (name, given) in [("ApplicationLogLevel", &level), ("SystemLogLevel", &system)] {
        let Some(given) = given else { continue };
        if format.as_deref() != Some("JSON") {
            return Err(logging.fault(name, "needs LogFormat: JSON"));
        }
        let levels = if name == "SystemLogLevel" { &LEVELS[1..4] } else { &LEVELS[..] };
        if !levels.contains(&given.as_str()) {
            let message = format!("must be one of {}, not {given}", levels.join(", "));
            return Err(logging.fault(name, message));
        }
    }
    logging.finish()?;
    Ok((group, level))
}

fn event_invoke_config(properties: &Properties<'_>) -> Result<EventInvokeConfig, Fault> {
    let mut config = EventInvokeConfig::default();
    let Some(section) = properties.section("EventInvokeConfig")? else { return Ok(config) };
    if let Some(retries) = section.number("MaximumRetryAttempts", 0, 2)? {
        config.retries = usize::try_from(retries).unwrap_or_default();
    }
    if let Some(seconds) = section.number("MaximumEventAgeInSeconds", 60, 21_600)? {
        config.oldest = Duration::from_secs(seconds.unsigned_abs());
    }
    config.on_failure = mapping::on_failure(&section)?;
    section.finish()?;
    Ok(config)
}

fn variables(properties: &Properties<'_>) -> Result<BTreeMap<String, String>, Fault> {
    let mut variables = BTreeMap::new();
    let Some(environment) = properties.section("Environment")? else { return Ok(variables) };
    if let Some(section) = environment.section("Variables")? {
        for name in section.names() {
            if RESERVED.contains(&name.as_str()) {
                return Err(section.fault(
                    &name,
                    "is reserved: Lambda sets it, and refuses a deployment that does",
                ));
            }
            if let Some(value) = section.text(&name)? {
                if value.ends_with(STREAM_LABEL) {
                    return Err(section.fault(&name, "can't hold a stream's ARN on this machine"));
                }
                variables.insert(name, value);
            }
        }
        section.finish()?;
    }
    environment.finish()?;
    Ok(variables)
}

/// The name of the binary: that of the folder it is deployed from, or of the one
/// that holds its zip.
fn binary_of(code: &str) -> Option<String> {
    if code.contains("://") {
        return None;
    }
    let mut parts = code.trim_end_matches('/').rsplit('/');
    let last = parts.next()?;
    let folder = if last.ends_with(".zip") { parts.next()? } else { last };
    (!matches!(folder, "" | "." | "..")).then(|| folder.to_owned())
}
