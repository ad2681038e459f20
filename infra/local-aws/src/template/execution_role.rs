//! What Lambda itself does with a function's execution role.
//!
//! SAM adds all of it to the roles that it makes. A role that the template writes
//! itself has to allow it: for some of it Lambda looks when it is set up and
//! refuses, the rest goes wrong later and silently, so that it is refused here.
//!
//! Sources: Lambda developer guide ("Defining Lambda function permissions with an
//! execution role", "Giving Lambda functions access to resources in an Amazon VPC",
//! "Visualize Lambda function invocations using AWS X-Ray", "Using AWS Lambda with
//! Amazon DynamoDB", "… with Amazon SQS", "Capturing records of Lambda asynchronous
//! invocations").

use super::{Function, error::Fault, intrinsics::Scope, properties::Properties};
use crate::services::permission::{AuthorizationRequest, Decision, Use};

/// Lambda's calls of X-Ray, which has no resources.
const TRACES: [&str; 2] = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"];

/// Lambda's calls to attach a function to a network.
const NETWORK: [&str; 6] = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
];

/// Lambda's calls to read a stream.
const STREAM: [&str; 4] = [
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
];

/// Lambda's calls to read a queue.
const QUEUE: [&str; 3] = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];

impl Function {
    /// Its log goes to this group. Without the permission Lambda runs the function,
    /// and its log is lost.
    pub(super) fn logs_to(
        &mut self,
        scope: &Scope<'_>,
        group: &str,
        properties: &Properties<'_>,
    ) -> Result<(), Fault> {
        let arn = scope.target.arn("logs", &format!("log-group:{group}:log-stream:any"));
        self.does(&["logs:CreateLogStream", "logs:PutLogEvents"], &arn, |missing| {
            properties.fault(
                "Role",
                format!("must allow {missing} on the log group {group}, or the log is lost"),
            )
        })
    }

    /// Its invocations are traced.
    pub(super) fn is_traced(&mut self, properties: &Properties<'_>) -> Result<(), Fault> {
        self.does(&TRACES, "*", |missing| refused(properties, "Tracing", missing, "*", "XRAY"))
    }

    /// It is in a network of the account's.
    pub(super) fn is_in_network(&mut self, properties: &Properties<'_>) -> Result<(), Fault> {
        self.does(&NETWORK, "*", |missing| refused(properties, "VpcConfig", missing, "*", "EC2"))
    }

    /// Its mapping reads this stream.
    pub(super) fn reads_stream(
        &mut self,
        arn: &str,
        properties: &Properties<'_>,
    ) -> Result<(), Fault> {
        self.does(&STREAM, arn, |missing| {
            properties.fault(
                "Stream",
                format!(
                    "can't be read, as the function's role doesn't allow {missing} on it. AWS says: Cannot access stream {arn}. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, and ListStreams Actions on your stream in IAM."
                ),
            )
        })
    }

    /// Its mapping reads this queue.
    pub(super) fn reads_queue(
        &mut self,
        arn: &str,
        properties: &Properties<'_>,
    ) -> Result<(), Fault> {
        self.does(&QUEUE, arn, |missing| refused(properties, "Queue", missing, arn, "SQS"))
    }

    /// What fails is told to this queue.
    pub(super) fn tells_queue(
        &mut self,
        scope: &Scope<'_>,
        queue: &str,
        property: &str,
        properties: &Properties<'_>,
    ) -> Result<(), Fault> {
        let arn = scope.target.arn("sqs", queue);
        self.does(&["sqs:SendMessage"], &arn, |missing| {
            refused(properties, property, missing, &arn, "SQS")
        })
    }

    fn does(
        &mut self,
        actions: &[&str],
        resource: &str,
        refused: impl Fn(&str) -> Fault,
    ) -> Result<(), Fault> {
        if !self.has_own_role {
            return Ok(());
        }
        for action in actions {
            if self.policy.decide(&AuthorizationRequest::new(*action, resource))
                != Decision::Allowed
            {
                return Err(refused(action));
            }
            self.execution_role_uses.push(Use {
                function: self.name.clone(),
                action: (*action).to_owned(),
                resource: resource.to_owned(),
            });
        }
        Ok(())
    }
}

/// As Lambda refuses a function, a mapping or a destination.
fn refused(
    properties: &Properties<'_>,
    property: &str,
    action: &str,
    resource: &str,
    service: &str,
) -> Fault {
    let call = action.split_once(':').map_or(action, |(_, call)| call);
    properties.fault(
        property,
        format!(
            "needs a role that allows {action} on {resource}. AWS says: The provided execution role does not have permissions to call {call} on {service}"
        ),
    )
}
