//! Pipes: a table's stream that goes to a bus, by way of a function.
//!
//! Names and limits: the CloudFormation reference's `AWS::Pipes::Pipe`, and the
//! EventBridge user guide, "Amazon EventBridge Pipes batching and concurrency".

use super::{
    BusTarget, Pipe, StreamMapping,
    error::Fault,
    intrinsics::Scope,
    mapping,
    physical::{self, Resource},
    properties::Properties,
    role,
};

/// How many events a bus takes at once. A pipe may not read larger batches.
const MAX_BATCH_SIZE: i64 = 10;

/// `None` if it is stopped.
pub(crate) fn read(
    scope: &Scope<'_>,
    id: &str,
    resource: &Resource,
) -> Result<Option<Pipe>, Fault> {
    let properties = Properties::for_resource(scope, id, resource)?;
    let name = physical::name(scope, id, resource)?;
    let table = properties.table_of_stream("Source")?;
    let function = function(scope, &properties)?;
    let stream = stream(&properties, &function, table)?;
    let bus = bus_target(&properties)?;
    role(scope, &properties, &function, &stream, &bus)?;
    let running = properties.one_of("DesiredState", &[("RUNNING", true), ("STOPPED", false)])?;
    properties.finish()?;
    Ok(running.unwrap_or(true).then_some(Pipe { name, stream, target: bus }))
}

/// The function that enriches.
fn function(scope: &Scope<'_>, properties: &Properties<'_>) -> Result<String, Fault> {
    const EXPECTED: &str =
        "Arn of a function in this template: a pipe without one isn't supported on this machine";
    let wrong = || properties.fault("Enrichment", format!("must be the {EXPECTED}"));
    properties.text("Enrichment")?.ok_or_else(wrong)?;
    let function = properties.name_in_arn("Enrichment", ("lambda", "function:"), EXPECTED)?;
    if scope.has_function(&function)? { Ok(function) } else { Err(wrong()) }
}

/// Whether the pipe's role allows what the pipe does ("Amazon EventBridge Pipes
/// permissions" in the EventBridge user guide).
fn role(
    scope: &Scope<'_>,
    properties: &Properties<'_>,
    function: &str,
    stream: &StreamMapping,
    bus: &BusTarget,
) -> Result<(), Fault> {
    let Some(role) = role::named(scope, properties, "RoleArn", "pipes.amazonaws.com")? else {
        return Err(properties.fault("RoleArn", "is missing"));
    };
    let source = properties.required("Source")?;
    let target = scope.target;
    let mut done = vec![
        ("dynamodb:DescribeStream", source.clone()),
        ("dynamodb:GetRecords", source.clone()),
        ("dynamodb:GetShardIterator", source.clone()),
        ("dynamodb:ListStreams", source),
        ("lambda:InvokeFunction", target.arn("lambda", &format!("function:{function}"))),
        ("events:PutEvents", target.arn("events", &format!("event-bus/{}", bus.bus))),
    ];
    done.extend(stream.on_failure.iter().map(|dead| ("sqs:SendMessage", target.arn("sqs", dead))));
    match done.iter().find(|(action, resource)| !role.allows(action, resource)) {
        None => Ok(()),
        Some((action, resource)) => {
            let message = format!("names a role that doesn't allow {action} on {resource}");
            Err(properties.fault("RoleArn", message))
        }
    }
}

fn stream(
    properties: &Properties<'_>,
    function: &str,
    table: String,
) -> Result<StreamMapping, Fault> {
    let source = properties.required_section("SourceParameters")?;
    let stream = source.required_section("DynamoDBStreamParameters")?;
    let batch_size = stream.number("BatchSize", 1, MAX_BATCH_SIZE)?.ok_or_else(|| {
        let what = format!(
            "is missing: a bus takes {MAX_BATCH_SIZE} at most, and a stream's default is 100"
        );
        stream.fault("BatchSize", what)
    })?;
    let bisect = stream.one_of("OnPartialBatchItemFailure", &[("AUTOMATIC_BISECT", true)])?;
    let mut on_failure = None;
    if let Some(dead) = stream.section("DeadLetterConfig")? {
        on_failure = Some(dead.queue("Arn")?);
        dead.finish()?;
    }
    let mapping = StreamMapping {
        batch_size: usize::try_from(batch_size).unwrap_or(1),
        bisect: bisect.unwrap_or(false),
        on_failure,
        filters: mapping::filters(&source)?,
        ..mapping::reading(function, table, &stream)?
    };
    stream.finish()?;
    source.finish()?;
    Ok(mapping)
}

fn bus_target(properties: &Properties<'_>) -> Result<BusTarget, Fault> {
    let what = "Arn of an event bus of this account and region";
    let bus = properties.name_in_arn("Target", ("events", "event-bus/"), what)?;
    let parameters = properties.required_section("TargetParameters")?;
    let event = parameters.required_section("EventBridgeEventBusParameters")?;
    let target = BusTarget {
        bus,
        source: fixed(&event, "Source", event.required("Source")?)?,
        detail_type: fixed(&event, "DetailType", event.required("DetailType")?)?,
        resources: event
            .texts("Resources")?
            .into_iter()
            .map(|resource| fixed(&event, "Resources", resource))
            .collect::<Result<_, _>>()?,
    };
    event.finish()?;
    parameters.finish()?;
    Ok(target)
}

/// A text that is the same for every event, rather than a path into it.
fn fixed(event: &Properties<'_>, name: &str, text: String) -> Result<String, Fault> {
    if text.starts_with('$') {
        let message = format!("can't be taken out of the event (`{text}`) on this machine");
        return Err(event.fault(name, message));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_refused, parse};
    use super::*;

    const PIPE: &str = "\
Transform: AWS::Serverless-2016-10-31
Resources:
  Tell:
    Type: AWS::Pipes::Pipe
    Properties:
      RoleArn: !GetAtt Role.Arn
      Source: !GetAtt Rows.StreamArn
      SourceParameters:
        DynamoDBStreamParameters:
          StartingPosition: TRIM_HORIZON
          BatchSize: 10
          DeadLetterConfig: { Arn: !GetAtt Dead.Arn }
      Enrichment: !GetAtt One.Arn
      Target: !Sub arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/orders
      TargetParameters:
        EventBridgeEventBusParameters: { Source: shop, DetailType: Order, Resources: [!GetAtt Tell.Arn] }
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: { Statement: { Effect: Allow, Principal: { Service: pipes.amazonaws.com }, Action: sts:AssumeRole } }
      Policies: [{ PolicyName: all, PolicyDocument: { Statement: { Effect: Allow, Action: [dynamodb:*, events:*, lambda:*, sqs:SendMessage], Resource: '*' } } }]
  Dead: { Type: AWS::SQS::Queue }
  Rows: { Type: AWS::DynamoDB::Table, Properties: { KeySchema: [], AttributeDefinitions: [], StreamSpecification: { StreamViewType: NEW_IMAGE } } }
  One: { Type: AWS::Serverless::Function, Properties: { Runtime: provided.al2023, CodeUri: one/ } }
";

    #[test]
    fn a_pipe_is_read_in_full() {
        let [pipe] = parse(PIPE).unwrap().pipes.try_into().unwrap();
        assert_eq!(pipe.name, "shop-Tell");
        assert_eq!(
            (pipe.stream.function.as_str(), pipe.stream.table.as_str()),
            ("shop-One", "shop-Rows")
        );
        assert_eq!((pipe.stream.batch_size, pipe.stream.retries), (10, None));
        assert!(!pipe.stream.bisect);
        assert_eq!(pipe.stream.on_failure.as_deref(), Some("shop-Dead"));
        let target = BusTarget {
            bus: "orders".to_owned(),
            source: "shop".to_owned(),
            detail_type: "Order".to_owned(),
            resources: vec!["arn:aws:pipes:us-east-1:000000000000:pipe/shop-Tell".to_owned()],
        };
        assert_eq!(pipe.target, target);
        let stopped = PIPE.replace("RoleArn", "DesiredState: STOPPED\n      RoleArn");
        assert!(parse(&stopped).unwrap().pipes.is_empty());
    }

    #[test]
    fn unsupported_pipe_is_refused_with_its_line() {
        for (from, to, line, message) in [
            (
                "BatchSize: 10",
                "BatchSize: 11",
                11,
                "`BatchSize` must be a whole number from 1 to 10",
            ),
            ("          BatchSize: 10\n", "", 9, "`BatchSize` is missing: a bus takes 10"),
            (
                "      Enrichment: !GetAtt One.Arn\n",
                "",
                3,
                "`Enrichment` must be the Arn of a function",
            ),
            (
                "!GetAtt One.Arn",
                "arn:aws:lambda:us-east-1:000000000000:function:two",
                13,
                "`Enrichment` must be",
            ),
            ("!GetAtt Rows.StreamArn", "!GetAtt Dead.Arn", 7, "`Source` must be the StreamArn"),
            (":event-bus/orders", ":rule/orders", 14, "`Target` must be the Arn of an event bus"),
            (
                ":events:${AWS::Region}",
                ":events:eu-west-1",
                14,
                "`Target` must be the Arn of an event bus",
            ),
            (
                "Source: shop",
                "Source: $.dynamodb.Keys.id.S",
                16,
                "`Source` can't be taken out of the event",
            ),
            ("DetailType: Order, ", "", 16, "`DetailType` is missing"),
            (
                "Source: shop",
                "Source: shop, Time: $.time",
                16,
                "the property `Time` isn't supported",
            ),
            (
                "      TargetParameters:",
                "      TargetParameters:\n        InputTemplate: x",
                16,
                "the property `InputTemplate`",
            ),
            (
                "      Enrichment:",
                "      EnrichmentParameters: { InputTemplate: x }\n      Enrichment:",
                13,
                "Tell: the property `EnrichmentParameters`",
            ),
            (
                "DynamoDBStreamParameters",
                "SqsQueueParameters",
                8,
                "`DynamoDBStreamParameters` is missing",
            ),
            (
                "          BatchSize",
                "          OnPartialBatchItemFailure: NO\n          BatchSize",
                11,
                "must be AUTOMATIC_BISECT",
            ),
            (", sqs:SendMessage]", "]", 6, "doesn't allow sqs:SendMessage on arn:aws:sqs:"),
            ("events:*", "events:Put", 6, "doesn't allow events:PutEvents on arn:aws:events:"),
            ("Service: pipes.", "Service: ec2.", 6, "a role that pipes.amazonaws.com can't assume"),
            ("!GetAtt Dead.Arn", "!GetAtt Rows.Arn", 12, "`Arn` must be the Arn of a queue"),
            (
                "      RoleArn",
                "      DesiredState: ON\n      RoleArn",
                6,
                "`DesiredState` must be RUNNING or STOPPED",
            ),
        ] {
            let fault = assert_refused(PIPE, from, to, line, message);
            assert!(fault.message.contains("Tell"), "{}", fault.message);
        }
    }
}
