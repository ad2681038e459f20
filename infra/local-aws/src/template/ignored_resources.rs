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
    let properties = Properties::new(id, scope, resource.properties.as_ref(), resource.line)?;
    properties.ignore(properties_of(&resource.kind).unwrap_or_default());
    properties.finish()
}

fn properties_of(kind: &str) -> Option<&'static [&'static str]> {
    KNOWN.iter().find(|(known, _)| *known == kind).map(|(_, properties)| *properties)
}

/// Each type and the properties it has.
const KNOWN: &[(&str, &[&str])] = &[
    ("AWS::ApiGatewayV2::ApiMapping", &["ApiId", "ApiMappingKey", "DomainName", "Stage"]),
    (
        "AWS::ApiGatewayV2::DomainName",
        &[
            "DomainName",
            "DomainNameConfigurations",
            "MutualTlsAuthentication",
            "RoutingMode",
            "Tags",
        ],
    ),
    (
        "AWS::EC2::EIP",
        &[
            "Address",
            "Domain",
            "InstanceId",
            "IpamPoolId",
            "NetworkBorderGroup",
            "PublicIpv4Pool",
            "Tags",
            "TransferAddress",
        ],
    ),
    ("AWS::EC2::InternetGateway", &["Tags"]),
    (
        "AWS::EC2::NatGateway",
        &[
            "AllocationId",
            "AvailabilityMode",
            "AvailabilityZoneAddresses",
            "ConnectivityType",
            "MaxDrainDurationSeconds",
            "PrivateIpAddress",
            "SecondaryAllocationIds",
            "SecondaryPrivateIpAddressCount",
            "SecondaryPrivateIpAddresses",
            "SubnetId",
            "Tags",
            "VpcId",
        ],
    ),
    (
        "AWS::EC2::Route",
        &[
            "CarrierGatewayId",
            "CoreNetworkArn",
            "DestinationCidrBlock",
            "DestinationIpv6CidrBlock",
            "DestinationPrefixListId",
            "EgressOnlyInternetGatewayId",
            "GatewayId",
            "InstanceId",
            "LocalGatewayId",
            "NatGatewayId",
            "NetworkInterfaceId",
            "RouteTableId",
            "TransitGatewayId",
            "VpcEndpointId",
            "VpcPeeringConnectionId",
        ],
    ),
    ("AWS::EC2::RouteTable", &["Tags", "VpcId"]),
    (
        "AWS::EC2::SecurityGroup",
        &[
            "GroupDescription",
            "GroupName",
            "SecurityGroupEgress",
            "SecurityGroupIngress",
            "Tags",
            "VpcId",
        ],
    ),
    (
        "AWS::EC2::Subnet",
        &[
            "AssignIpv6AddressOnCreation",
            "AvailabilityZone",
            "AvailabilityZoneId",
            "CidrBlock",
            "EnableDns64",
            "EnableLniAtDeviceIndex",
            "Ipv4IpamPoolId",
            "Ipv4NetmaskLength",
            "Ipv6CidrBlock",
            "Ipv6IpamPoolId",
            "Ipv6Native",
            "Ipv6NetmaskLength",
            "MapPublicIpOnLaunch",
            "OutpostArn",
            "PrivateDnsNameOptionsOnLaunch",
            "Tags",
            "VpcId",
        ],
    ),
    ("AWS::EC2::SubnetRouteTableAssociation", &["RouteTableId", "SubnetId"]),
    (
        "AWS::EC2::VPC",
        &[
            "CidrBlock",
            "EnableDnsHostnames",
            "EnableDnsSupport",
            "InstanceTenancy",
            "Ipv4IpamPoolId",
            "Ipv4NetmaskLength",
            "Tags",
        ],
    ),
    (
        "AWS::EC2::VPCEndpoint",
        &[
            "DnsOptions",
            "IpAddressType",
            "PolicyDocument",
            "PrivateDnsEnabled",
            "ResourceConfigurationArn",
            "RouteTableIds",
            "SecurityGroupIds",
            "ServiceName",
            "ServiceNetworkArn",
            "ServiceRegion",
            "SubnetIds",
            "Tags",
            "VpcEndpointType",
            "VpcId",
        ],
    ),
    ("AWS::EC2::VPCGatewayAttachment", &["InternetGatewayId", "VpcId", "VpnGatewayId"]),
    // Whether routes have one is looked at with them.
    (
        "AWS::Lambda::Permission",
        &[
            "Action",
            "EventSourceToken",
            "FunctionName",
            "FunctionUrlAuthType",
            "InvokedViaFunctionUrl",
            "Principal",
            "PrincipalOrgID",
            "SourceAccount",
            "SourceArn",
        ],
    ),
    (
        "AWS::Logs::LogGroup",
        &[
            "BearerTokenAuthenticationEnabled",
            "DataProtectionPolicy",
            "DeletionProtectionEnabled",
            "FieldIndexPolicies",
            "KmsKeyId",
            "LogGroupClass",
            "LogGroupName",
            "ResourcePolicyDocument",
            "RetentionInDays",
            "Tags",
        ],
    ),
    (
        "AWS::Route53::RecordSet",
        &[
            "AliasTarget",
            "CidrRoutingConfig",
            "Comment",
            "Failover",
            "GeoLocation",
            "GeoProximityLocation",
            "HealthCheckId",
            "HostedZoneId",
            "HostedZoneName",
            "MultiValueAnswer",
            "Name",
            "Region",
            "ResourceRecords",
            "SetIdentifier",
            "TTL",
            "Type",
            "Weight",
        ],
    ),
    (
        "AWS::SNS::Subscription",
        &[
            "DeliveryPolicy",
            "Endpoint",
            "FilterPolicy",
            "FilterPolicyScope",
            "Protocol",
            "RawMessageDelivery",
            "RedrivePolicy",
            "Region",
            "ReplayPolicy",
            "SubscriptionRoleArn",
            "TopicArn",
        ],
    ),
    (
        "AWS::SNS::Topic",
        &[
            "ArchivePolicy",
            "ContentBasedDeduplication",
            "DataProtectionPolicy",
            "DeliveryStatusLogging",
            "DisplayName",
            "FifoThroughputScope",
            "FifoTopic",
            "KmsMasterKeyId",
            "SignatureVersion",
            "Subscription",
            "Tags",
            "TopicName",
            "TracingConfig",
        ],
    ),
    ("AWS::SNS::TopicPolicy", &["PolicyDocument", "Topics"]),
    ("AWS::SQS::QueuePolicy", &["PolicyDocument", "Queues"]),
];

#[cfg(test)]
mod tests {
    use super::super::tests::parse;

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
            assert_eq!(SMALL.matches(from).count(), 1, "{from}");
            let fault = parse(&SMALL.replace(from, to)).expect_err(message);
            assert!(fault.message.contains(message), "{}: expected {message}", fault.message);
            assert_eq!(fault.line, line, "{}", fault.message);
        }
    }
}
