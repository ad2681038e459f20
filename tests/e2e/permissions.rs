//! A policy that allows too little is noticed on this machine. That one allows too
//! much, tests/permissions notices.

use crate::world::{World, order};
use local_aws::InvokeFailure;
use serde_json::json;

/// Expects that a function has logged that it may not do this, in AWS's words.
fn was_refused(world: &World, function: &str, role: &str, action: &str, resource: &str) {
    let words = format!(
        "User: arn:aws:sts::000000000000:assumed-role/hongyan-local-{role}/hongyan-local-{function} is not authorized to perform: {action} on resource: arn:aws:{resource} because no identity-based policy allows the {action} action"
    );
    let lines = world.lines();
    let told = lines.iter().any(|line| line.starts_with(function) && line.contains(&words));
    assert!(told, "{words}: {lines:#?}");
}

/// A world in which ann's notification meets an invalid token.
async fn with_dead_token(changes: &[(&str, &str)]) -> World {
    let world = World::changed(changes).await;
    world.token_round().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    let request = order("order-1", json!({ "union_id": ann.union_id().await }));
    world.wechat.revoke("shop").await;
    world.send(&request).await;
    world
}

#[tokio::test]
async fn callback_without_write_permission_logs_it_and_answers_500() {
    let both = "Action: [dynamodb:DescribeTimeToLive, dynamodb:PutItem]";
    let world = World::changed(&[(both, "Action: dynamodb:DescribeTimeToLive")]).await;
    let message = json!({ "from": "ann", "MsgType": "text", "Content": "hi", "MsgId": 1 });
    let answer = world.wechat.push(json!({ "app": "shop", "message": message })).await;
    assert_eq!(answer[0]["status"], 500, "{answer:?}");
    let events = "dynamodb:us-east-1:000000000000:table/hongyan-local-events";
    was_refused(&world, "callback", "CallbackRole", "dynamodb:PutItem", events);
    assert!(world.aws.rows("events").await.is_empty());
}

/// Fault 80.
#[tokio::test]
async fn index_requires_its_own_permission() {
    let index = "Resource: !Sub ${NotificationsTable.Arn}/index/due";
    let world = World::changed(&[(index, "Resource: !GetAtt NotificationsTable.Arn")]).await;
    world.token_round().await;
    let failed = world.invoke("send", &json!({ "sweep": {} })).await;
    assert!(matches!(failed, Err(InvokeFailure::Failed { .. })), "{failed:?}");
    let waiting = "dynamodb:us-east-1:000000000000:table/hongyan-local-notifications/index/due";
    was_refused(&world, "send", "SendRole", "dynamodb:Query", waiting);
}

#[tokio::test]
async fn token_function_can_write_its_own_rows_only() {
    let world = with_dead_token(&[("\"token_refresh#*\"", "\"other#*\"")]).await;
    let table = "dynamodb:us-east-1:000000000000:table/hongyan-local-notifications";
    was_refused(&world, "token", "TokenRole", "dynamodb:UpdateItem", table);
}

/// Fault 80.
#[tokio::test]
async fn function_without_invoke_permission_logs_it() {
    let invoke =
        "Action: lambda:InvokeFunction\n                Resource: !GetAtt TokenFunction.Arn";
    let world = with_dead_token(&[(invoke, &invoke.replace("Invoke", "Get"))]).await;
    let token = "lambda:us-east-1:000000000000:function:hongyan-local-token";
    was_refused(&world, "send", "SendRole", "lambda:InvokeFunction", token);
}

#[tokio::test]
async fn token_is_missing_without_permission_to_store_it() {
    let both = "Action: [ssm:GetParameter, ssm:PutParameter]\n                Resource: !Sub arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/hongyan/${Stage}/tokens";
    let world = World::changed(&[(both, &both.replace(", ssm:PutParameter", ""))]).await;
    let failed = world.invoke("token", &json!({})).await;
    assert!(matches!(failed, Err(InvokeFailure::Failed { .. })), "{failed:?}");
    let parameter = "ssm:us-east-1:000000000000:parameter/hongyan/local/tokens/wx0000000000005a01";
    was_refused(&world, "token", "TokenRole", "ssm:PutParameter", parameter);
}
