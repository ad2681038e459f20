//! HTTP APIs that are written out.

use std::time::Duration;

use super::super::{Fault, Template, tests::parse};
use crate::route::Limit;

/// A route with everything that belongs to it.
const SMALL: &str = r#"
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: { Name: birds, ProtocolType: HTTP }
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: { ApiId: !Ref Api, StageName: $default, AutoDeploy: true }
  Session:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties:
      ApiId: !Ref Api
      Name: session
      AuthorizerType: JWT
      IdentitySource: [$request.header.Authorization]
      JwtConfiguration: { Issuer: !Sub "https://${Api}.example.com", Audience: [birds, geese] }
  One:
    Type: AWS::Serverless::Function
    Properties: { Runtime: provided.al2023, CodeUri: one/ }
  Permission:
    Type: AWS::Lambda::Permission
    Properties:
      FunctionName: !Ref One
      Action: lambda:InvokeFunction
      Principal: apigateway.amazonaws.com
      SourceArn: !Sub arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Api
      IntegrationType: AWS_PROXY
      IntegrationUri: !GetAtt One.Arn
      PayloadFormatVersion: "2.0"
      TimeoutInMillis: 2000
  Guarded:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Api
      RouteKey: POST /birds/{name}
      AuthorizationType: JWT
      AuthorizerId: !Ref Session
      Target: !Sub integrations/${Integration}
  Open:
    Type: AWS::ApiGatewayV2::Route
    Properties: { ApiId: !Ref Api, RouteKey: $default, Target: !Sub "integrations/${Integration}" }
"#;

fn changed(from: &str, to: &str) -> Result<Template, Fault> {
    assert!(SMALL.contains(from), "{from}");
    parse(&SMALL.replace(from, to))
}

#[test]
fn routes_lead_to_functions_past_their_authorizers() {
    let template = parse(SMALL).unwrap();
    let [guarded, open] = template.routes.as_slice() else { panic!("{:?}", template.routes) };
    assert_eq!(guarded.to_string(), "POST /birds/{name}");
    assert_eq!(guarded.function, "shop-One");
    assert_eq!(guarded.timeout, Duration::from_secs(2));
    let authorizer = guarded.authorizer.as_deref().unwrap();
    assert_eq!(authorizer.name, "session");
    assert_eq!(authorizer.issuer, "https://local.example.com");
    assert_eq!(authorizer.audience, ["birds", "geese"]);
    assert_eq!((open.to_string().as_str(), &open.authorizer), ("$default", &None));
}

#[test]
fn api_that_would_not_work_on_aws_is_refused() {
    let permission = SMALL.find("  Permission:").unwrap();
    let whole = &SMALL[permission..SMALL.find("  Integration:").unwrap()];
    let stage = &SMALL[SMALL.find("  Stage:").unwrap()..SMALL.find("  Session:").unwrap()];
    for (from, to, message) in [
        (whole, "", "Integration: `IntegrationUri` leads to a function that API Gateway may"),
        ("Principal: apigateway", "Principal: events", "that API Gateway may not invoke"),
        ("${Api}/*", "other/*", "that API Gateway may not invoke"),
        ("${Api}/*", "${Api}/*/GET/*", "that API Gateway may not invoke"),
        ("FunctionName: !Ref One", "FunctionName: two", "that API Gateway may not invoke"),
        (stage, "", "`ApiId` refers to an API that has no stage"),
        ("AutoDeploy: true", "AutoDeploy: false", "Stage: `AutoDeploy` must be true"),
        ("StageName: $default", "StageName: v1", "Stage: `StageName` isn't supported"),
        ("\"2.0\"", "\"1.0\"", "`PayloadFormatVersion` isn't supported on this machine unless"),
        ("      PayloadFormatVersion: \"2.0\"\n", "", "`PayloadFormatVersion` is missing"),
        ("!GetAtt One.Arn", "https://example.com", "`IntegrationUri` must be the ARN"),
        ("AWS_PROXY", "HTTP_PROXY", "`IntegrationType` isn't supported"),
        ("Target: !Sub integrations/${Integration}", "Target: integrations/x", "`Target` must be"),
        ("integrations/${Integration}", "integrations/${Session}", "`Target` must be"),
        ("POST /birds/{name}", "/birds", "`RouteKey` must be a method and a path"),
        ("POST /birds/{name}", "FETCH /birds", "`RouteKey` must be an HTTP method"),
        ("RouteKey: $default", "RouteKey: 'POST /birds/{id}'", "leads to the function"),
        ("AuthorizationType: JWT", "AuthorizationType: NONE", "`AuthorizationType` must be JWT"),
        ("      AuthorizationType: JWT\n", "", "`AuthorizationType` must be JWT"),
        ("      AuthorizerId: !Ref Session\n", "", "`AuthorizationType` must be JWT"),
        ("AuthorizerId: !Ref Session", "AuthorizerId: other", "`AuthorizerId` must refer"),
        (
            "AuthorizerId: !Ref Session",
            "AuthorizerId: !Ref Session\n      AuthorizationScopes: [a]",
            "the property `AuthorizationScopes`",
        ),
        ("AuthorizerType: JWT", "AuthorizerType: REQUEST", "`AuthorizerType` isn't supported"),
        ("[$request.header.Authorization]", "[$request.header.X]", "`IdentitySource` isn't"),
        ("Audience: [birds, geese]", "Audience: []", "`Audience` must have"),
        ("ProtocolType: HTTP", "ProtocolType: WEBSOCKET", "`ProtocolType` isn't supported"),
        ("ProtocolType: HTTP", "ProtocolType: HTTP, Body: {}", "the property `Body`"),
        ("AWS::ApiGatewayV2::Api\n", "AWS::Serverless::HttpApi\n", "the property `ProtocolType`"),
        (
            "Type: AWS::ApiGatewayV2::Api\n    Properties: { Name: birds, ProtocolType: HTTP }",
            "Type: AWS::Serverless::HttpApi",
            "`ApiId` must refer to an AWS::ApiGatewayV2::Api",
        ),
        (
            "CodeUri: one/",
            "CodeUri: one/, Events: { E: { Type: HttpApi, Properties: { ApiId: !Ref Api } } }",
            "`ApiId` must refer to the AWS::Serverless::HttpApi",
        ),
        (
            "CodeUri: one/",
            "CodeUri: one/, Events: { E: { Type: HttpApi } }",
            "`ApiId` is missing: SAM would make another HTTP API beside Api",
        ),
    ] {
        let fault = changed(from, to).expect_err(message);
        assert!(fault.message.contains(message), "{to}: {}", fault.message);
    }
    let both = format!("{SMALL}  Other: {{ Type: AWS::Serverless::HttpApi }}\n");
    let fault = parse(&both).unwrap_err();
    assert!(fault.message.contains("only one HTTP API"), "{}", fault.message);
}

#[test]
fn a_permission_for_the_whole_api_may_be_written_in_several_ways() {
    for (from, to) in [
        ("FunctionName: !Ref One", "FunctionName: !GetAtt One.Arn"),
        ("${Api}/*", "${Api}/*/*"),
        ("${Api}/*", "${Api}/*/*/*"),
        ("Name: birds", "Name: birds, Description: and geese"),
    ] {
        changed(from, to).unwrap_or_else(|fault| panic!("{to}: {}", fault.message));
    }
}

#[test]
fn a_route_takes_as_many_requests_as_the_stage_says() {
    let stage = "AutoDeploy: true }";
    let key = "\"POST /birds/{name}\"";
    let limits = |to: &str| {
        changed(stage, to)
            .map(|template| template.routes.iter().map(|route| route.limit).collect::<Vec<_>>())
    };
    let all = "AutoDeploy: true, DefaultRouteSettings: { ThrottlingRateLimit: 2.5, ThrottlingBurstLimit: 7 } }";
    let of = |rate, burst| Limit { rate: Some(rate), burst: Some(burst) };
    assert_eq!(limits(all).unwrap(), [of(2.5, 7), of(2.5, 7)]);
    assert_eq!(limits(stage).unwrap(), [Limit::default(), Limit::default()]);

    let own = format!(
        "AutoDeploy: true, RouteSettings: {{ {key}: {{ ThrottlingRateLimit: 1, ThrottlingBurstLimit: 2 }} }} }}"
    );
    let fault = limits(&own).unwrap_err();
    assert!(fault.message.contains("must be the key of a route"), "{}", fault.message);
    let waiting = own + "\n    DependsOn: Guarded";
    assert_eq!(limits(&waiting).unwrap(), [of(1.0, 2), Limit::default()]);
    for (to, message) in [
        ("AutoDeploy: true, DefaultRouteSettings: { ThrottlingRateLimit: 5 } }", "together"),
        (
            "AutoDeploy: true, DefaultRouteSettings: { ThrottlingRateLimit: many, ThrottlingBurstLimit: 7 } }",
            "a number",
        ),
        ("AutoDeploy: true, DefaultRouteSettings: { Throttle: 5 } }", "the property `Throttle`"),
    ] {
        let fault = limits(to).unwrap_err();
        assert!(fault.message.contains(message), "{to}: {}", fault.message);
    }
}

#[test]
fn an_api_says_whose_pages_may_ask() {
    let api = "ProtocolType: HTTP }";
    let cors = |to: &str| changed(api, &format!("ProtocolType: HTTP, CorsConfiguration: {to} }}"));
    assert_eq!(parse(SMALL).unwrap().cors, None);
    assert_eq!(cors("!Ref AWS::NoValue").unwrap().cors, None);
    let some = cors("{ AllowOrigins: [\"https://a.example\"], AllowMethods: [GET], MaxAge: 5 }");
    let some = some.unwrap().cors.unwrap();
    assert_eq!((&some.origins[0][..], some.max_age), ("https://a.example", Some(5)));
    for (to, message) in [
        ("{ AllowOrigins: [a.example] }", "must be origins"),
        ("{ AllowOrigins: [\"https://a.example/\"] }", "must be origins"),
        ("{ AllowOrigins: [\"*\"], AllowCredentials: true }", "can't be true"),
        ("{ MaxAge: 90000 }", "`MaxAge` must be"),
        ("{ Origins: [a] }", "the property `Origins`"),
    ] {
        let fault = cors(to).unwrap_err();
        assert!(fault.message.contains(message), "{to}: {}", fault.message);
    }
}
