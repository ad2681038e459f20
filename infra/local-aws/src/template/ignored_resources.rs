//! Resources that matter in AWS and do nothing on one machine, and their
//! properties: what monitors, authorises, names or connects others. They are ignored
//! explicitly: a type that isn't here is an error, and so is a property that
//! CloudFormation doesn't know. What their properties say isn't worked out.
//!
//! Source: the CloudFormation user guide, "AWS resource and property types
//! reference".

use super::{error::Fault, intrinsics::Scope, physical::Resource, properties};

/// Whether a resource of this type is ignored, unless something else reads it.
pub(crate) fn knows(kind: &str) -> bool {
    properties::ignored(kind).is_some()
}

/// Refuses a property that resources of the type haven't got.
pub(crate) fn check(scope: &Scope<'_>, id: &str, resource: &Resource) -> Result<(), Fault> {
    properties::Properties::for_resource(scope, id, resource)?.finish()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_refused, parse};

    const SMALL: &str = "\
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      TopicName: alarms
  Subnet:
    Type: AWS::EC2::Subnet
    Properties: { VpcId: !Ref Net, AvailabilityZone: !Select [0, !GetAZs ''], CidrBlock: 10.0.0.0/24 }
  Net: { Type: AWS::EC2::VPC, Properties: { CidrBlock: 10.0.0.0/16 } }
";

    #[test]
    fn resource_without_local_meaning_is_ignored_unless_misspelt() {
        parse(SMALL).unwrap();
        for (from, to, line, message) in [
            ("TopicName", "TopicNam", 5, "Topic: the property `TopicNam` isn't supported"),
            ("CidrBlock: 10.0.0.0/24", "CidrBlok: a", 8, "the property `CidrBlok`"),
            ("AWS::SNS::Topic", "AWS::SNS::Topik", 2, "a resource of type AWS::SNS::Topik"),
            // It would attach to a role what isn't enforced here.
            ("AWS::EC2::VPC", "AWS::IAM::Policy", 9, "a resource of type AWS::IAM::Policy"),
        ] {
            assert_refused(SMALL, from, to, line, message);
        }
    }
}
