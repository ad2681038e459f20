//! `AWS::IAM::Role`: what something may do, where the template writes its role
//! itself, and what AWS does in a function's name, for which the role must
//! suffice.
//!
//! Sources: the CloudFormation user guide (`AWS::IAM::Role`), and the Lambda
//! developer guide ("Defining Lambda function permissions with an execution
//! role", and of each mapping and destination the permissions that it needs).

use super::{
    error::Fault,
    intrinsics::Scope,
    physical::{self, Resource},
    policies,
    properties::Properties,
};
use crate::services::permission::{AuthorizationRequest, Decision, Policy};

/// A role.
#[derive(Clone, Debug)]
pub(crate) struct Role {
    /// Its name.
    pub(crate) name: String,
    /// What it may do.
    pub(crate) policy: Policy,
    /// The services that may take it on.
    trusts: Vec<String>,
}

impl Role {
    /// The role that SAM makes for a function that names none.
    pub(crate) fn made_by_sam(name: String, policy: Policy) -> Self {
        Self { name, policy, trusts: Vec::new() }
    }

    /// Whether a service, such as `lambda.amazonaws.com`, may take it on.
    pub(crate) fn trusts(&self, service: &str) -> bool {
        self.trusts.iter().any(|trusted| trusted == service)
    }

    /// Whether AWS itself may do this with it.
    pub(crate) fn allows(&self, action: &str, resource: &str) -> bool {
        self.policy.decide(&AuthorizationRequest::new(action, resource)) == Decision::Allowed
    }
}

/// Reads a role. What it may do comes from policies written in it; what is attached
/// to it from elsewhere is refused, as it would allow more than is enforced here.
pub(crate) fn read(scope: &Scope<'_>, id: &str, resource: &Resource) -> Result<Role, Fault> {
    let properties = Properties::for_resource(scope, id, resource)?;
    let policy = policies::for_role(scope, &properties)?;
    let document = properties.required_json("AssumeRolePolicyDocument")?;
    let statements = one_or_more(&document["Statement"]);
    let trusting = statements.iter().filter(|statement| {
        let actions = one_or_more(&statement["Action"]);
        statement["Effect"] == "Allow" && actions.iter().any(|action| action == "sts:AssumeRole")
    });
    let trusted = trusting.flat_map(|statement| one_or_more(&statement["Principal"]["Service"]));
    let trusts = trusted.filter_map(|service| service.as_str().map(str::to_owned)).collect();
    properties.finish()?;
    Ok(Role { name: physical::name(scope, id, resource)?, policy, trusts })
}

fn one_or_more(json: &serde_json::Value) -> &[serde_json::Value] {
    match json.as_array() {
        Some(several) => several,
        None => std::slice::from_ref(json),
    }
}

/// The role of this template that a property names by its ARN, which a service has
/// to be able to take on. `None` if the property isn't there.
pub(crate) fn named(
    scope: &Scope<'_>,
    properties: &Properties<'_>,
    property: &str,
    service: &str,
) -> Result<Option<Role>, Fault> {
    let Some(arn) = properties.text(property)? else { return Ok(None) };
    for (id, resource) in scope.made_of(physical::ROLE)? {
        if scope.target.role(&physical::name(scope, id, resource)?) != arn {
            continue;
        }
        let role = read(scope, id, resource)?;
        if !role.trusts(service) {
            let message = format!(
                "names a role that {service} can't assume: its AssumeRolePolicyDocument must allow that"
            );
            return Err(properties.fault(property, message));
        }
        return Ok(Some(role));
    }
    Err(properties.fault(property, "must be the Arn of an AWS::IAM::Role of this template"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_refused, parse};

    const SMALL: &str = "\
Transform: AWS::Serverless-2016-10-31
Resources:
  Read:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: read/
      Runtime: provided.al2023
      Role: !GetAtt ReadRole.Arn
      Tracing: Active
      LoggingConfig: { LogFormat: JSON, LogGroup: !Ref Log, ApplicationLogLevel: WARN }
      VpcConfig: { SubnetIds: [a], SecurityGroupIds: [b] }
      EventInvokeConfig: { DestinationConfig: { OnFailure: { Type: SQS, Destination: !GetAtt Dead.Arn } } }
      Events:
        Stream:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt Rows.StreamArn
            StartingPosition: LATEST
            DestinationConfig: { OnFailure: { Destination: !GetAtt Lost.Arn } }
        Queue: { Type: SQS, Properties: { Queue: !GetAtt Post.Arn } }
        Often:
          Type: ScheduleV2
          Properties: { ScheduleExpression: rate(1 minute), RoleArn: !GetAtt Clock.Arn }
  ReadRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{ Effect: Allow, Principal: { Service: lambda.amazonaws.com }, Action: sts:AssumeRole }]
      Policies:
        - PolicyName: one
          PolicyDocument:
            Version: '2012-10-17'
            Statement:
              - { Effect: Allow, Action: ssm:GetParameter, Resource: !Sub 'arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/a' }
              - { Effect: Allow, Action: ['logs:CreateLogStream', 'logs:PutLogEvents'], Resource: !GetAtt Log.Arn }
              - { Effect: Allow, Action: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'], Resource: '*' }
              - { Effect: Allow, Action: ['ec2:*'], Resource: '*' }
              - Effect: Deny
                Action: ec2:*
                Resource: '*'
                Condition: { ArnEquals: { lambda:SourceFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:shop-Read' } }
        - PolicyName: two
          PolicyDocument:
            Statement:
              - { Effect: Allow, Action: ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator'], Resource: !GetAtt Rows.StreamArn }
              - { Effect: Allow, Action: 'dynamodb:ListStreams', Resource: !Sub '${Rows.Arn}/stream/*' }
              - { Effect: Allow, Action: ['sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage'], Resource: !GetAtt Post.Arn }
              - { Effect: Allow, Action: 'sqs:SendMessage', Resource: !GetAtt Dead.Arn }
              - { Effect: Allow, Action: 'sqs:SendMessage', Resource: !GetAtt Lost.Arn }
  Clock:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: { Effect: Allow, Principal: { Service: [scheduler.amazonaws.com] }, Action: 'sts:AssumeRole' }
      Policies: [{ PolicyName: it, PolicyDocument: { Statement: { Effect: Allow, Action: 'lambda:InvokeFunction', Resource: !GetAtt Read.Arn } } }]
  Log: { Type: AWS::Logs::LogGroup, Properties: { LogGroupName: /geese/read } }
  Post: { Type: AWS::SQS::Queue }
  Dead: { Type: AWS::SQS::Queue }
  Lost: { Type: AWS::SQS::Queue }
  Rows: { Type: AWS::DynamoDB::Table, Properties: { KeySchema: [], AttributeDefinitions: [], StreamSpecification: { StreamViewType: NEW_IMAGE } } }
";

    #[test]
    fn a_function_has_what_its_role_allows_and_what_lambda_needs_is_noted() {
        let [read] = parse(SMALL).unwrap().functions.try_into().unwrap();
        assert_eq!((read.role.as_str(), read.has_own_role), ("shop-ReadRole", true));
        assert_eq!(
            (read.log_group.as_str(), read.log_level.as_deref()),
            ("/geese/read", Some("WARN"))
        );
        // All but what the function itself calls.
        let unused = read.policy.unused(&read.execution_role_uses);
        let [only] = unused.as_slice() else { panic!("{unused:?}") };
        assert_eq!(only.action, "ssm:GetParameter");
    }

    #[test]
    fn a_role_that_does_not_suffice_is_refused_with_its_line() {
        for (without, line, message) in [
            ("'logs:PutLogEvents'", 8, "must allow logs:PutLogEvents on the log group /geese/read"),
            (
                "'xray:PutTraceSegments'",
                9,
                "does not have permissions to call PutTraceSegments on XRAY",
            ),
            ("['ec2:*']", 11, "does not have permissions to call AssignPrivateIpAddresses on EC2"),
            ("'dynamodb:GetRecords'", 17, "Cannot access stream arn:aws:dynamodb:us-east-1"),
            ("'dynamodb:ListStreams'", 17, "doesn't allow dynamodb:ListStreams"),
            ("'sqs:ReceiveMessage'", 20, "does not have permissions to call ReceiveMessage on SQS"),
            (
                "'sqs:SendMessage', Resource: !GetAtt Dead",
                12,
                "SendMessage on arn:aws:sqs:us-east-1:000000000000:shop-Dead",
            ),
            (
                "'sqs:SendMessage', Resource: !GetAtt Lost",
                19,
                "SendMessage on arn:aws:sqs:us-east-1:000000000000:shop-Lost",
            ),
            (
                "'lambda:InvokeFunction'",
                23,
                "doesn't allow lambda:InvokeFunction on arn:aws:lambda",
            ),
        ] {
            assert_refused(SMALL, without, &without.replacen(":", ":Other", 1), line, message);
        }
    }

    #[test]
    fn unsupported_role_is_refused_with_its_line() {
        for (from, to, line, message) in [
            (
                "!GetAtt ReadRole.Arn",
                "arn:aws:iam::000000000000:role/a",
                8,
                "`Role` must be the Arn of an AWS::IAM::Role",
            ),
            (
                "Principal: { Service: lambda.",
                "Principal: { Service: ec2.",
                8,
                "that lambda.amazonaws.com can't assume",
            ),
            (
                "Service: [scheduler.amazonaws.com]",
                "AWS: '*'",
                23,
                "that scheduler.amazonaws.com can't assume",
            ),
            (
                "      Tracing: Active",
                "      Policies: []\n      Tracing: Active",
                9,
                "`Policies` has no effect beside `Role`",
            ),
            ("Tracing: Active", "Tracing: Actve", 9, "`Tracing` must be"),
            ("LogFormat: JSON, ", "", 10, "`ApplicationLogLevel` needs LogFormat: JSON"),
            ("ApplicationLogLevel: WARN", "ApplicationLogLevel: LOUD", 10, "must be one of TRACE"),
            (
                "ApplicationLogLevel",
                "AppLogLevel",
                10,
                "the property `AppLogLevel` isn't supported",
            ),
            ("SubnetIds", "SubnetIdz", 11, "the property `SubnetIdz` isn't supported"),
            (
                "      Policies: [{ PolicyName: it",
                "      ManagedPolicyArns: [a]\n      Policies: [{ PolicyName: it",
                55,
                "the property `ManagedPolicyArns` isn't supported",
            ),
            ("ArnEquals", "ArnLike", 41, "`ArnLike` isn't supported"),
            (
                "lambda:SourceFunctionArn",
                "aws:SourceArn",
                41,
                "`lambda:SourceFunctionArn` is missing",
            ),
            ("PolicyName: two", "PolicyDocuments: two", 42, "`PolicyName` is missing"),
        ] {
            assert_refused(SMALL, from, to, line, message);
        }
    }
}
