//! WeChat's access tokens, for the functions that use them. The `token` function stores
//! them; other functions read them from the Parameter Store and, when WeChat rejects one,
//! invoke that function once.

mod error;
mod token_cache;

pub use self::error::TokenError;

use self::error::RefreshFailure;
use self::token_cache::TokenCache;
use crate::aws::{Aws, AwsError};
use crate::clock::Timestamp;
use crate::config::{self, VariableError};
use crate::parameters::{ParameterError, Parameters, StoredToken, WeChatApp};
use crate::refusal_notes::RefusalNotes;
use crate::retry::Retry;
use crate::secret::Secret;
use crate::store::NotificationsTable;
use crate::wechat::client::CallError;
use crate::wechat::id::AppId;
use crate::wechat::refusal::ErrorClass;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::primitives::Blob;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

/// The error type of the token function when there is no token until an operator acts,
/// such as with a wrong AppSecret or a frozen account.
pub const PERMANENT_FAILURE: &str = "AccessTokenNeedsOperator";
/// Its error type when a later attempt may succeed.
pub const TRANSIENT_FAILURE: &str = "AccessTokenTemporarilyUnavailable";

/// For replacing a token that WeChat rejected.
const REPLACE_TIMEOUT: Duration = Duration::from_secs(10);
/// For invoking the token function, and for reading what it stored: the Parameter Store
/// is eventually consistent.
const REPLACE_RETRY: Retry =
    Retry { max_attempts: 4, base: Duration::from_millis(400), max_pause: Duration::from_secs(2) };

/// The access tokens of all apps, reused across invocations.
#[derive(Debug)]
pub struct AccessTokens {
    parameters: Parameters,
    aws: Aws,
    /// Made when WeChat rejects a token, which few processes see: each SDK's first client
    /// reads all of AWS's partitions, a fifteenth of the computing at a cold start.
    lambda: OnceLock<aws_sdk_lambda::Client>,
    function: String,
    caches: Mutex<HashMap<AppId, Arc<TokenCache>>>,
    /// Every call that is made with a token reports here.
    pub refusal_notes: RefusalNotes,
}

impl AccessTokens {
    /// Reads `TOKEN_FUNCTION`, the name of the function that stores tokens.
    pub fn from_environment(
        parameters: Parameters,
        aws: Aws,
        notifications: &NotificationsTable,
    ) -> Result<Self, VariableError> {
        let function = config::required("TOKEN_FUNCTION")?;
        let (lambda, caches) = (OnceLock::new(), Mutex::default());
        let refusal_notes = RefusalNotes::new(notifications);
        Ok(Self { parameters, aws, lambda, function, caches, refusal_notes })
    }

    /// Makes a call with the app's access token. If WeChat rejects the token, it is
    /// replaced, which takes up to 10 seconds, and the call is made once more.
    pub async fn call<T>(
        &self,
        app: &WeChatApp,
        now: Timestamp,
        call: impl AsyncFn(&Secret) -> Result<T, CallError>,
    ) -> Result<T, TokenError> {
        self.call_until(app, now, Timestamp(u64::MAX), call).await
    }

    /// Like [`AccessTokens::call`], but waits for a token until `not_after` at most. The
    /// call itself has to check whether there is still time for it.
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

    /// Like [`AccessTokens::call_until`], for a call whose future has to be [`Send`]: the
    /// compiler can't see that of an async closure that borrows the token.
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
        let rejection = match call(token.token.clone()).await {
            Err(error) if is_token_rejection(&error) => error,
            result => return self.report(app, result).await,
        };
        tracing::warn!(
            app = app.alias,
            generation = token.generation,
            "WeChat rejected the access token: {rejection}"
        );
        cache.mark_invalid(&token);
        let newer = self.get_newer(&cache, app, &token, now, not_after).await?;
        let repeated = call(newer.token.clone()).await;
        if repeated.as_ref().is_err_and(is_token_rejection) {
            cache.mark_invalid(&newer);
        }
        self.report(app, repeated).await
    }

    async fn report<T>(
        &self,
        app: &WeChatApp,
        result: Result<T, CallError>,
    ) -> Result<T, TokenError> {
        if let Err(error) = &result {
            self.refusal_notes.report(&app.alias, error).await;
        }
        result.map_err(TokenError::Call)
    }

    /// The newest known token. Of many callers that need one, one reads it.
    async fn get(
        &self,
        cache: &TokenCache,
        app: &WeChatApp,
        now: Timestamp,
        not_after: Timestamp,
    ) -> Result<StoredToken, TokenError> {
        if let Some(token) = cache.fresh(now) {
            return Ok(token);
        }
        let since = Instant::now();
        let mut failure = cache.refresh_lock.lock().await;
        if let Some(token) = cache.fresh(now) {
            return Ok(token);
        }
        if let Some(failure) = failure.as_ref().filter(|failure| failure.happened_since(since)) {
            return Err(failure.for_app(&app.alias));
        }
        let stored = match self.parameters.token(app).await {
            Ok(stored) => stored,
            // The token function replaces it.
            Err(ParameterError::Invalid { .. }) => None,
            Err(error) => {
                // Only WeChat decides whether a token is valid, however old it is.
                if let Some(token) = cache.any() {
                    tracing::warn!(app = app.alias, "{error}; using the cached token");
                    return Ok(token);
                }
                let error = RefreshFailure::transient(error.to_string());
                return Err(failure.insert(error).for_app(&app.alias));
            }
        };
        match stored.map(|token| cache.insert(token, now)) {
            Some(token) if !cache.is_invalid(&token) => Ok(token),
            // There is none before the first scheduled refresh of a deployment.
            rejected => {
                self.replace(cache, &mut failure, app, rejected.as_ref(), now, not_after).await
            }
        }
    }

    /// A newer token than the rejected one: what another caller has got, what is stored,
    /// or else what the token function stores.
    async fn get_newer(
        &self,
        cache: &TokenCache,
        app: &WeChatApp,
        rejected: &StoredToken,
        now: Timestamp,
        not_after: Timestamp,
    ) -> Result<StoredToken, TokenError> {
        let since = Instant::now();
        let mut failure = cache.refresh_lock.lock().await;
        if let Some(token) = cache.newer_than(rejected) {
            return Ok(token);
        }
        if let Some(failure) = failure.as_ref().filter(|failure| failure.happened_since(since)) {
            return Err(failure.for_app(&app.alias));
        }
        if let Some(token) = self.read_newer(cache, app, Some(rejected)).await {
            return Ok(cache.insert(token, now));
        }
        self.replace(cache, &mut failure, app, Some(rejected), now, not_after).await
    }

    /// Has the token function replace a token. The caller holds the refresh lock, and
    /// those who wait for it share the failure.
    async fn replace(
        &self,
        cache: &TokenCache,
        failure: &mut Option<RefreshFailure>,
        app: &WeChatApp,
        rejected: Option<&StoredToken>,
        now: Timestamp,
        not_after: Timestamp,
    ) -> Result<StoredToken, TokenError> {
        if let Some(failure) = failure.as_ref().filter(|failure| failure.is_current()) {
            return Err(failure.for_app(&app.alias));
        }
        let left = Duration::from_secs(not_after.seconds_since(Timestamp::now()));
        let timeout = REPLACE_TIMEOUT.min(left);
        let replaced = tokio::time::timeout(timeout, self.invoke_and_read(cache, app, rejected));
        let replaced = replaced.await.unwrap_or_else(|_| {
            let seconds = timeout.as_secs();
            let problem = format!("{} has not stored one within {seconds} seconds", self.function);
            Err(RefreshFailure::transient(problem))
        });
        match replaced {
            Ok(token) => {
                *failure = None;
                Ok(cache.insert(token, now))
            }
            Err(error) => Err(failure.insert(error).for_app(&app.alias)),
        }
    }

    /// Invokes the token function until it has responded, and reads what it stored. It may
    /// have stored a token even if AWS reports an error, so every attempt reads.
    async fn invoke_and_read(
        &self,
        cache: &TokenCache,
        app: &WeChatApp,
        rejected: Option<&StoredToken>,
    ) -> Result<StoredToken, RefreshFailure> {
        let mut is_done = false;
        let mut problem = format!("{} has stored one, but it can't be read yet", self.function);
        for attempt in 1..=REPLACE_RETRY.max_attempts {
            if attempt > 1 {
                REPLACE_RETRY.backoff(attempt - 1).await;
            }
            if !is_done {
                match self.invoke(app, rejected.map(|token| token.generation)).await {
                    Invocation::Done => is_done = true,
                    Invocation::Failed(failure) => return Err(failure),
                    Invocation::Lost(error) => problem = error,
                }
            }
            if let Some(token) = self.read_newer(cache, app, rejected).await {
                return Ok(token);
            }
        }
        Err(RefreshFailure::transient(problem))
    }

    /// The stored token, if it is newer than the rejected one.
    async fn read_newer(
        &self,
        cache: &TokenCache,
        app: &WeChatApp,
        rejected: Option<&StoredToken>,
    ) -> Option<StoredToken> {
        let stored = self.parameters.token(app).await;
        let stored = stored.inspect_err(|error| tracing::warn!(app = app.alias, "{error}")).ok()?;
        stored.filter(|stored| {
            rejected.is_none_or(|rejected| stored.supersedes(rejected)) && !cache.is_invalid(stored)
        })
    }

    async fn invoke(&self, app: &WeChatApp, rejected: Option<u64>) -> Invocation {
        let request = serde_json::json!({ "app_id": app.app_id, "rejected_generation": rejected });
        // The SDK must not retry: between two attempts the stored token is read.
        let once = aws_sdk_lambda::config::Builder::new().retry_config(RetryConfig::disabled());
        let lambda = self.lambda.get_or_init(|| self.aws.lambda());
        let response = lambda
            .invoke()
            .function_name(&self.function)
            .payload(Blob::new(request.to_string()))
            .customize()
            .config_override(once)
            .send()
            .await;
        match response {
            Ok(response) if response.function_error.is_none() => Invocation::Done,
            Ok(response) => {
                let payload = response.payload.map(Blob::into_inner).unwrap_or_default();
                Invocation::from_error(&self.function, &payload)
            }
            Err(error) => {
                let error = AwsError::new(format!("invoking {}", self.function), &error);
                Invocation::Lost(error.to_string())
            }
        }
    }

    fn cache(&self, app: &WeChatApp) -> Arc<TokenCache> {
        let mut caches = self.caches.lock().expect("nothing panics under this lock");
        Arc::clone(caches.entry(app.app_id.clone()).or_default())
    }
}

/// The result of invoking the token function.
#[derive(Debug)]
enum Invocation {
    /// It has stored a newer token.
    Done,
    /// It reports why there is none.
    Failed(RefreshFailure),
    /// It was not invoked, or crashed. Holds the error.
    Lost(String),
}

impl Invocation {
    /// From the error payload of the function.
    fn from_error(function: &str, payload: &[u8]) -> Self {
        let error: serde_json::Value = serde_json::from_slice(payload).unwrap_or_default();
        let text = |name: &str| error[name].as_str().unwrap_or("no message").to_owned();
        match text("errorType").as_str() {
            PERMANENT_FAILURE => Self::Failed(RefreshFailure::permanent(text("errorMessage"))),
            TRANSIENT_FAILURE => Self::Failed(RefreshFailure::transient(text("errorMessage"))),
            _ => Self::Lost(format!("{function} failed: {}", text("errorMessage"))),
        }
    }
}

fn is_token_rejection(error: &CallError) -> bool {
    error.refusal().is_some_and(|refusal| refusal.class() == ErrorClass::Token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reported_failure_differs_from_a_crash_of_the_token_function() {
        let payload =
            |kind: &str| format!(r#"{{"errorType":"{kind}","errorMessage":"shop: why"}}"#);
        for (kind, permanent) in [(PERMANENT_FAILURE, true), (TRANSIENT_FAILURE, false)] {
            let invocation = Invocation::from_error("token", payload(kind).as_bytes());
            let Invocation::Failed(failure) = invocation else { panic!("{kind}") };
            assert_eq!((failure.problem.as_str(), failure.permanent), ("shop: why", permanent));
        }
        for payload in [&payload("Runtime.ExitError"), "", "null", "[]"] {
            let invocation = Invocation::from_error("token", payload.as_bytes());
            assert!(matches!(invocation, Invocation::Lost(_)), "{payload}");
        }
    }
}
