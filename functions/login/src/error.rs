//! Everything that a request or a command can fail with, and what its caller is told.

use shared::access_token::TokenError;
use shared::aws::AwsError;
use shared::parameters::ParameterError;
use shared::store::{self, BindError, FormIdError, PersonError};
use shared::wechat::client::CallError;
use shared::wechat::refusal::{ErrorClass, Refusal};

/// Seconds after which WeChat's quota per user and minute (45011) is free again.
const USER_QUOTA_SECS: u64 = 60;
/// The public message of whatever only the operator can fix: the log has the details.
const INTERNAL: &str = "internal error";

/// Why a request or a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    /// The body is not what the route or the command takes. The text names the field.
    #[error("{0}")]
    InvalidRequest(String),
    #[error("the body is larger than {0} bytes")]
    BodyTooLarge(usize),
    #[error("there is nothing at this path")]
    UnknownRoute,
    #[error("{0}: missing; username and password belong together")]
    MissingCredential(&'static str),
    #[error("app: there is no such mini program")]
    UnknownMiniProgram,
    #[error("wrong username or password")]
    WrongPassword,
    #[error("too many wrong passwords; wait {wait} seconds")]
    TooManyPasswords {
        /// In seconds.
        wait: u64,
    },
    #[error("the access token is not one of this service, or not valid now")]
    InvalidAccessToken,
    #[error("refresh_token: not a refresh token of this service; log in again")]
    InvalidRefreshToken,
    /// The session was revoked, has expired, or was erased with its person.
    #[error("this session has ended; log in again")]
    SessionEnded,
    /// A refresh token came back after it had been replaced, which is treated as theft.
    #[error("this refresh token was used before, so its session has been ended; log in again")]
    RefreshTokenReused,
    #[error("other refreshes of this session kept getting in between; try again")]
    RefreshContended,
    /// The person never logged in to this mini program, or was erased since.
    #[error("this session's user isn't known in this mini program: log in to it again")]
    UnknownUser,
    /// WeChat did not exchange the code from `wx.login`.
    #[error(transparent)]
    CodeExchange(CallError),
    /// WeChat did not exchange the code from `getPhoneNumber`.
    #[error(transparent)]
    PhoneNumber(TokenError),
    #[error(transparent)]
    Login(#[from] store::LoginError),
    #[error("username: there is an account of this name")]
    AccountExists,
    #[error("app: there is no app of this alias")]
    UnknownApp,
    #[error("no person is known by this name")]
    UnknownPerson,
    /// A key that was revoked before, or never existed.
    #[error("kid: there is no session key of this id; `list_keys` lists them")]
    UnknownKey,
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    FormIds(#[from] FormIdError),
    #[error(transparent)]
    Person(#[from] PersonError),
    #[error("its AppSecret is not under /secrets; put it there")]
    MissingAppSecret,
    #[error("the route has no authorizer; see infra/aws/template.yaml")]
    MissingAuthorizer,
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl LoginError {
    /// The HTTP status.
    pub(crate) fn status(&self) -> u16 {
        self.public().0
    }

    /// What the caller may read: what to change, or [`INTERNAL`].
    pub(crate) fn public_message(&self) -> String {
        self.public().1
    }

    /// The error type of a failed command.
    pub(crate) fn error_type(&self) -> &'static str {
        match (self, self.status()) {
            (Self::AccountExists, _) => "AccountExists",
            (_, 409) => "AlreadyBound",
            (_, 404) => "NotFound",
            (_, 400 | 413) => "InvalidRequest",
            _ => "InternalError",
        }
    }

    /// Seconds for `Retry-After`.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooManyPasswords { wait } => Some(*wait),
            _ => (self.refusal()?.code == 45011).then_some(USER_QUOTA_SECS),
        }
    }

    /// What the operator can do about WeChat's refusal, if there is one.
    pub(crate) fn advice(&self) -> Option<String> {
        self.refusal().map(Refusal::advice)
    }

    fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::CodeExchange(error) | Self::PhoneNumber(TokenError::Call(error)) => {
                error.refusal()
            }
            _ => None,
        }
    }

    /// Status and message. The caller gets every detail of a mistake of their own, and
    /// none of the service's.
    fn public(&self) -> (u16, String) {
        let status = match self {
            Self::InvalidRequest(_)
            | Self::MissingCredential(_)
            | Self::Person(PersonError::AmbiguousAccount) => 400,
            Self::WrongPassword
            | Self::InvalidAccessToken
            | Self::InvalidRefreshToken
            | Self::SessionEnded
            | Self::RefreshTokenReused => 401,
            Self::UnknownUser => 403,
            Self::UnknownRoute
            | Self::UnknownMiniProgram
            | Self::UnknownApp
            | Self::UnknownPerson
            | Self::UnknownKey
            | Self::Bind(BindError::NoAccount | BindError::NoPerson) => 404,
            Self::AccountExists
            | Self::Bind(BindError::AccountTaken | BindError::PersonTaken)
            | Self::FormIds(FormIdError::TooMany)
            | Self::Login(store::LoginError::AccountTaken { .. } | store::LoginError::UserTaken) => {
                409
            }
            Self::BodyTooLarge(_) => 413,
            Self::TooManyPasswords { .. } => 429,
            Self::RefreshContended => 503,
            // The account got another password during the login.
            Self::Login(store::LoginError::AccountChanged) => return Self::WrongPassword.public(),
            Self::CodeExchange(error) => return code_exchange(error),
            Self::PhoneNumber(error) => return phone_number(error),
            Self::Login(store::LoginError::Aws(_))
            | Self::Bind(BindError::Aws(_))
            | Self::FormIds(FormIdError::Aws(_))
            | Self::Person(PersonError::Aws(_))
            | Self::MissingAppSecret
            | Self::MissingAuthorizer
            | Self::Parameter(_)
            | Self::Aws(_) => return (500, INTERNAL.to_owned()),
        };
        let field = match self {
            Self::Bind(BindError::NoAccount | BindError::AccountTaken) => "username: ",
            Self::Bind(BindError::NoPerson | BindError::PersonTaken) => "user: ",
            Self::Person(PersonError::AmbiguousAccount) => "account: ",
            _ => "",
        };
        (status, format!("{field}{self}"))
    }
}

fn code_exchange(error: &CallError) -> (u16, String) {
    let Some(refusal) = error.refusal() else {
        return (503, "WeChat does not answer; call wx.login and try again".to_owned());
    };
    match refusal.code {
        40029 | 40163 => (401, format!("code: {}", refusal.advice())),
        40226 => (403, refusal.advice()),
        45011 => (429, too_many("logins")),
        _ if is_busy(refusal) => (503, "WeChat is busy; call wx.login and try again".to_owned()),
        _ => (502, refused("the login")),
    }
}

fn phone_number(error: &TokenError) -> (u16, String) {
    const TAP_AGAIN: &str = "let the user tap the button once more";
    let unavailable = |what: &str| (503, format!("WeChat {what}; {TAP_AGAIN}"));
    let error = match error {
        TokenError::Call(error) => error,
        TokenError::Unavailable { permanent: false, .. } => {
            return unavailable("grants no access token now");
        }
        TokenError::Unavailable { .. } => {
            return (
                502,
                "WeChat grants no access token; the operator finds the reason in the log".into(),
            );
        }
    };
    let CallError::Refused { refusal } = error else {
        return unavailable("does not answer");
    };
    match refusal.code {
        40029 | 40163 | 40013 => (400, format!("code: {}", refusal.advice())),
        40003 => (403, format!("code: {}", refusal.advice())),
        45011 => (429, too_many("numbers")),
        _ if is_busy(refusal) => unavailable("is busy"),
        _ => (502, refused("the number")),
    }
}

/// Whether a later request may succeed. An unknown code leaves that open, and a request
/// that is repeated in vain does no harm.
fn is_busy(refusal: &Refusal) -> bool {
    matches!(refusal.class(), ErrorClass::Retry | ErrorClass::Unknown)
}

fn too_many(what: &str) -> String {
    format!("too many {what} of this user within a minute; wait for the next one")
}

fn refused(what: &str) -> String {
    format!("WeChat refused {what}; the operator finds the reason in the log")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_phone_code_has_a_status_and_says_what_to_do() {
        for (code, status, word) in [
            (40029, 400, "tap the button"),
            (40163, 400, "tap the button"),
            (40013, 400, "another mini program"),
            (40003, 403, "log in again"),
            (45011, 429, "wait"),
            (-1, 503, "tap the button"),
            (-1000, 503, "tap the button"),
            (99999, 503, "tap the button"),
            (43002, 502, "operator"),
            (48001, 502, "operator"),
        ] {
            let refusal = Refusal::with_code("/wxa/business/getuserphonenumber", code);
            let error = CallError::Refused { refusal };
            let error = LoginError::PhoneNumber(TokenError::Call(error));
            let message = error.public_message();
            assert_eq!(error.status(), status, "{code}: {message}");
            assert!(message.contains(word), "{code}: {message}");
        }
    }
}
