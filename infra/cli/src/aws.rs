//! AWS errors with advice.

use crate::error::{Error, ErrorKind};
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use shared::aws::AwsError;
use std::error::Error as StdError;
use std::fmt;

const SIGN_IN: &str = "sign in (`aws sso login`, or `aws configure`), name another profile with \
                       --profile, or set AWS_PROFILE; `aws sts get-caller-identity` shows who you are";

/// Describes a failed AWS call. `action` is what the call was for, `permission` the IAM
/// permission that it needs.
pub(crate) fn aws_error<E, R>(action: &str, permission: &str, error: &SdkError<E, R>) -> Error
where
    E: StdError + ProvideErrorMetadata + 'static,
    R: fmt::Debug + 'static,
{
    let problem = AwsError::new(action, error).to_string();
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    let (kind, advice) = match code {
        Some(code) => classify(code, permission),
        None if is_credentials_error(error) => (ErrorKind::Credentials, SIGN_IN.to_owned()),
        None => (
            ErrorKind::Unavailable,
            "check the network and the region; for --local, check that `make run` is running"
                .to_owned(),
        ),
    };
    Error::new(kind, problem, advice)
}

/// Like [`aws_error`], for a call that carries a secret: some services quote what they
/// refuse, so only their error code is printed.
pub(crate) fn aws_error_without_message<E, R>(
    action: &str,
    permission: &str,
    error: &SdkError<E, R>,
) -> Error
where
    E: StdError + ProvideErrorMetadata + 'static,
    R: fmt::Debug + 'static,
{
    match error.as_service_error().and_then(ProvideErrorMetadata::code) {
        Some(code) => {
            let (kind, advice) = classify(code, permission);
            Error::new(kind, format!("{action} failed: {code}"), advice)
        }
        None => aws_error(action, permission, error),
    }
}

fn classify(code: &str, permission: &str) -> (ErrorKind, String) {
    match code {
        "AccessDenied"
        | "AccessDeniedException"
        | "AuthorizationError"
        | "UnauthorizedOperation" => (
            ErrorKind::AccessDenied,
            format!("grant this user or role {permission}, or use another with --profile"),
        ),
        "ExpiredToken"
        | "ExpiredTokenException"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken" => (ErrorKind::Credentials, SIGN_IN.to_owned()),
        "Throttling"
        | "ThrottlingException"
        | "TooManyRequestsException"
        | "TooManyUpdates"
        | "RequestLimitExceeded"
        | "ProvisionedThroughputExceededException" => {
            (ErrorKind::Throttled, "all attempts were throttled; try again in a minute".to_owned())
        }
        _ => (
            ErrorKind::Unavailable,
            "try again; if it fails again, see AWS's message above".to_owned(),
        ),
    }
}

fn is_credentials_error(error: &(dyn StdError + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<CredentialsError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_code_decides_kind_and_advice() {
        let (kind, advice) = classify("AccessDeniedException", "ssm:PutParameter");
        assert_eq!(kind, ErrorKind::AccessDenied);
        assert!(advice.contains("ssm:PutParameter"), "{advice}");
        assert_eq!(classify("ExpiredTokenException", "").0, ErrorKind::Credentials);
        assert_eq!(classify("ThrottlingException", "").0, ErrorKind::Throttled);
        assert_eq!(classify("InternalServerError", "").0, ErrorKind::Unavailable);
    }
}
