//! Resources that matter in AWS and do nothing on one machine, and their
//! properties: what monitors, authorises, names or connects others. They are ignored
//! explicitly: a type that isn't here is an error, and so is a property that
//! CloudFormation doesn't know. What their properties say isn't worked out.
//!
//! Source: the CloudFormation user guide, "AWS resource and property types
//! reference".

use super::{error::Fault, intrinsics::Scope, physical::Resource, properties::Properties};

/// Whether a resource of this type is ignored.
pub(crate) fn knows(kind: &str) -> bool {
    properties_of(kind).is_some()
}

/// Refuses a property that resources of the type haven't got.
pub(crate) fn check(scope: &Scope<'_>, id: &str, resource: &Resource) -> Result<(), Fault> {
    let properties = Properties::for_resource(scope, id, resource)?;
    let ignored: Vec<_> = properties_of(&resource.kind).into_iter().flatten().collect();
    properties.ignore(&ignored);
    properties.finish()
}

fn properties_of(kind: &str) -> Option<impl Iterator<Item = &'static str>> {
    let mut lines = KNOWN.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(known, _)| *known == kind).map(|(_, properties)| properties.split(' '))
}

/// Each type and the properties it has, a line each.
const KNOWN: &str = include_str!("ignored_resources.txt");

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
