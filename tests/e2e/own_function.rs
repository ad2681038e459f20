//! A function of somebody's own asks for a session, by the authorizer alone.

use crate::world::World;
use aws_lc_rs::rsa::KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use shared::clock::Timestamp;
use test_tokens::Forger;

/// What is added to the template: a function, and a route that leads to it past
/// the authorizer.
const OWN: &str = "  HelloFunction:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub hongyan-${Stage}-hello
      CodeUri: target/lambda/hello/
      Timeout: 5

  HelloIntegration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref HttpApi
      IntegrationType: AWS_PROXY
      IntegrationUri: !GetAtt HelloFunction.Arn
      PayloadFormatVersion: \"2.0\"

  HelloPermission:
    Type: AWS::Lambda::Permission
    Properties:
      FunctionName: !Ref HelloFunction
      Action: lambda:InvokeFunction
      Principal: apigateway.amazonaws.com
      SourceArn: !Sub arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${HttpApi}/*

  HelloRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref HttpApi
      RouteKey: GET /hello
      AuthorizationType: JWT
      AuthorizerId: !Ref SessionAuthorizer
      Target: !Sub integrations/${HelloIntegration}

  # ---- Functions --";

/// What the template says of routes that it doesn't name.
const LIMIT: &str =
    "{ ThrottlingRateLimit: !Ref DefaultRate, ThrottlingBurstLimit: !Ref DefaultBurst }";

async fn world() -> World {
    // Forgers are throttled as well, and these are to be refused for another reason.
    let unlimited = (LIMIT, "{ ThrottlingRateLimit: 5000, ThrottlingBurstLimit: 5000 }");
    World::with_examples(&["hello"], &[("  # ---- Functions --", OWN), unlimited]).await
}

async fn greeted(world: &World, token: &str) -> (u16, String) {
    let request = world.client.get(world.url("/hello")).bearer_auth(token);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn authorizer_passes_the_user_to_another_function() {
    let world = world().await;
    let session = world.phone("ann").log_in("shop-mini").await;
    let token = session["access_token"].as_str().unwrap();
    let hello = format!("Hello, {}", session["user"].as_str().unwrap());
    assert_eq!(greeted(&world, token).await, (200, hello.clone()));
    // And after a refresh as well.
    let refresh = world.client.post(world.url("/session/refresh"));
    let refresh = refresh.json(&json!({ "refresh_token": session["refresh_token"] }));
    let next: Value = refresh.send().await.unwrap().json().await.unwrap();
    let token = next["access_token"].as_str().unwrap();
    assert_eq!(greeted(&world, token).await, (200, hello));
    // A refresh token opens no door but its own.
    let token = next["refresh_token"].as_str().unwrap();
    assert_eq!(greeted(&world, token).await.0, 401);
    assert_eq!(world.client.get(world.url("/hello")).send().await.unwrap().status(), 401);
}

/// Fault 67.
#[tokio::test]
async fn forged_token_reaches_no_function() {
    let world = world().await;
    let session = world.phone("ann").log_in("shop-mini").await;
    let header = session["access_token"].as_str().unwrap().split('.').next().unwrap().to_owned();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    // The forger even has things signed by the very key.
    let stored = world.parameter("session/keys/1");
    let der = STANDARD.decode(stored["key"].as_str().unwrap()).unwrap();
    let key = KeyPair::from_pkcs8(&der).unwrap();
    let issuer = world.url("");
    let kid = header["kid"].as_str().unwrap();
    let forger = Forger::new(&key, kid, &issuer, Timestamp::now().0);
    assert_eq!(greeted(&world, &forger.good()).await.0, 200);
    let forgeries = forger.forgeries();
    assert!(forgeries.len() > 500);
    let mut tried = 0;
    for forgery in forgeries {
        let value = format!("Bearer {}", forgery.token);
        let Ok(value) = reqwest::header::HeaderValue::from_bytes(value.as_bytes()) else {
            continue;
        };
        // A server reads a header without the space around it.
        if forgery.token.ends_with([' ', '\t']) {
            continue;
        }
        let request = world.client.get(world.url("/hello")).header("authorization", value);
        let answer = request.send().await.unwrap();
        assert!([401, 431].contains(&answer.status().as_u16()), "{}: {answer:?}", forgery.name);
        tried += 1;
    }
    assert!(tried > 500, "{tried}");
    // What the authorizer lets in by its documentation, our own check doesn't.
    for unusual in forger.unusual_tokens() {
        let request = world.client.get(world.url("/session")).bearer_auth(&unusual.token);
        assert_eq!(request.send().await.unwrap().status(), 401, "{}", unusual.name);
    }
}
