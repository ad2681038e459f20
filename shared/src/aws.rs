//! The AWS clients of a function, made from Lambda's environment variables: region,
//! credentials, and the SDKs' own `AWS_ENDPOINT_URL`.

use crate::config::{self, VariableError};
use crate::http::HttpClient;
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, timeout::TimeoutConfig};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::error::Error as _;
use std::fmt::Write as _;
use std::time::Duration;

/// For one attempt. AWS responds within milliseconds; after this time the connection is lost.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(1);
/// For all attempts of a call. A callback has five seconds, so the call fails while there is
/// still time to respond.
const OPERATION_TIMEOUT: Duration = Duration::from_millis(4500);
/// The longest pause before the second attempt; it doubles. The SDK's default of a second is
/// a fifth of WeChat's timeout.
const INITIAL_BACKOFF: Duration = Duration::from_millis(50);
/// The Parameter Store allows an account 40 reads a second (AWS General Reference, "AWS
/// Systems Manager endpoints and quotas"), so it throttles most of many processes that start
/// at the same time.
const MAX_SSM_ATTEMPTS: u32 = 8;
/// Between two of these; all seven pauses together last 3.6 seconds at most.
const MAX_SSM_BACKOFF: Duration = Duration::from_secs(1);
/// Invoking another function takes as long as that function does.
const INVOKE_TIMEOUT: Duration = Duration::from_secs(35);

/// Makes the clients on demand, because each costs time at a cold start.
#[derive(Clone, Debug)]
pub struct Aws {
    web: HttpClient,
    region: Region,
    credentials: Credentials,
}

/// A client of one service. The SDK's crates have no trait in common.
macro_rules! client {
    ($aws:expr, $sdk:ident, $endpoint:literal, $retry:expr, $timeouts:expr) => {{
        let mut config = $sdk::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region($aws.region.clone())
            .credentials_provider($aws.credentials.clone())
            .http_client($aws.web.clone())
            .timeout_config($timeouts);
        config.set_retry_config($retry).set_endpoint_url(endpoint($endpoint));
        $sdk::Client::from_conf(config.build())
    }};
}

impl Aws {
    /// Reads `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and
    /// `AWS_SESSION_TOKEN`, which Lambda sets.
    pub fn from_environment(web: &HttpClient) -> Result<Self, VariableError> {
        let credentials = Credentials::new(
            config::required("AWS_ACCESS_KEY_ID")?,
            config::required("AWS_SECRET_ACCESS_KEY")?,
            config::optional("AWS_SESSION_TOKEN"),
            None,
            "environment",
        );
        Ok(Self {
            web: web.clone(),
            region: Region::new(config::required("AWS_REGION")?),
            credentials,
        })
    }

    /// A client of DynamoDB. `AWS_ENDPOINT_URL_DYNAMODB` moves it.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        client!(self, aws_sdk_dynamodb, "AWS_ENDPOINT_URL_DYNAMODB", Some(retry()), aws_timeouts())
    }

    /// A client of the Parameter Store that retries while it is throttled: for functions that
    /// can't start without their parameters. `AWS_ENDPOINT_URL_SSM` moves it.
    pub fn ssm_with_retries(&self) -> aws_sdk_ssm::Client {
        let retry = retry().with_max_attempts(MAX_SSM_ATTEMPTS);
        self.ssm_with(retry.with_max_backoff(MAX_SSM_BACKOFF))
    }

    /// The same with three attempts, for a function that must respond soon and can start
    /// without its parameters.
    pub fn ssm_fail_fast(&self) -> aws_sdk_ssm::Client {
        self.ssm_with(retry())
    }

    fn ssm_with(&self, retry: RetryConfig) -> aws_sdk_ssm::Client {
        client!(self, aws_sdk_ssm, "AWS_ENDPOINT_URL_SSM", Some(retry), aws_timeouts())
    }

    /// A client of Lambda. `AWS_ENDPOINT_URL_LAMBDA` moves it.
    pub fn lambda(&self) -> aws_sdk_lambda::Client {
        let timeouts = timeouts(INVOKE_TIMEOUT, INVOKE_TIMEOUT);
        client!(self, aws_sdk_lambda, "AWS_ENDPOINT_URL_LAMBDA", None, timeouts)
    }
}

/// The SDKs' own rule: a service's variable takes precedence.
fn endpoint(service: &str) -> Option<String> {
    config::optional(service).or_else(|| config::optional("AWS_ENDPOINT_URL"))
}

/// Three attempts, with short pauses between them.
fn retry() -> RetryConfig {
    RetryConfig::standard().with_initial_backoff(INITIAL_BACKOFF)
}

/// For what AWS itself does.
fn aws_timeouts() -> TimeoutConfig {
    timeouts(config::aws_timeout(ATTEMPT_TIMEOUT), config::aws_timeout(OPERATION_TIMEOUT))
}

fn timeouts(attempt: Duration, operation: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(attempt).operation_timeout(operation).build()
}

/// A call to AWS failed.
#[derive(Debug, thiserror::Error)]
#[error("{action} failed: {problem}")]
pub struct AwsError {
    action: String,
    problem: String,
}

impl AwsError {
    /// The action, and the service's code and message, or why there was no response. Not the
    /// SDK's own formatting, which prints whole responses: that of a failed condition contains
    /// the item.
    pub fn new<E, R>(action: impl Into<String>, error: &SdkError<E, R>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
        R: std::fmt::Debug,
    {
        let mut problem = String::new();
        if let Some(service) = error.as_service_error() {
            problem.push_str(service.code().unwrap_or("no error code"));
            if let Some(message) = service.message() {
                let _ = write!(problem, ": {message}");
            }
        } else {
            problem.push_str(&error.to_string());
            let mut source = error.source();
            while let Some(cause) = source {
                let _ = write!(problem, ": {cause}");
                source = cause.source();
            }
        }
        Self { action: action.into(), problem }
    }

    /// For a well-formed response with unexpected content.
    pub fn unexpected(action: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { action: action.into(), problem: problem.into() }
    }
}
