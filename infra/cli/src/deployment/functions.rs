//! Invocations of the functions.

use super::connection::Deployment;
use crate::aws::aws_error;
use crate::error::{Error, ErrorKind};
use aws_sdk_lambda::error::SdkError;
use aws_sdk_lambda::operation::invoke::{InvokeError, InvokeOutput};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A function's error response.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct FunctionError {
    /// As in `InvalidRequest`.
    error_type: String,
    pub(crate) error_message: String,
}

impl From<FunctionError> for Error {
    fn from(error: FunctionError) -> Self {
        let (kind, advice) = match error.error_type.as_str() {
            "Runtime.ExitError" | "Sandbox.Timedout" => (
                ErrorKind::Refused,
                "see the function's log; `hongyan doctor` checks what it needs",
            ),
            "InternalError" => {
                (ErrorKind::Refused, "an AWS call of the function failed; try again")
            }
            "InvalidTemplate" => {
                (ErrorKind::Invalid, "fix the template; `hongyan template list` shows the problem")
            }
            "NotFound" => (ErrorKind::NotFound, "check the name; nothing has changed"),
            "Conflict" | "TooLate" | "AccountExists" | "AlreadyBound" => {
                (ErrorKind::Conflict, "nothing has changed")
            }
            "InvalidRequest" => {
                (ErrorKind::Invalid, "correct what the message names, and try again")
            }
            _ => (ErrorKind::Refused, "see the function's log"),
        };
        Self::new(kind, format!("{}: {}", error.error_type, error.error_message), advice)
    }
}

impl Deployment {
    /// Invokes a function, named as in `send`, and parses its response.
    pub(crate) async fn invoke<T: DeserializeOwned>(
        &self,
        function: &str,
        event: &Value,
    ) -> Result<T, Error> {
        parse_response(function, self.try_invoke(function, event).await??)
    }

    /// Like [`Deployment::invoke`], and returns the function's own error separately.
    pub(crate) async fn try_invoke(
        &self,
        function: &str,
        event: &Value,
    ) -> Result<Result<Value, FunctionError>, Error> {
        let response =
            self.invoke_as(function, InvocationType::RequestResponse, Some(event)).await?;
        let payload = response.payload.unwrap_or_else(|| Blob::new("null"));
        if response.function_error.is_some() {
            return Ok(Err(serde_json::from_slice(payload.as_ref()).unwrap_or_default()));
        }
        let response = serde_json::from_slice(payload.as_ref());
        response.map(Ok).map_err(|_| unreadable(function))
    }

    /// Starts a function without waiting for its end.
    pub(crate) async fn invoke_async(&self, function: &str, event: &Value) -> Result<(), Error> {
        self.invoke_as(function, InvocationType::Event, Some(event)).await.map(drop)
    }

    /// Checks that a function exists and may be invoked, without running it.
    pub(crate) async fn check_invoke(&self, function: &str) -> Result<(), Error> {
        self.invoke_as(function, InvocationType::DryRun, None).await.map(drop)
    }

    async fn invoke_as(
        &self,
        function: &str,
        invocation_type: InvocationType,
        event: Option<&Value>,
    ) -> Result<InvokeOutput, Error> {
        let name = self.resource_name(function);
        let request = self.lambda().invoke().function_name(&name).invocation_type(invocation_type);
        let request = request.set_payload(event.map(|event| Blob::new(event.to_string())));
        request.send().await.map_err(|error| self.not_invoked(&name, &error))
    }

    fn not_invoked(&self, name: &str, error: &SdkError<InvokeError>) -> Error {
        if error.as_service_error().is_some_and(InvokeError::is_resource_not_found_exception) {
            let advice = format!(
                "deploy the stage again (`make deploy STAGE={}`), or name another",
                self.stage
            );
            let problem = format!("there is no function {name}");
            return Error::new(ErrorKind::NotDeployed, problem, advice);
        }
        let permission = format!("lambda:InvokeFunction on {name}");
        aws_error(&format!("invoking {name}"), &permission, error)
    }
}

/// Parses a function's response.
pub(crate) fn parse_response<T: DeserializeOwned>(
    function: &str,
    response: Value,
) -> Result<T, Error> {
    serde_json::from_value(response).map_err(|_| unreadable(function))
}

fn unreadable(function: &str) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!("the {function} function's response has an unknown format"),
        "use the hongyan of the same version as the functions",
    )
}
