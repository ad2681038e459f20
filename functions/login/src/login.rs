//! One login: a code becomes a session.

use crate::account::{self, Denied, Password, Username};
use crate::app::{App, Credentials};
use crate::keys::Keys;
use crate::session::{self, Claims, RefreshKey};
use crate::{busy, retry};
use serde::{Deserialize, Serialize};
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::parameters::ParameterError;
use shared::store::{Binding, CodeExchange, LoginCodeHash, LoginError, LoginResult, NewSession};
use shared::wechat::client::CallError;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// What a mini program asks with.
#[derive(Debug, Deserialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(extend(
        "dependentRequired" = { "username": ["password"], "password": ["username"] }
    ))
)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginRequest {
    /// From `wx.login`.
    code: Code,
    /// The account to bind, with its password.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Username"))]
    username: Option<Username>,
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Password"))]
    password: Option<Password>,
}

/// A code from `wx.login`: works once, for 5 minutes.
#[derive(Deserialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(rename = "LoginCode", extend("pattern" = "^[!-~]{1,256}$"))
)]
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct LoginAnswer {
    /// For `Authorization: Bearer`.
    access_token: String,
    /// For `POST /session/refresh`.
    refresh_token: String,
    token_type: &'static str,
    /// Seconds that the access token lives.
    expires_in: u64,
    /// The person's internal id.
    user: String,
    /// The account that is bound to the person.
    bound: Option<String>,
    /// The `user` of before, when it has just turned out that they are one with
    /// another.
    #[serde(skip_serializing_if = "Option::is_none")]
    merged_from: Option<String>,
    /// Whether they follow each Official Account, by its alias.
    follows: BTreeMap<String, bool>,
}

/// Where a login comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller<'a> {
    /// The domain that it was sent to.
    pub(crate) domain: &'a str,
    /// The address that API Gateway saw.
    pub(crate) address: &'a str,
}

/// Exchanges the code, stores who logged in, and signs a session.
pub(crate) async fn log_in(
    app: &App,
    alias: &str,
    request: &LoginRequest,
    caller: Caller<'_>,
    now: Timestamp,
) -> Result<LoginAnswer, Refused> {
    let credentials = app.credentials(alias, now).await?;
    let mini_program = credentials.mini_program(alias).ok_or(Refused::UnknownApp)?;
    let secret = credentials.secrets.get(alias).ok_or(Refused::NoSecret)?;
    // The password first: a wrong one must not cost the code.
    let account = match (&request.username, &request.password) {
        (None, None) => None,
        (Some(username), Some(password)) => {
            let logins = &app.logins;
            let address = caller.address;
            let hash = account::authenticate(logins, username, password, address, now).await?;
            Some((username.as_str(), hash))
        }
        (Some(_), None) => return Err(Refused::Incomplete("password")),
        (None, Some(_)) => return Err(Refused::Incomplete("username")),
    };
    // The keys, too: their lack must not cost the code either.
    let (keys, sealed) = tokio::try_join!(app.keys(now), app.refresh_key())?;
    let signing = Signing { keys, sealed, issuer: app.issuer(caller.domain) };
    let app_id = &mini_program.app_id;
    let (account, hash) = account.unzip();
    let code = LoginCodeHash::new(app_id, &request.code.0, account);
    let who = busy::again(|| app.wechat.code_to_session(app_id, secret, &request.code.0)).await;
    let who = match who {
        Ok(who) => who,
        Err(error) => {
            let refused = error.refusal().map(|refusal| refusal.code);
            if refused == Some(40125) {
                // The AppSecret was reset; the next login reads the new one.
                app.distrust_credentials().await;
            }
            // Whoever asks with the same code at once has not got the answer. WeChat
            // says of a used code that it is used, or that it is none, or is busy.
            let is_used = refused == Some(40163);
            let Some((session, exchanged)) = retry::find(app, app_id, &code, is_used, now).await?
            else {
                return Err(error.into());
            };
            tracing::info!(app = alias, user = session.user, "answered a login once more");
            return signing.answer(&credentials, session, &exchanged.exchange, exchanged.at);
        }
    };
    if who.union_id.is_none() {
        tracing::warn!(
            app = alias,
            "a login has no unionid: the mini program is not bound to an open-platform account; bind it, or its users can't be found in other apps"
        );
    }
    let id = Uuid::new_v4();
    let jti = Uuid::new_v4().simple().to_string();
    let exchange = CodeExchange { code, session: id.simple().to_string(), token: jti };
    let first = signing.sealed.first_hash(id);
    let binding = Binding {
        app_id,
        open_id: &who.open_id,
        union_id: who.union_id.as_ref(),
        account,
        password_hash: hash.as_ref(),
        session: &NewSession { id: exchange.session.clone(), first },
        exchange: Some(&exchange),
    };
    let session = app.logins.log_in(&binding, now).await?;
    if let Some(former) = &session.merged_from {
        tracing::info!(app = alias, user = session.user, former, "two are one person");
    }
    tracing::info!(app = alias, user = session.user, "logged in");
    signing.answer(&credentials, session, &exchange, now)
}

/// What a session is made with.
struct Signing<'a> {
    keys: Arc<Keys>,
    sealed: &'a RefreshKey,
    issuer: String,
}

impl Signing<'_> {
    /// What a login of the moment `at` is answered: the same each time.
    fn answer(
        &self,
        credentials: &Credentials,
        session: LoginResult,
        exchange: &CodeExchange,
        at: Timestamp,
    ) -> Result<LoginAnswer, Refused> {
        let id = Uuid::try_parse(&exchange.session).ok();
        let refresh_token = id.and_then(|id| self.sealed.first(&session.user, id));
        let refresh_token = refresh_token.ok_or_else(|| {
            AwsError::unexpected("beginning a session", "an id isn't one that a login makes")
        })?;
        let claims =
            Claims::new(&self.issuer, &session.user, &exchange.session, &exchange.token, at);
        Ok(LoginAnswer {
            access_token: session::access_token(self.keys.current(at), &claims),
            refresh_token: refresh_token.text.expose().to_owned(),
            token_type: "Bearer",
            expires_in: session::LIFE,
            follows: credentials.follows(&session.routes),
            bound: session.account,
            merged_from: session.merged_from,
            user: session.user,
        })
    }
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
    #[error(transparent)]
    Password(#[from] Denied),
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
    /// How many seconds the caller should wait, where that helps.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Password(Denied::TooMany { wait }) => Some(*wait),
            // WeChat's quota is one of a minute.
            Self::WeChat(error) if error.refusal()?.code == 45011 => Some(60),
            _ => None,
        }
    }

    /// The HTTP status, and what the caller is told: the whole story when it is
    /// theirs, nothing when it is ours.
    pub(crate) fn answer(&self) -> (u16, String) {
        match self {
            Self::UnknownApp => (404, self.to_string()),
            Self::Incomplete(_) => (400, self.to_string()),
            Self::Password(Denied::Wrong) => (401, self.to_string()),
            Self::Login(LoginError::AccountChanged) => (401, Denied::Wrong.to_string()),
            Self::Password(Denied::TooMany { .. }) => (429, self.to_string()),
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
            | Self::Password(Denied::Aws(_))
            | Self::Login(LoginError::Aws(_))
            | Self::Parameter(_)
            | Self::Aws(_) => (500, "internal error".to_owned()),
        }
    }
}
