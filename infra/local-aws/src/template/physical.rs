//! What a resource is called on this machine: its name, its ARN, its URL.

use super::{document::Node, error::Fault, intrinsics::Scope};

/// A resource as it stands in the template, before anything is worked out.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    pub(crate) line: usize,
    /// `AWS::DynamoDB::Table`, say.
    pub(crate) kind: String,
    pub(crate) properties: Option<Node>,
    pub(crate) condition: Option<String>,
    /// What is made before it, as far as the template says so.
    pub(crate) depends_on: Vec<String>,
}

pub(crate) const FUNCTION: &str = "AWS::Serverless::Function";
/// An HTTP API whose routes are events of functions.
pub(crate) const HTTP_API: &str = "AWS::Serverless::HttpApi";
/// An HTTP API whose routes are resources.
pub(crate) const API: &str = "AWS::ApiGatewayV2::Api";
pub(crate) const AUTHORIZER: &str = "AWS::ApiGatewayV2::Authorizer";
pub(crate) const INTEGRATION: &str = "AWS::ApiGatewayV2::Integration";
pub(crate) const ROUTE: &str = "AWS::ApiGatewayV2::Route";
pub(crate) const STAGE: &str = "AWS::ApiGatewayV2::Stage";
pub(crate) const PERMISSION: &str = "AWS::Lambda::Permission";
pub(crate) const TABLE: &str = "AWS::DynamoDB::Table";
pub(crate) const QUEUE: &str = "AWS::SQS::Queue";
pub(crate) const PIPE: &str = "AWS::Pipes::Pipe";
pub(crate) const ROLE: &str = "AWS::IAM::Role";
pub(crate) const PARAMETER: &str = "AWS::SSM::Parameter";
pub(crate) const LOG_GROUP: &str = "AWS::Logs::LogGroup";
/// What calls come from on this machine: its own address.
pub(crate) const ADDRESS: &str = "AWS::EC2::EIP";
pub(crate) const TOPIC: &str = "AWS::SNS::Topic";
pub(crate) const ALARM: &str = "AWS::CloudWatch::Alarm";
pub(crate) const DASHBOARD: &str = "AWS::CloudWatch::Dashboard";

/// The last part of a stream's ARN where the template names it. DynamoDB
/// gives a stream its true label only when it makes the table.
pub(crate) const STREAM_LABEL: &str = "/stream/local";

/// The name of a resource: what is written, or the stack's name and the
/// logical id, as CloudFormation would make it up (without its random tail).
pub(crate) fn name(scope: &Scope<'_>, id: &str, resource: &Resource) -> Result<String, Fault> {
    let property = match resource.kind.as_str() {
        FUNCTION => "FunctionName",
        TABLE => "TableName",
        QUEUE => "QueueName",
        PIPE | PARAMETER => "Name",
        ROLE => "RoleName",
        LOG_GROUP => "LogGroupName",
        TOPIC => "TopicName",
        ALARM => "AlarmName",
        DASHBOARD => "DashboardName",
        _ => return Ok(id.to_owned()),
    };
    let written = resource.properties.as_ref().and_then(|properties| properties.get(property));
    let written = written.map(|node| scope.resolve(node)).transpose()?.flatten();
    match written {
        Some(node) => node
            .as_text()
            .map(str::to_owned)
            .ok_or_else(|| Fault::new(node.line, format!("{id}: `{property}` must be a text"))),
        None => Ok(format!("{}-{id}", scope.target.stack)),
    }
}

/// What `Ref` gives.
pub(crate) fn reference(scope: &Scope<'_>, id: &str, line: usize) -> Result<String, Fault> {
    if id == "ServerlessHttpApi" {
        return Ok(scope.target.api_id.clone()); // the API that SAM makes by itself
    }
    let resource = find(scope, id, line)?;
    match resource.kind.as_str() {
        FUNCTION | TABLE | PIPE | ROLE | PARAMETER | LOG_GROUP => name(scope, id, resource),
        ADDRESS => Ok("127.0.0.1".to_owned()),
        TOPIC => Ok(scope.target.arn("sns", &name(scope, id, resource)?)),
        QUEUE => Ok(scope.target.queue_url(&name(scope, id, resource)?)),
        HTTP_API | API => Ok(scope.target.api_id.clone()),
        AUTHORIZER | INTEGRATION => Ok(id.to_owned()),
        kind => Err(foreign(id, kind, line)),
    }
}

/// What `Fn::GetAtt` gives.
pub(crate) fn attribute(
    scope: &Scope<'_>,
    id: &str,
    attribute: &str,
    line: usize,
) -> Result<String, Fault> {
    let resource = find(scope, id, line)?;
    let name = name(scope, id, resource)?;
    let target = scope.target;
    match (resource.kind.as_str(), attribute) {
        (FUNCTION, "Arn") => Ok(target.arn("lambda", &format!("function:{name}"))),
        (TABLE, "Arn") => Ok(target.arn("dynamodb", &format!("table/{name}"))),
        (TABLE, "StreamArn") => Ok(target.arn("dynamodb", &format!("table/{name}{STREAM_LABEL}"))),
        (QUEUE, "Arn") => Ok(target.arn("sqs", &name)),
        (QUEUE, "QueueName") => Ok(name),
        (QUEUE, "QueueUrl") => Ok(target.queue_url(&name)),
        (PIPE, "Arn") => Ok(target.arn("pipes", &format!("pipe/{name}"))),
        (ROLE, "Arn") => Ok(target.role(&name)),
        (ALARM, "Arn") => Ok(target.arn("cloudwatch", &format!("alarm:{name}"))),
        (TOPIC, "TopicArn") => Ok(target.arn("sns", &name)),
        // As policies have to name a group: with all its streams.
        (LOG_GROUP, "Arn") => Ok(target.arn("logs", &format!("log-group:{name}:*"))),
        (HTTP_API | API, "ApiEndpoint") => Ok(target.http.clone()),
        (
            FUNCTION | TABLE | QUEUE | PIPE | HTTP_API | API | ROLE | TOPIC | LOG_GROUP | PARAMETER
            | ALARM,
            _,
        ) => Err(Fault::new(
            line,
            format!("{id}: the attribute `{attribute}` isn't known on this machine"),
        )),
        (kind, _) => Err(foreign(id, kind, line)),
    }
}

fn find<'s>(scope: &'s Scope<'_>, id: &str, line: usize) -> Result<&'s Resource, Fault> {
    let resource = scope
        .resource(id)
        .ok_or_else(|| Fault::new(line, format!("there is no parameter or resource `{id}`")))?;
    match &resource.condition {
        Some(condition) if !scope.condition(condition, line)? => Err(Fault::new(
            line,
            format!("`{id}` doesn't exist: its condition `{condition}` is false"),
        )),
        _ => Ok(resource),
    }
}

fn foreign(id: &str, kind: &str, line: usize) -> Fault {
    Fault::new(
        line,
        format!("`{id}` is an {kind}, which doesn't exist on this machine and has no name to give"),
    )
}
