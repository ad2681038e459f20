//! The functions, asked by invoking them.

use super::{Deployment, failed};
use crate::error::{Error, Kind};
use aws_sdk_lambda::operation::invoke::InvokeError;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use serde::Deserialize;
use serde_json::Value;

/// A function was asked and answered with an error.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct FunctionError {
    /// Its kind, as in `InvalidRequest`.
    pub(crate) error_type: String,
    /// What it says.
    pub(crate) error_message: String,
}

impl From<FunctionError> for Error {
    fn from(error: FunctionError) -> Self {
        let (kind, advice) = match error.error_type.as_str() {
            "Runtime.ExitError" | "Sandbox.Timedout" => {
                (Kind::Refused, "its log says why: `hongyan doctor` looks at what it needs")
            }
            "InternalError" => (Kind::Refused, "AWS did not do its part; ask again"),
            "InvalidTemplate" => {
                (Kind::Invalid, "`hongyan template list` says what is wrong with it; mend it first")
            }
            "NotFound" => (Kind::NotFound, "look at what was named; nothing has changed"),
            "Conflict" | "TooLate" | "AccountExists" | "AlreadyBound" => {
                (Kind::Conflict, "nothing has changed")
            }
            "InvalidRequest" => (Kind::Invalid, "correct what the message names, and ask again"),
            _ => (Kind::Refused, "the function's log says more"),
        };
        Self::new(kind, format!("{}: {}", error.error_type, error.error_message), advice)
    }
}

impl Deployment {
    /// Invokes a function, named as in `send`, and gives its answer.
    ///
    /// # Errors
    ///
    /// When it isn't there, can't be invoked, or answers with an error.
    pub(crate) async fn invoke(&self, function: &str, event: &Value) -> Result<Value, Error> {
        self.try_invoke(function, event).await?.map_err(Error::from)
    }

    /// As [`Deployment::invoke`], for those to whom the function's own error is an
    /// answer.
    ///
    /// # Errors
    ///
    /// When it isn't there or can't be invoked.
    pub(crate) async fn try_invoke(
        &self,
        function: &str,
        event: &Value,
    ) -> Result<Result<Value, FunctionError>, Error> {
        let name = self.function(function);
        let asked =
            self.lambda().invoke().function_name(&name).payload(Blob::new(event.to_string()));
        let answer = asked.send().await.map_err(|error| self.not_invoked(&name, &error))?;
        let payload = answer.payload.unwrap_or_else(|| Blob::new("null"));
        if answer.function_error.is_some() {
            return Ok(Err(serde_json::from_slice(payload.as_ref()).unwrap_or_default()));
        }
        serde_json::from_slice(payload.as_ref()).map(Ok).map_err(|_| {
            Error::new(
                Kind::Unavailable,
                format!("what {name} answers is not JSON"),
                "deploy functions and use a hongyan of the same version",
            )
        })
    }

    /// Whether a function is there and may be invoked; it isn't run.
    ///
    /// # Errors
    ///
    /// When it isn't or mayn't.
    pub(crate) async fn can_invoke(&self, function: &str) -> Result<(), Error> {
        let name = self.function(function);
        let asked = self.lambda().invoke().function_name(&name);
        let asked = asked.invocation_type(InvocationType::DryRun);
        asked.send().await.map(|_| ()).map_err(|error| self.not_invoked(&name, &error))
    }

    fn not_invoked(
        &self,
        name: &str,
        error: &aws_sdk_lambda::error::SdkError<InvokeError>,
    ) -> Error {
        if error.as_service_error().is_some_and(InvokeError::is_resource_not_found_exception) {
            let advice = format!(
                "deploy the stage again (`make deploy STAGE={}`), or name the right one",
                self.stage
            );
            return Error::new(Kind::NotDeployed, format!("there is no function {name}"), advice);
        }
        let permission = format!("lambda:InvokeFunction on {name}");
        failed(&format!("invoking {name}"), &permission, error)
    }
}
