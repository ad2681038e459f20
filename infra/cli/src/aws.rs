//! Why AWS did not do what it was asked, in words that help.

use crate::error::{Error, Kind};
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use shared::aws::AwsError;
use std::error::Error as StdError;
use std::fmt;

const SIGN_IN: &str = "sign in (`aws sso login`, or `aws configure`), name another profile with \
                       --profile, or set AWS_PROFILE; `aws sts get-caller-identity` shows who you are";

/// Says why AWS did not do it. `action` is what was being done, `permission` what
/// it takes in IAM.
pub(crate) fn failed<E, R>(action: &str, permission: &str, error: &SdkError<E, R>) -> Error
where
    E: StdError + ProvideErrorMetadata + 'static,
    R: fmt::Debug + 'static,
{
    let told = AwsError::new(action, error).to_string();
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    let (kind, advice) = match code {
        Some(code) => of_code(code, permission),
        None if names_credentials(error) => (Kind::Credentials, SIGN_IN.to_owned()),
        None => (
            Kind::Unavailable,
            "see whether AWS can be reached from here, and whether the region is right; on this \
             machine, whether `make run` is running"
                .to_owned(),
        ),
    };
    Error::new(kind, told, advice)
}

/// As [`failed`], for a call that carries a secret: some services quote what they
/// refuse, so only their code is told.
pub(crate) fn failed_with_secret<E, R>(
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
            let (kind, advice) = of_code(code, permission);
            Error::new(kind, format!("{action} failed: {code}"), advice)
        }
        None => failed(action, permission, error),
    }
}

/// What a service's code means for whoever called it.
fn of_code(code: &str, permission: &str) -> (Kind, String) {
    match code {
        "AccessDenied"
        | "AccessDeniedException"
        | "AuthorizationError"
        | "UnauthorizedOperation" => (
            Kind::AccessDenied,
            format!("let this user or role do {permission}, or use another with --profile"),
        ),
        "ExpiredToken"
        | "ExpiredTokenException"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken" => (Kind::Credentials, SIGN_IN.to_owned()),
        "Throttling"
        | "ThrottlingException"
        | "TooManyRequestsException"
        | "TooManyUpdates"
        | "RequestLimitExceeded"
        | "ProvisionedThroughputExceededException" => {
            (Kind::Throttled, "it was tried several times; try again in a minute".to_owned())
        }
        _ => (Kind::Unavailable, "try again; if it stays so, AWS's words above say why".to_owned()),
    }
}

/// Whether there were no credentials to sign with.
fn names_credentials(error: &(dyn StdError + 'static)) -> bool {
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
    fn codes_say_what_to_do() {
        let (kind, advice) = of_code("AccessDeniedException", "ssm:PutParameter");
        assert_eq!(kind, Kind::AccessDenied);
        assert!(advice.contains("ssm:PutParameter"), "{advice}");
        assert_eq!(of_code("ExpiredTokenException", "").0, Kind::Credentials);
        assert_eq!(of_code("ThrottlingException", "").0, Kind::Throttled);
        assert_eq!(of_code("InternalServerError", "").0, Kind::Unavailable);
    }
}
