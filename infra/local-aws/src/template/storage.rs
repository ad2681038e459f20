//! Tables, queues and parameters.

use serde_json::{Value as Json, json};

use super::{
    Queue, StoredParameter,
    error::Fault,
    intrinsics::Scope,
    physical::{self, Resource},
    properties::Properties,
};
use crate::services::ssm::Kind;

/// A table as a `CreateTable` request, with its `TimeToLiveSpecification`.
pub(crate) fn table(scope: &Scope<'_>, id: &str, resource: &Resource) -> Result<Json, Fault> {
    let properties = Properties::for_resource(scope, id, resource)?;
    let mut request = json!({ "TableName": physical::name(scope, id, resource)? });
    for name in ["AttributeDefinitions", "KeySchema"] {
        request[name] = properties.required_json(name)?;
    }
    if let Some(protected) = properties.boolean("DeletionProtectionEnabled")? {
        request["DeletionProtectionEnabled"] = json!(protected);
    }
    for name in [
        "BillingMode",
        "GlobalSecondaryIndexes",
        "LocalSecondaryIndexes",
        "ProvisionedThroughput",
        "TimeToLiveSpecification",
    ] {
        if let Some(value) = properties.json(name)? {
            request[name] = value;
        }
    }
    if let Some(stream) = properties.section("StreamSpecification")? {
        // CloudFormation leaves out the flag that the request requires.
        let view = stream.required("StreamViewType")?;
        request["StreamSpecification"] = json!({ "StreamEnabled": true, "StreamViewType": view });
        stream.ignore(&["ResourcePolicy"]);
        stream.finish()?;
    }
    properties.finish()?;
    Ok(request)
}

/// A queue as `CreateQueue` takes it: every attribute a text.
pub(crate) fn queue(scope: &Scope<'_>, id: &str, resource: &Resource) -> Result<Queue, Fault> {
    let properties = Properties::for_resource(scope, id, resource)?;
    let mut queue =
        Queue { name: physical::name(scope, id, resource)?, attributes: Default::default() };
    for name in [
        "DelaySeconds",
        "MaximumMessageSize",
        "MessageRetentionPeriod",
        "ReceiveMessageWaitTimeSeconds",
        "VisibilityTimeout",
    ] {
        if let Some(number) = properties.number(name, 0, 1_209_600)? {
            queue.attributes.insert(name.to_owned(), number.to_string());
        }
    }
    if let Some(policy) = properties.section("RedrivePolicy")? {
        let target = policy.required("deadLetterTargetArn")?;
        let count = policy
            .number("maxReceiveCount", 1, 1000)?
            .ok_or_else(|| policy.fault("maxReceiveCount", "is missing"))?;
        let policy_json = json!({ "deadLetterTargetArn": target, "maxReceiveCount": count });
        queue.attributes.insert("RedrivePolicy".to_owned(), policy_json.to_string());
        policy.finish()?;
    }
    properties.finish()?;
    Ok(queue)
}

/// A parameter, which the seed and the operator put others beside.
pub(crate) fn parameter(
    scope: &Scope<'_>,
    id: &str,
    resource: &Resource,
) -> Result<StoredParameter, Fault> {
    let properties = Properties::for_resource(scope, id, resource)?;
    properties.required("Type")?;
    let kinds = [("String", Kind::String), ("StringList", Kind::StringList)];
    let kind = properties.one_of("Type", &kinds)?.unwrap_or(Kind::String);
    let name = physical::name(scope, id, resource)?;
    let parameter = StoredParameter { name, kind, value: properties.required("Value")? };
    properties.finish()?;
    Ok(parameter)
}
