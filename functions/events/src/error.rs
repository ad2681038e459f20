//! Why an event could not be applied.

use shared::access_token::TokenError;
use shared::aws::AwsError;
use shared::wechat::push::InvalidPush;

/// Why an event could not be applied. The text is stored on the event's row.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    #[error("its app is not under /apps; put it back, or let the event be quarantined")]
    UnknownApp,
    #[error(transparent)]
    InvalidPush(#[from] InvalidPush),
    #[error("{0}")]
    Malformed(&'static str),
    #[error("applying it timed out")]
    TimedOut,
    #[error("the handler panicked (location in the log); a later version may succeed")]
    Panicked,
    /// An invocation is sending the auto-reply, or was killed while it did.
    #[error("another invocation is sending its auto-reply")]
    AutoReplyInProgress,
    #[error("other events of this user kept getting in between")]
    Contended,
    #[error(transparent)]
    WeChat(#[from] TokenError),
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl ApplyError {
    /// Whether no further attempt can succeed.
    pub(crate) fn is_permanent(&self) -> bool {
        matches!(self, Self::InvalidPush(_) | Self::Malformed(_))
    }
}
