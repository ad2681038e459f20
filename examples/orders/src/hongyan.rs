//! A client of Hongyan's send function.

use aws_sdk_lambda::{Client, error::DisplayErrorContext, primitives::Blob};
use lambda_runtime::Error;
use serde::Deserialize;
use serde_json::Value;

/// The send function of a deployment of Hongyan.
pub struct Hongyan {
    lambda: Client,
    function: String,
}

/// The result of a notification.
#[derive(Debug, Deserialize)]
pub struct NotificationResult {
    /// `sent`, `retrying`, `no_consent`, ….
    pub outcome: String,
    /// An explanation, if the outcome needs one.
    pub reason: Option<String>,
}

#[derive(Deserialize)]
struct SendResponse {
    notifications: Vec<NotificationResult>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionError {
    error_type: String,
    error_message: String,
}

impl Hongyan {
    /// `function` is the send function's name, such as `hongyan-prod-send`.
    pub fn new(config: &aws_config::SdkConfig, function: String) -> Self {
        Self { lambda: Client::new(config), function }
    }

    /// Sends a notification to one recipient. The request's `id` is the idempotency key:
    /// after an error, repeat the request with the same `id`.
    ///
    /// # Errors
    /// The request is invalid, or an AWS call failed.
    pub async fn send(&self, request: &Value) -> Result<NotificationResult, Error> {
        let payload = Blob::new(request.to_string());
        let call = self.lambda.invoke().function_name(&self.function).payload(payload);
        let output = call.send().await.map_err(|error| DisplayErrorContext(error).to_string())?;
        let payload = output.payload().map(Blob::as_ref).unwrap_or_default();
        if output.function_error().is_some() {
            let FunctionError { error_type, error_message } = serde_json::from_slice(payload)?;
            return Err(format!("{error_type}: {error_message}").into());
        }
        let mut response: SendResponse = serde_json::from_slice(payload)?;
        response.notifications.pop().ok_or_else(|| "the response has no notification".into())
    }
}
