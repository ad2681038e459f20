//! Hongyan, as other functions call it.

use aws_sdk_lambda::{Client, error::DisplayErrorContext, primitives::Blob};
use lambda_runtime::Error;
use serde::Deserialize;
use serde_json::Value;

/// The send function of a deployment of Hongyan.
pub struct Hongyan {
    lambda: Client,
    function: String,
}

/// What became of a notification.
#[derive(Debug, Deserialize)]
pub struct Report {
    /// `sent`, `retrying`, `no_consent`, ….
    pub outcome: String,
    /// Why, in words.
    pub reason: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    notifications: Vec<Report>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refused {
    error_type: String,
    error_message: String,
}

impl Hongyan {
    /// `function` is the send function's name, such as `hongyan-prod-send`.
    pub fn new(config: &aws_config::SdkConfig, function: String) -> Self {
        Self { lambda: Client::new(config), function }
    }

    /// Sends a notification to one recipient. The same `id` is sent once, so this may
    /// be called again whenever it is not known what became of it.
    ///
    /// # Errors
    /// The request has a mistake, or AWS did not do its part; nothing was sent.
    pub async fn send(&self, request: &Value) -> Result<Report, Error> {
        let payload = Blob::new(request.to_string());
        let call = self.lambda.invoke().function_name(&self.function).payload(payload);
        let answer = call.send().await.map_err(|error| DisplayErrorContext(error).to_string())?;
        let said = answer.payload().map(Blob::as_ref).unwrap_or_default();
        if answer.function_error().is_some() {
            let Refused { error_type, error_message } = serde_json::from_slice(said)?;
            return Err(format!("{error_type}: {error_message}").into());
        }
        let mut answer: Answer = serde_json::from_slice(said)?;
        answer.notifications.pop().ok_or_else(|| "there was nobody to send it to".into())
    }
}
