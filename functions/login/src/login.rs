//! One login: a code becomes a session.

use crate::account::{self, Password, Username};
use crate::app::App;
use crate::session::{self, Claims};
use serde::{Deserialize, Serialize};
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::parameters::ParameterError;
use shared::store::{Binding, LoginError, NewSession};
use shared::wechat::client::Error as CallError;
use std::collections::BTreeMap;
use uuid::Uuid;

/// What a mini program asks with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginRequest {
    /// From `wx.login`.
    code: Code,
    /// The account to bind, with its password.
    #[serde(default)]
    username: Option<Username>,
    #[serde(default)]
    password: Option<Password>,
}

/// A code from `wx.login`: works once, for 5 minutes.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Code(String);

impl TryFrom<String> for Code {
    type Error = &'static str;

    fn try_from(code: String) -> Result<Self, Self::Error> {
        if (1..=256).contains(&code.len()) && code.bytes().all(|c| c.is_ascii_graphic()) {
            Ok(Self(code))
        } else {
            Err("a code from wx.login has 1 to 256 printable characters")
        }
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code(…)")
    }
}

/// What a mini program is answered with.
#[derive(Serialize)]
pub(crate) struct LoginAnswer {
    access_token: String,
    refresh_token: String,
    token_type: &'static str,
    expires_in: u64,
    user: String,
    bound: Option<String>,
    follows: BTreeMap<String, bool>,
}

/// Exchanges the code, stores who logged in, and signs a session.
pub(crate) async fn log_in(
    app: &App,
    alias: &str,
    request: &LoginRequest,
    domain: &str,
    now: Timestamp,
) -> Result<LoginAnswer, Refused> {
    let credentials = app.credentials(alias, now).await?;
    let mini_program = credentials.mini_program(alias).ok_or(Refused::UnknownApp)?;
    let secret = credentials.secrets.get(alias).ok_or(Refused::NoSecret)?;
    // The password first: a wrong one must not cost the code.
    let account = match (&request.username, &request.password) {
        (None, None) => None,
        (Some(username), Some(password)) => {
            if !account::verify(&app.logins.mappings, username, password).await? {
                return Err(Refused::WrongPassword);
            }
            Some(username.as_str())
        }
        (Some(_), None) => return Err(Refused::Incomplete("password")),
        (None, Some(_)) => return Err(Refused::Incomplete("username")),
    };
    // The keys, too: their lack must not cost the code either.
    let keys = app.keys(now).await?;
    let sealed = app.refresh_key().await?;
    let who = app.wechat.code_to_session(&mini_program.app_id, secret, &request.code.0).await;
    if who.as_ref().is_err_and(|error| error.refusal().is_some_and(|refusal| refusal.code == 40125))
    {
        // The AppSecret was reset; the next login reads the new one.
        app.distrust_credentials().await;
    }
    let who = who?;
    if who.union_id.is_none() {
        tracing::warn!(
            app = alias,
            "a login has no unionid: bind the mini program to an open-platform account, or its users can't be found in others"
        );
    }
    let id = Uuid::new_v4();
    let begun = NewSession { id: id.simple().to_string(), first: sealed.first_hash(id) };
    let binding = Binding {
        app_id: &mini_program.app_id,
        open_id: &who.open_id,
        union_id: who.union_id.as_ref(),
        account,
        session: &begun,
    };
    let session = app.logins.log_in(&binding, now).await?;
    tracing::info!(app = alias, user = session.user, "logged in");
    let refresh_token = sealed.first(&session.user, id).ok_or_else(|| {
        AwsError::unexpected("beginning a session", "the user's id isn't one that a login makes")
    })?;
    let jti = Uuid::new_v4().simple().to_string();
    let claims = Claims::new(&app.issuer(domain), &session.user, &begun.id, &jti, now);
    Ok(LoginAnswer {
        access_token: session::access_token(keys.current(now), &claims),
        refresh_token: refresh_token.text.expose().to_owned(),
        token_type: "Bearer",
        expires_in: session::LIFE,
        follows: credentials.follows(&session.routes),
        bound: session.account,
        user: session.user,
    })
}

/// A login that is not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("there is no such mini program")]
    UnknownApp,
    #[error("its AppSecret is not under /secrets")]
    NoSecret,
    #[error("{0}: missing; username and password belong together")]
    Incomplete(&'static str),
    #[error("wrong username or password")]
    WrongPassword,
    #[error(transparent)]
    WeChat(#[from] CallError),
    #[error(transparent)]
    Login(#[from] LoginError),
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl Refused {
    /// The HTTP status, and what the caller is told: the whole story when it is
    /// theirs, nothing when it is ours.
    pub(crate) fn answer(&self) -> (u16, String) {
        match self {
            Self::UnknownApp => (404, self.to_string()),
            Self::Incomplete(_) => (400, self.to_string()),
            Self::WrongPassword => (401, self.to_string()),
            Self::Login(LoginError::AccountTaken | LoginError::UserTaken) => {
                (409, self.to_string())
            }
            Self::WeChat(error) => match error.refusal() {
                Some(refusal) => match refusal.code {
                    40029 | 40163 => (401, format!("code: {}", refusal.advice())),
                    40226 => (403, refusal.advice()),
                    45011 => (
                        429,
                        "too many logins of this user within a minute; wait for the next one"
                            .to_owned(),
                    ),
                    -1 => (503, "WeChat is busy; call wx.login and try again".to_owned()),
                    _ => (
                        502,
                        "WeChat refused the login; the operator finds the reason in the log"
                            .to_owned(),
                    ),
                },
                None => (503, "WeChat does not answer; call wx.login and try again".to_owned()),
            },
            Self::NoSecret
            | Self::Login(LoginError::Aws(_))
            | Self::Parameter(_)
            | Self::Aws(_) => (500, "internal error".to_owned()),
        }
    }
}
