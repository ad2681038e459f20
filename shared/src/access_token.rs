//! WeChat's access tokens, for the functions that use them. Only the `token`
//! function makes them; others read them from the Parameter Store and, when
//! WeChat calls one dead, ask that function once.

mod token_cache;

use self::token_cache::{RefreshFailure, TokenCache};
use crate::aws::{Aws, AwsError};
use crate::clock::Timestamp;
use crate::config::{self, VariableError};
use crate::parameters::{ParameterError, Parameters, StoredToken, WeChatApp};
use crate::secret::Secret;
use crate::wechat::client::CallError;
use crate::wechat::id::AppId;
use crate::wechat::refusal::ErrorClass;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::primitives::Blob;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

/// The error type of the token function's answer when there is no token until a
/// human acts: a wrong AppSecret, an account that is frozen.
pub const PERMANENT_FAILURE: &str = "AccessTokenNeedsOperator";
/// Its error type when there may be a token later.
pub const TRANSIENT_FAILURE: &str = "AccessTokenTemporarilyUnavailable";

/// A token that WeChat called dead is replaced within this time, or the call
/// fails.
const REPLACE_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two looks for the new token, if the token function could not be
/// invoked, died, or has stored what the Parameter Store doesn't show yet.
const RETRY_PAUSES: [Duration; 3] =
    [Duration::from_millis(200), Duration::from_millis(800), Duration::from_secs(2)];

/// Access tokens, kept between invocations.
#[derive(Debug)]
pub struct AccessTokens {
    parameters: Parameters,
    aws: Aws,
    /// Made when a token dies, which few processes see: each SDK's first client reads
    /// all of AWS's partitions, a fifteenth of what a start computes.
    lambda: OnceLock<aws_sdk_lambda::Client>,
    function: String,
    cache: Mutex<HashMap<AppId, Arc<TokenCache>>>,
}

impl AccessTokens {
    /// Reads `TOKEN_FUNCTION`, the name of the function that makes tokens.
    ///
    /// # Errors
    ///
    /// When it isn't set.
    pub fn from_environment(parameters: Parameters, aws: Aws) -> Result<Self, VariableError> {
        let function = config::required("TOKEN_FUNCTION")?;
        let (lambda, cache) = (OnceLock::new(), Mutex::default());
        Ok(Self { parameters, aws, lambda, function, cache })
    }

    /// Makes a call with the app's access token. If WeChat calls the token
    /// dead, it is replaced and the call made once more; never a third time.
    ///
    /// Replacing it takes up to 10 seconds.
    ///
    /// # Errors
    ///
    /// The call's own, or that there is no token to be had.
    pub async fn call<T>(
        &self,
        app: &WeChatApp,
        now: Timestamp,
        call: impl AsyncFn(&Secret) -> Result<T, CallError>,
    ) -> Result<T, TokenError> {
        self.call_until(app, now, Timestamp(u64::MAX), call).await
    }

    /// Like [`AccessTokens::call`], but a token is no longer waited for than until
    /// `not_after`. The call looks itself whether there is still time for it.
    ///
    /// # Errors
    ///
    /// The call's own, or that there is no token to be had in time.
    pub async fn call_until<T>(
        &self,
        app: &WeChatApp,
        now: Timestamp,
        not_after: Timestamp,
        call: impl AsyncFn(&Secret) -> Result<T, CallError>,
    ) -> Result<T, TokenError> {
        let call = &call;
        self.call_owned(app, now, not_after, |token| async move { call(&token).await }).await
    }

    /// As [`AccessTokens::call_until`], for a call whose future has to be [`Send`]:
    /// of an async closure, which borrows the token, the compiler can't see that.
    ///
    /// # Errors
    ///
    /// As those of [`AccessTokens::call_until`].
    pub async fn call_owned<T, F>(
        &self,
        app: &WeChatApp,
        now: Timestamp,
        not_after: Timestamp,
        call: impl Fn(Secret) -> F,
    ) -> Result<T, TokenError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let cache = self.cache(app);
        let token = self.get(&cache, app, now, not_after).await?;
        let dead = match call(token.token.clone()).await {
            Err(error) if is_dead(&error) => error,
            other => return other.map_err(TokenError::Call),
        };
        tracing::warn!(
            app = app.alias,
            generation = token.generation,
            "WeChat calls the access token dead: {dead}"
        );
        cache.mark_invalid(&token);
        let renewed = self.renew(&cache, app, &token, now, not_after).await?;
        let repeated = call(renewed.token.clone()).await;
        if repeated.as_ref().is_err_and(is_dead) {
            cache.mark_invalid(&renewed);
        }
        repeated.map_err(TokenError::Call)
    }

    /// The newest token that is known. Many who need one at once read it once.
    async fn get(
        &self,
        cache: &TokenCache,
        app: &WeChatApp,
        now: Timestamp,
        not_after: Timestamp,
    ) -> Result<StoredToken, TokenError> {
        if let Some(token) = cache.usable(now) {
            return Ok(token);
        }
        let asked = Instant::now();
        let mut failed = cache.refresh_lock.lock().await;
        if let Some(token) = cache.usable(now) {
            return Ok(token);
        }
        if let Some(failed) = failed.as_ref().filter(|failed| failed.was_awaited(asked)) {
            return Err(failed.error(app));
        }
        let read = match self.parameters.token(app).await {
            Ok(read) => read,
            // The token function writes it anew.
            Err(ParameterError::Invalid { .. }) => None,
            Err(error) => {
                // Only WeChat can say that a token is dead, however old it is.
                if let Some(token) = cache.any() {
                    tracing::warn!(app = app.alias, "{error}; going on with the token at hand");
                    return Ok(token);
                }
                let problem = error.to_string();
                return Err(failed.insert(RefreshFailure::new(problem, false)).error(app));
            }
        };
        let token = read.map(|token| cache.keep(token, now));
        match token {
            Some(token) if !cache.is_invalid(&token) => Ok(token),
            // The first call of a deployment may come before the first minute.
            dead => self.replace(cache, &mut failed, app, dead.as_ref(), now, not_after).await,
        }
    }

    /// Replaces a dead token, unless that has been done: then the newer one is
    /// taken.
    async fn renew(
        &self,
        cache: &TokenCache,
        app: &WeChatApp,
        dead: &StoredToken,
        now: Timestamp,
        not_after: Timestamp,
    ) -> Result<StoredToken, TokenError> {
        let asked = Instant::now();
        let mut failed = cache.refresh_lock.lock().await;
        if let Some(token) = cache.newer(dead) {
            return Ok(token);
        }
        if let Some(failed) = failed.as_ref().filter(|failed| failed.was_awaited(asked)) {
            return Err(failed.error(app));
        }
        if let Some(token) = self.newer(cache, app, Some(dead)).await {
            return Ok(cache.keep(token, now));
        }
        self.replace(cache, &mut failed, app, Some(dead), now, not_after).await
    }

    /// Has the token function replace a token, as the only one in this process. A
    /// failure is also that of all who wait meanwhile.
    async fn replace(
        &self,
        cache: &TokenCache,
        failed: &mut Option<RefreshFailure>,
        app: &WeChatApp,
        dead: Option<&StoredToken>,
        now: Timestamp,
        not_after: Timestamp,
    ) -> Result<StoredToken, TokenError> {
        if let Some(failed) = failed.as_ref().filter(|failed| failed.holds()) {
            return Err(failed.error(app));
        }
        let left = Duration::from_secs(not_after.seconds_since(Timestamp::now()));
        let patience = REPLACE_TIMEOUT.min(left);
        let replaced = tokio::time::timeout(patience, self.ask(cache, app, dead)).await;
        let replaced = replaced.unwrap_or_else(|_| {
            let waited = patience.as_secs();
            let problem = format!("{} has not stored one within {waited} seconds", self.function);
            Err(RefreshFailure::new(problem, false))
        });
        match replaced {
            Ok(token) => {
                *failed = None;
                Ok(cache.keep(token, now))
            }
            Err(why) => Err(failed.insert(why).error(app)),
        }
    }

    /// Invokes the token function until it has answered, and looks for what it
    /// stored. Each failure of AWS may be one of the way back, so there is a look
    /// after it as well.
    async fn ask(
        &self,
        cache: &TokenCache,
        app: &WeChatApp,
        dead: Option<&StoredToken>,
    ) -> Result<StoredToken, RefreshFailure> {
        let mut done = false;
        let mut problem = format!("{} has stored one, but nobody sees it yet", self.function);
        for pause in RETRY_PAUSES.iter().map(Some).chain([None]) {
            if !done {
                match self.invoke(app, dead.map(|token| token.generation)).await {
                    Invoked::Done => done = true,
                    Invoked::Refused(why) => return Err(why),
                    Invoked::Lost(why) => problem = why,
                }
            }
            if let Some(token) = self.newer(cache, app, dead).await {
                return Ok(token);
            }
            if let Some(pause) = pause {
                tokio::time::sleep(*pause).await;
            }
        }
        Err(RefreshFailure::new(problem, false))
    }

    /// What is stored, if it is newer than the dead token.
    async fn newer(
        &self,
        cache: &TokenCache,
        app: &WeChatApp,
        dead: Option<&StoredToken>,
    ) -> Option<StoredToken> {
        let stored = self.parameters.token(app).await;
        let stored = stored.inspect_err(|error| tracing::warn!(app = app.alias, "{error}")).ok()?;
        stored.filter(|stored| {
            dead.is_none_or(|dead| stored.supersedes(dead)) && !cache.is_invalid(stored)
        })
    }

    async fn invoke(&self, app: &WeChatApp, dead: Option<u64>) -> Invoked {
        let request = serde_json::json!({ "app_id": app.app_id, "rejected_generation": dead });
        // Between two tries there is a look whether others have got one.
        let once = aws_sdk_lambda::config::Builder::new().retry_config(RetryConfig::disabled());
        let lambda = self.lambda.get_or_init(|| self.aws.lambda());
        let answer = lambda
            .invoke()
            .function_name(&self.function)
            .payload(Blob::new(request.to_string()))
            .customize()
            .config_override(once)
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let error = AwsError::new(format!("invoking {}", self.function), &error);
                return Invoked::Lost(error.to_string());
            }
        };
        if answer.function_error.is_none() {
            return Invoked::Done;
        }
        let payload = answer.payload.map(Blob::into_inner).unwrap_or_default();
        refused(&self.function, &payload)
    }

    fn cache(&self, app: &WeChatApp) -> Arc<TokenCache> {
        let mut cache = self.cache.lock().expect("nothing panics under this lock");
        Arc::clone(cache.entry(app.app_id.clone()).or_default())
    }
}

/// How an invocation of the token function went.
#[derive(Debug)]
enum Invoked {
    /// It says that there is a newer token.
    Done,
    /// It says why there is none.
    Refused(RefreshFailure),
    /// It was not invoked, or died before it could say anything.
    Lost(String),
}

/// What a function that failed said.
fn refused(function: &str, payload: &[u8]) -> Invoked {
    let error: serde_json::Value = serde_json::from_slice(payload).unwrap_or_default();
    let text = |name: &str| error[name].as_str().unwrap_or("nothing").to_owned();
    match text("errorType").as_str() {
        PERMANENT_FAILURE => Invoked::Refused(RefreshFailure::new(text("errorMessage"), true)),
        TRANSIENT_FAILURE => Invoked::Refused(RefreshFailure::new(text("errorMessage"), false)),
        _ => Invoked::Lost(format!("{function} ended with {}", text("errorMessage"))),
    }
}

fn is_dead(error: &CallError) -> bool {
    error.refusal().is_some_and(|refusal| refusal.class() == ErrorClass::Token)
}

/// A call that needs an access token failed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// WeChat's answer to the call itself.
    #[error(transparent)]
    Call(CallError),
    /// There is no token to call with. Nothing was sent, or WeChat called the
    /// token dead that it was sent with.
    #[error("there is no access token of {app} to be had: {problem}")]
    Unavailable {
        /// The app's alias.
        app: String,
        /// Why, and what to do about it.
        problem: String,
        /// Whether it stays so until a human acts; otherwise a later try may find
        /// one.
        permanent: bool,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_functions_word_is_told_apart_from_its_death() {
        let said = |kind: &str| format!(r#"{{"errorType":"{kind}","errorMessage":"shop: why"}}"#);
        for (kind, permanent) in [(PERMANENT_FAILURE, true), (TRANSIENT_FAILURE, false)] {
            let Invoked::Refused(failed) = refused("token", said(kind).as_bytes()) else {
                panic!("{kind}");
            };
            assert_eq!((failed.problem.as_str(), failed.permanent), ("shop: why", permanent));
        }
        for payload in [&said("Runtime.ExitError"), "", "null", "[]"] {
            assert!(matches!(refused("token", payload.as_bytes()), Invoked::Lost(_)), "{payload}");
        }
    }
}
