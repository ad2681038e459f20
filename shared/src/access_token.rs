//! WeChat's access tokens, for the functions that use them. Only the `token`
//! function makes them; others read them from the Parameter Store and, when
//! WeChat calls one dead, ask that function once.

use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::config::{self, MissingVariable};
use crate::parameters::{App, ParameterError, Parameters, StoredToken};
use crate::secret::Secret;
use crate::wechat::client::Error as CallError;
use crate::wechat::id::AppId;
use crate::wechat::refusal::Class;
use aws_sdk_lambda::primitives::Blob;
use std::collections::HashMap;
use std::sync::Mutex;

/// A token that was read is used this many seconds before it's read again.
const FRESH: u64 = 60;
/// A token this close to its end, in seconds, is read again: its successor is
/// there by now.
const MARGIN: u64 = 120;

/// Access tokens, kept between invocations.
#[derive(Debug)]
pub struct AccessTokens {
    parameters: Parameters,
    lambda: aws_sdk_lambda::Client,
    function: String,
    kept: Mutex<HashMap<AppId, (StoredToken, Timestamp)>>,
    /// Of many calls that find a token dead, one replaces it.
    renewing: tokio::sync::Mutex<()>,
}

impl AccessTokens {
    /// Reads `TOKEN_FUNCTION`, the name of the function that makes tokens.
    ///
    /// # Errors
    ///
    /// When it isn't set.
    pub fn from_environment(
        parameters: Parameters,
        lambda: aws_sdk_lambda::Client,
    ) -> Result<Self, MissingVariable> {
        let function = config::required("TOKEN_FUNCTION")?;
        Ok(Self {
            parameters,
            lambda,
            function,
            kept: Mutex::default(),
            renewing: tokio::sync::Mutex::default(),
        })
    }

    /// Makes a call with the app's access token. If WeChat calls the token
    /// dead, it is replaced and the call made once more; never a third time.
    ///
    /// # Errors
    ///
    /// The call's own, or that there is no token to be had.
    pub async fn call<T>(
        &self,
        app: &App,
        now: Timestamp,
        call: impl AsyncFn(&Secret) -> Result<T, CallError>,
    ) -> Result<T, TokenError> {
        let token = self.get(app, now).await?;
        let dead = match call(&token.token).await {
            Err(error)
                if error.refusal().is_some_and(|refusal| refusal.class() == Class::Token) =>
            {
                error
            }
            other => return other.map_err(TokenError::Call),
        };
        tracing::warn!(
            app = app.alias,
            generation = token.generation,
            "WeChat calls the access token dead: {dead}"
        );
        let renewed = self.renew(app, Some(token.generation), now).await?;
        call(&renewed.token).await.map_err(TokenError::Call)
    }

    async fn get(&self, app: &App, now: Timestamp) -> Result<StoredToken, TokenError> {
        if let Some((token, read_at)) = self.kept(app)
            && now.seconds_since(read_at) < FRESH
            && now.plus(MARGIN) < token.expires_at
        {
            return Ok(token);
        }
        match self.parameters.token(app).await? {
            Some(token) => Ok(self.keep(app, token, now)),
            // The first call of a deployment may come before the first minute.
            None => self.renew(app, None, now).await,
        }
    }

    /// Replaces the token of generation `dead`, unless that has been done: then
    /// the newer one is taken.
    async fn renew(
        &self,
        app: &App,
        dead: Option<u64>,
        now: Timestamp,
    ) -> Result<StoredToken, TokenError> {
        let _alone = self.renewing.lock().await;
        if let Some((token, _)) = self.kept(app)
            && Some(token.generation) > dead
        {
            return Ok(token);
        }
        if let Some(token) = self.parameters.token(app).await?
            && Some(token.generation) != dead
        {
            return Ok(self.keep(app, token, now));
        }
        let request = serde_json::json!({ "app_id": app.app_id, "dead_generation": dead });
        let answer = self
            .lambda
            .invoke()
            .function_name(&self.function)
            .payload(Blob::new(request.to_string()))
            .send()
            .await
            .map_err(|error| AwsError::new(format!("invoking {}", self.function), &error))?;
        if answer.function_error.is_some() {
            let problem = answer.payload.map(|blob| message(blob.as_ref())).unwrap_or_default();
            return Err(TokenError::NotRenewed { app: app.alias.clone(), problem });
        }
        let token =
            self.parameters.token(app).await?.filter(|token| Some(token.generation) != dead);
        let token = token.ok_or_else(|| TokenError::NotRenewed {
            app: app.alias.clone(),
            problem: format!("{} gave no newer one", self.function),
        })?;
        Ok(self.keep(app, token, now))
    }

    fn kept(&self, app: &App) -> Option<(StoredToken, Timestamp)> {
        self.kept.lock().expect("nothing panics under this lock").get(&app.app_id).cloned()
    }

    fn keep(&self, app: &App, token: StoredToken, now: Timestamp) -> StoredToken {
        let mut kept = self.kept.lock().expect("nothing panics under this lock");
        kept.insert(app.app_id.clone(), (token.clone(), now));
        token
    }
}

/// What a function that failed said.
fn message(payload: &[u8]) -> String {
    let error: serde_json::Value = serde_json::from_slice(payload).unwrap_or_default();
    error["errorMessage"].as_str().unwrap_or("no message").to_owned()
}

/// A call that needs an access token failed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// WeChat's answer to the call itself.
    #[error(transparent)]
    Call(CallError),
    /// A dead token could not be replaced.
    #[error("the access token of {app} is dead and could not be replaced: {problem}")]
    NotRenewed {
        /// The app's alias.
        app: String,
        /// What the token function said.
        problem: String,
    },
    /// The Parameter Store has no usable token.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// AWS didn't do its part.
    #[error(transparent)]
    Aws(#[from] AwsError),
}
