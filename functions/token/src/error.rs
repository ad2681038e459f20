//! Why there is no valid access token, and who can do something about it.

use lambda_runtime::Diagnostic;
use shared::access_token;
use shared::aws::AwsError;
use shared::parameters::ParameterError;
use shared::wechat::client::CallError;
use shared::wechat::token;
use std::net::IpAddr;

#[derive(Debug, thiserror::Error)]
pub(crate) enum RefreshError {
    #[error("its AppSecret is not under /secrets; put it there")]
    MissingSecret,
    #[error("there is no such app under /apps")]
    UnknownApp,
    #[error(
        "WeChat keeps issuing a token that it rejects, and a refresh was forced {0} times within a day, which is the limit here; if the AppSecret has leaked, reset it"
    )]
    ForcedTooOften(usize),
    #[error(
        "WeChat keeps issuing a token that it rejects, and the last refresh was forced less than {0} seconds ago"
    )]
    ForcedTooSoon(u64),
    #[error("a forced refresh gave the same token, which WeChat rejects")]
    StillRejected,
    #[error(
        "another process keeps storing tokens of this app; see who else may write under /tokens"
    )]
    Contended,
    #[error(
        "no number is left for the next token; delete the app's parameter under /tokens, and they count from 1 again"
    )]
    NoNextGeneration,
    #[error("another invocation has been replacing the token for {0} seconds")]
    Busy(u64),
    #[error("it took longer than {0} seconds")]
    Timeout(u64),
    /// The error of the invocation that held the lease.
    #[error("{problem}")]
    OfLeaseHolder { problem: String, permanent: bool },
    #[error("{error}{}", advice(error))]
    WeChat {
        #[from]
        error: CallError,
    },
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl RefreshError {
    /// Whether it stays until an operator acts.
    pub(crate) fn is_permanent(&self) -> bool {
        match self {
            Self::MissingSecret
            | Self::UnknownApp
            | Self::ForcedTooOften(_)
            | Self::NoNextGeneration => true,
            Self::OfLeaseHolder { permanent, .. } => *permanent,
            Self::WeChat { error } => error.refusal().is_some_and(token::needs_operator_action),
            Self::Parameter(error) => matches!(error, ParameterError::Missing(_)),
            Self::ForcedTooSoon(_)
            | Self::StillRejected
            | Self::Contended
            | Self::Busy(_)
            | Self::Timeout(_)
            | Self::Aws(_) => false,
        }
    }

    /// The address that isn't on the account's IP list (40164).
    pub(crate) fn address(&self) -> Option<IpAddr> {
        match self {
            Self::WeChat { error } => error.refusal()?.address(),
            _ => None,
        }
    }

    /// The code in the metric of failures: WeChat's, or a word. None if another
    /// invocation has counted the failure.
    pub(crate) fn code(&self) -> Option<String> {
        let word = match self {
            Self::OfLeaseHolder { .. } => return None,
            Self::WeChat { error } => match error {
                CallError::Refused { refusal } => return Some(refusal.code.to_string()),
                CallError::NotSent { .. } => "unreachable",
                CallError::Unknown { .. } => "no_answer",
            },
            Self::MissingSecret => "no_secret",
            Self::UnknownApp => "no_app",
            Self::ForcedTooOften(_) | Self::ForcedTooSoon(_) => "over_budget",
            Self::StillRejected => "still_rejected",
            Self::NoNextGeneration => "no_generation",
            Self::Contended | Self::Busy(_) => "contended",
            Self::Timeout(_) => "timeout",
            Self::Parameter(_) | Self::Aws(_) => "aws",
        };
        Some(word.to_owned())
    }
}

/// The error of an invocation. Its type tells the caller whether a retry helps.
pub(crate) fn diagnostic(message: String, permanent: bool) -> Diagnostic {
    let error_type =
        if permanent { access_token::PERMANENT_FAILURE } else { access_token::TRANSIENT_FAILURE };
    Diagnostic { error_type: error_type.to_owned(), error_message: message }
}

fn advice(error: &CallError) -> String {
    error.refusal().map(|refusal| format!("; {}", refusal.advice())).unwrap_or_default()
}
