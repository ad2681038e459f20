//! `GET /orders`: the caller's own orders.
//!
//! API Gateway has verified the session, so there is no code for that here. The claim `sub`
//! is Hongyan's internal id of the person, the same in all apps.

use aws_config::BehaviorVersion;
use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_sdk_dynamodb::{Client, error::DisplayErrorContext, types::AttributeValue};
use lambda_runtime::{Error, LambdaEvent, service_fn, tracing};
use serde_json::{Value, json};

struct Orders {
    client: Client,
    table: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let orders = Orders { client: Client::new(&config), table: std::env::var("ORDERS_TABLE")? };
    lambda_runtime::run(service_fn(|event| handle(&orders, event))).await
}

async fn handle(
    orders: &Orders,
    event: LambdaEvent<ApiGatewayV2httpRequest>,
) -> Result<ApiGatewayV2httpResponse, Error> {
    let authorizer = event.payload.request_context.authorizer;
    let mut claims = authorizer.and_then(|it| it.jwt).map(|jwt| jwt.claims).unwrap_or_default();
    let user = claims.remove("sub").ok_or("the route has no authorizer")?;
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = 200;
    response.headers.insert("content-type", "application/json".parse()?);
    response.headers.insert("cache-control", "no-store".parse()?);
    response.body = Some(json!({ "orders": orders.list(user).await? }).to_string().into());
    Ok(response)
}

impl Orders {
    /// The latest orders of a person. `user` is from the session, so that callers can't ask
    /// for another person's.
    async fn list(&self, user: String) -> Result<Vec<Value>, Error> {
        let query = self.client.query().table_name(&self.table);
        let query = query.key_condition_expression("#user = :user");
        let query = query.expression_attribute_names("#user", "user");
        let query = query.expression_attribute_values(":user", AttributeValue::S(user));
        let query = query.scan_index_forward(false).limit(20);
        let output = query.send().await.map_err(|error| DisplayErrorContext(error).to_string())?;
        let orders = output.items().iter().map(|item| {
            let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok());
            json!({ "number": text("number"), "product": text("product"), "state": text("state") })
        });
        Ok(orders.collect())
    }
}
