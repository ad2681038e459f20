//! What a table of error codes says of a code.

/// What a code means when an API answers with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) class: ErrorClass,
    pub(super) sent: WasSent,
    pub(super) wait: Option<Wait>,
    pub(super) advice: &'static str,
}

/// What can be done about a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// Repeat the same call after a while.
    Retry,
    /// Repeat it when the quota has been reset.
    Quota,
    /// Repeat it once with a new access token.
    Token,
    /// The person can't be reached in this way.
    Unreachable,
    /// An operator has to change the account's configuration.
    Configuration,
    /// The client has to log in again.
    Login,
    /// A developer has to change the request or the template.
    Fault,
    /// WeChat has a code that the table doesn't: it may be any of the others.
    Unknown,
}

/// How long to wait before the same call can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::wechat) enum Wait {
    Seconds(u64),
    /// For the next minute.
    Minute,
    /// For the next day in China.
    Midnight,
}

/// Whether WeChat carried out a call that it refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WasSent {
    /// It certainly did not.
    No,
    /// It is in doubt.
    Perhaps,
    /// It had carried out the same call before.
    Yes,
}
