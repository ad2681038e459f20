//! `POST /login/{app}`: exchanges a code from `wx.login` for a session.

use crate::account::{Password, Username};
use crate::account_conflicts::{report_refused, report_second};
use crate::app::{App, Credentials};
use crate::error::LoginError;
use crate::keys::key_set::{Keys, RefreshKeys};
use crate::password_check::PasswordCheck;
use crate::repeated_login::find_session;
use crate::retries::retry_when_busy;
use crate::retry_key::RetryKey;
use crate::session::access_token::{self, ACCESS_TOKEN_TTL, Claims};
use crate::wechat_code;
use serde::{Deserialize, Serialize};
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::secret::Secret;
use shared::store::{
    self, AttemptKey, Binding, CodeExchange, LoginCodeHash, LoginResult, NewSession,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// The body of `POST /login/{app}`.
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
    code: LoginCode,
    /// The account to bind, with its password.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Username"))]
    username: Option<Username>,
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Password"))]
    password: Option<Password>,
    /// A random text of the client's own, the same in each repeat of this request.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "RetryKey"))]
    retry_key: Option<RetryKey>,
}

/// A code from `wx.login`: works once, for 5 minutes.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(extend("pattern" = "^[!-~]{1,256}$")))]
#[serde(try_from = "String")]
struct LoginCode(#[cfg_attr(test, schemars(with = "String"))] Secret);

impl TryFrom<String> for LoginCode {
    type Error = &'static str;

    fn try_from(code: String) -> Result<Self, Self::Error> {
        let problem = "a code from wx.login has 1 to 256 printable characters";
        wechat_code::parse(code, problem).map(Self)
    }
}

/// A new session.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct LoginResponse {
    /// For `Authorization: Bearer`.
    access_token: String,
    /// For `POST /session/refresh`.
    refresh_token: String,
    token_type: &'static str,
    /// Seconds until the access token expires.
    expires_in: u64,
    /// The person's internal id.
    user: String,
    /// The account that is bound to the person.
    bound: Option<String>,
    /// The previous `user`, if this login has shown that it is the same person as
    /// another one, and merged them.
    #[serde(skip_serializing_if = "Option::is_none")]
    merged_from: Option<String>,
    /// Whether the person follows each Official Account, by its alias.
    follows: BTreeMap<String, bool>,
}

/// The network side of a login request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller<'a> {
    /// The domain that the request was sent to.
    pub(crate) domain: &'a str,
    /// The client's address, as API Gateway sees it.
    pub(crate) address: &'a str,
}

/// Exchanges the code, stores who logged in, and signs a session.
pub(crate) async fn log_in(
    app: &App,
    alias: &str,
    request: &LoginRequest,
    caller: Caller<'_>,
    now: Timestamp,
) -> Result<LoginResponse, LoginError> {
    let credentials = app.credentials(alias, now).await?;
    let mini_program = credentials.mini_program(alias).ok_or(LoginError::UnknownMiniProgram)?;
    let secret = credentials.secrets.get(alias).ok_or(LoginError::MissingAppSecret)?;
    let account = request.username.as_ref().map(Username::as_str);
    let check = match (&request.username, &request.password) {
        (None, None) => None,
        (Some(username), Some(password)) => {
            let credentials = (username, password);
            Some(PasswordCheck::begin(app, alias, credentials, caller.address, now).await?)
        }
        (Some(_), None) => return Err(LoginError::MissingCredential("password")),
        (None, Some(_)) => return Err(LoginError::MissingCredential("username")),
    };
    // Missing keys must not use up the code either.
    let (keys, refresh_keys) = tokio::try_join!(app.keys(now), app.refresh_keys(None, now))?;
    let retry_key = request.retry_key.as_ref();
    let issuer = SessionIssuer { keys, refresh_keys, retry_key, issuer: app.issuer(caller.domain) };
    let app_id = &mini_program.app_id;
    let code = LoginCodeHash::new(app_id, request.code.0.expose(), account);
    let exchanged =
        retry_when_busy(|| app.wechat.code_to_session(app_id, secret, request.code.0.expose()))
            .await;
    let identity = match exchanged {
        Ok(identity) => identity,
        Err(error) => {
            app.tokens.refusal_notes.report(alias, &error).await;
            let errcode = error.refusal().map(|refusal| refusal.code);
            if matches!(errcode, Some(40013 | 40125)) {
                // The app_id was corrected, or the AppSecret was reset; the next login reads
                // the new one.
                app.invalidate_credentials().await;
            }
            // The client may have lost the response to its first request. WeChat answers
            // a used code with "used", "invalid" or "busy".
            let is_used = errcode == Some(40163);
            let retry_key = retry_key.map(RetryKey::hash);
            let found = find_session(app, app_id, &code, retry_key, is_used, now).await?;
            let Some((session, first)) = found else {
                return Err(LoginError::CodeExchange(error));
            };
            if let Some(check) = check {
                check.finish(None).await?;
            }
            tracing::info!(app = alias, user = session.user, "repeated the response to a login");
            return issuer.response(&credentials, session, &first.exchange, first.at);
        }
    };
    if identity.union_id.is_none() {
        tracing::warn!(
            app = alias,
            "a login has no unionid: bind the mini program to an open-platform account, or its users can't be found in other apps"
        );
    }
    let hash = match check {
        Some(check) => {
            Some(check.finish(Some(AttemptKey::wechat_user(app_id, &identity.open_id))).await?)
        }
        None => None,
    };
    let id = Uuid::new_v4();
    let jti = Uuid::new_v4().simple().to_string();
    let refresh_key = issuer.refresh_keys.current(now);
    let exchange = CodeExchange {
        code,
        session: id.simple().to_string(),
        token: jti,
        refresh_key: refresh_key.number(),
        retry_key: retry_key.map(RetryKey::hash),
    };
    let first = refresh_key.first_hash(id, retry_key);
    let binding = Binding {
        app_id,
        open_id: &identity.open_id,
        union_id: identity.union_id.as_ref(),
        account,
        password_hash: hash.as_ref(),
        session: &NewSession { id: exchange.session.clone(), first },
        exchange: Some(&exchange),
    };
    let session = app.logins.log_in(&binding, now).await;
    let session = session.inspect_err(|error| {
        if let store::LoginError::AccountTaken { owners } = error {
            report_refused(alias, owners);
        }
    })?;
    if let Some(former) = &session.merged_from {
        tracing::info!(
            app = alias,
            user = session.user,
            former,
            "merged two users who are one person"
        );
    }
    report_second(alias, &session.user, &session.other_owners);
    tracing::info!(app = alias, user = session.user, "logged in");
    issuer.response(&credentials, session, &exchange, now)
}

/// Issues the tokens of a new session.
struct SessionIssuer<'a> {
    keys: Arc<Keys>,
    refresh_keys: Arc<RefreshKeys>,
    retry_key: Option<&'a RetryKey>,
    issuer: String,
}

impl SessionIssuer<'_> {
    /// The response to a login at the time `at`. It is deterministic, so that a repeated
    /// request gets the same bytes.
    fn response(
        &self,
        credentials: &Credentials,
        session: LoginResult,
        exchange: &CodeExchange,
        at: Timestamp,
    ) -> Result<LoginResponse, LoginError> {
        // The key may have been revoked since the first response.
        let refresh_key = self.refresh_keys.get_valid(exchange.refresh_key, at);
        let refresh_key = refresh_key.ok_or(LoginError::SessionEnded)?;
        let id = Uuid::try_parse(&exchange.session).ok();
        let refresh_token =
            id.and_then(|id| refresh_key.first_token(&session.user, id, self.retry_key));
        let refresh_token = refresh_token.ok_or_else(|| {
            AwsError::unexpected("issuing a session", "an id is not one that a login makes")
        })?;
        let claims =
            Claims::new(&self.issuer, &session.user, &exchange.session, &exchange.token, at);
        Ok(LoginResponse {
            access_token: access_token::sign(self.keys.current(at), &claims),
            refresh_token: refresh_token.text.expose().to_owned(),
            token_type: "Bearer",
            expires_in: ACCESS_TOKEN_TTL,
            follows: credentials.follows(&session.identities),
            bound: session.account,
            merged_from: session.merged_from,
            user: session.user,
        })
    }
}
