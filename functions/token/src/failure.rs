//! There is no access token to be had: why, and who can do something about it.

use lambda_runtime::Diagnostic;
use shared::access_token;
use shared::aws::AwsError;
use shared::parameters::ParameterError;
use shared::wechat::client::CallError;
use shared::wechat::token;
use std::net::IpAddr;

/// There is no access token to be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RefreshError {
    #[error("its AppSecret is not under /secrets; put it there")]
    NoSecret,
    #[error("there is no such app under /apps")]
    NoApp,
    #[error(
        "WeChat goes on handing out a token that it calls dead, and none may be forced: that was done {0} times within a day; if the AppSecret has leaked, reset it"
    )]
    ForcedTooOften(usize),
    #[error(
        "WeChat goes on handing out a token that it calls dead, and none may be forced yet: the last was forced less than {0} seconds ago"
    )]
    ForcedJustNow(u64),
    #[error("WeChat was asked by force and still hands out a token that it calls dead")]
    StillDead,
    #[error("others store tokens of this app all the time; see who else may write under /tokens")]
    Contended,
    #[error("another invocation has been replacing it for {0} seconds")]
    Busy(u64),
    #[error("it took longer than {0} seconds")]
    TooSlow(u64),
    /// What the one said who was at it when this one came.
    #[error("{problem}")]
    Told { problem: String, permanent: bool },
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
    /// Whether it stays so until a human acts.
    pub(crate) fn is_lasting(&self) -> bool {
        match self {
            Self::NoSecret | Self::NoApp | Self::ForcedTooOften(_) => true,
            Self::Told { permanent, .. } => *permanent,
            Self::WeChat { error } => error.refusal().is_some_and(token::needs_operator),
            Self::Parameter(error) => matches!(error, ParameterError::Missing(_)),
            Self::ForcedJustNow(_)
            | Self::StillDead
            | Self::Contended
            | Self::Busy(_)
            | Self::TooSlow(_)
            | Self::Aws(_) => false,
        }
    }

    /// The address that WeChat saw the call come from and doesn't let in (40164).
    pub(crate) fn address(&self) -> Option<IpAddr> {
        match self {
            Self::WeChat { error } => error.refusal()?.address(),
            _ => None,
        }
    }

    /// What the metric of failures says of it. None if another invocation has
    /// counted it.
    pub(crate) fn code(&self) -> Option<String> {
        let word = match self {
            Self::Told { .. } => return None,
            Self::WeChat { error } => match error {
                CallError::Refused { refusal, .. } => return Some(refusal.code.to_string()),
                CallError::NotSent { .. } => "unreachable",
                CallError::Unknown { .. } => "no_answer",
            },
            Self::NoSecret => "no_secret",
            Self::NoApp => "no_app",
            Self::ForcedTooOften(_) | Self::ForcedJustNow(_) => "over_budget",
            Self::StillDead => "still_dead",
            Self::Contended | Self::Busy(_) => "contended",
            Self::TooSlow(_) => "timeout",
            Self::Parameter(_) | Self::Aws(_) => "aws",
        };
        Some(word.to_owned())
    }
}

/// What the invocation answers, so that its caller can tell what helps.
pub(crate) fn diagnostic(message: String, permanent: bool) -> Diagnostic {
    let kind =
        if permanent { access_token::PERMANENT_FAILURE } else { access_token::TRANSIENT_FAILURE };
    Diagnostic { error_type: kind.to_owned(), error_message: message }
}

/// What to do about a refusal. On this API 40001 means the secret, not a token.
fn advice(error: &CallError) -> String {
    match error.refusal() {
        Some(refusal) if refusal.code == 40001 => {
            "; put the account's present AppSecret under /secrets".to_owned()
        }
        Some(refusal) => format!("; {}", refusal.advice()),
        None => String::new(),
    }
}
