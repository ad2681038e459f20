//! What functions answer, read; and what they are told without waiting for it.

use super::{Deployment, failed};
use crate::error::{Error, Kind};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use serde::de::DeserializeOwned;
use serde_json::Value;

impl Deployment {
    /// Invokes a function, named as in `send`, and reads its answer.
    ///
    /// # Errors
    ///
    /// As [`Deployment::invoke`]'s, and when the answer is another version's.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        function: &str,
        event: &Value,
    ) -> Result<T, Error> {
        understood(function, self.invoke(function, event).await?)
    }

    /// Has a function begin with something, and doesn't wait for its end.
    ///
    /// # Errors
    ///
    /// When it isn't there or can't be invoked.
    pub(crate) async fn begin(&self, function: &str, event: &Value) -> Result<(), Error> {
        let name = self.function(function);
        let asked = self.lambda().invoke().function_name(&name);
        let asked = asked.invocation_type(InvocationType::Event);
        let asked = asked.payload(Blob::new(event.to_string()));
        asked.send().await.map(|_| ()).map_err(|error| {
            let permission = format!("lambda:InvokeFunction on {name}");
            failed(&format!("invoking {name}"), &permission, &error)
        })
    }
}

/// Reads a function's answer.
///
/// # Errors
///
/// When it is another version's.
pub(crate) fn understood<T: DeserializeOwned>(function: &str, answer: Value) -> Result<T, Error> {
    serde_json::from_value(answer).map_err(|_| {
        Error::new(
            Kind::Unavailable,
            format!("what the {function} function answers can't be understood"),
            "deploy functions and use a hongyan of the same version",
        )
    })
}
