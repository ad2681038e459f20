//! The AWS clients of a function, made from the environment that Lambda gives
//! it: region, credentials, and the SDKs' own `AWS_ENDPOINT_URL` variables.

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

/// One try of a call to AWS may take this long. AWS answers within
/// milliseconds; who hasn't after this has lost the connection.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(1);
/// All tries of a call together. A callback must be answered within five
/// seconds, so it fails while there is still time to say so.
const OPERATION_TIMEOUT: Duration = Duration::from_millis(4500);
/// The SDK waits up to so long before it tries again, and up to twice as long
/// before the third try. Its own choice, a second, is a fifth of what WeChat
/// waits for an answer.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The Parameter Store is asked so many times: it allows an account 40 reads a second
/// (AWS General Reference, "AWS Systems Manager endpoints and quotas"), and when many
/// processes start in one, most of them are refused at first.
const ATTEMPTS_AT_PARAMETERS: u32 = 8;
/// The longest pause between two of these; all seven together last 3.6 seconds at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Invoking another function takes as long as that function does.
const INVOKE_TIMEOUT: Duration = Duration::from_secs(35);

/// Makes clients. Each is made when asked for, as it costs start-up time.
#[derive(Clone, Debug)]
pub struct Aws {
    web: HttpClient,
    region: Region,
    credentials: Credentials,
}

impl Aws {
    /// Reads `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and
    /// `AWS_SESSION_TOKEN`, which Lambda sets.
    ///
    /// # Errors
    ///
    /// When one of the first three isn't set.
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
        let mut config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(self.region.clone())
            .credentials_provider(self.credentials.clone())
            .http_client(self.web.clone())
            .retry_config(retry())
            .timeout_config(timeouts(ATTEMPT_TIMEOUT, OPERATION_TIMEOUT));
        config.set_endpoint_url(endpoint("AWS_ENDPOINT_URL_DYNAMODB"));
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    /// A client of the Parameter Store that waits its turn: for those who can't start
    /// without what they read. `AWS_ENDPOINT_URL_SSM` moves it.
    pub fn ssm_with_retries(&self) -> aws_sdk_ssm::Client {
        let patient = retry().with_max_attempts(ATTEMPTS_AT_PARAMETERS);
        self.ssm_with(patient.with_max_backoff(LONGEST_PAUSE))
    }

    /// The same for who has somebody waiting, and can start without: a third refusal
    /// is the last.
    pub fn ssm_fail_fast(&self) -> aws_sdk_ssm::Client {
        self.ssm_with(retry())
    }

    fn ssm_with(&self, retry: RetryConfig) -> aws_sdk_ssm::Client {
        let mut config = aws_sdk_ssm::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(self.region.clone())
            .credentials_provider(self.credentials.clone())
            .http_client(self.web.clone())
            .retry_config(retry)
            .timeout_config(timeouts(ATTEMPT_TIMEOUT, OPERATION_TIMEOUT));
        config.set_endpoint_url(endpoint("AWS_ENDPOINT_URL_SSM"));
        aws_sdk_ssm::Client::from_conf(config.build())
    }

    /// A client that invokes functions. `AWS_ENDPOINT_URL_LAMBDA` moves it.
    pub fn lambda(&self) -> aws_sdk_lambda::Client {
        let mut config = aws_sdk_lambda::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(self.region.clone())
            .credentials_provider(self.credentials.clone())
            .http_client(self.web.clone())
            .timeout_config(timeouts(INVOKE_TIMEOUT, INVOKE_TIMEOUT));
        config.set_endpoint_url(endpoint("AWS_ENDPOINT_URL_LAMBDA"));
        aws_sdk_lambda::Client::from_conf(config.build())
    }
}

/// The SDKs' own rule: a service's variable before the one for all.
fn endpoint(service: &str) -> Option<String> {
    config::optional(service).or_else(|| config::optional("AWS_ENDPOINT_URL"))
}

/// Three attempts, with short pauses between them.
fn retry() -> RetryConfig {
    RetryConfig::standard().with_initial_backoff(FIRST_PAUSE)
}

fn timeouts(attempt: Duration, operation: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(attempt).operation_timeout(operation).build()
}

/// AWS did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("{action} failed: {problem}")]
pub struct AwsError {
    action: String,
    problem: String,
}

impl AwsError {
    /// Says what was being done, and what came back: the service's code and
    /// message, or why there was no answer.
    ///
    /// The SDK's own formatting isn't used: it prints whole responses, and a
    /// failed condition's response carries the item.
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

    /// For an answer that is well-formed and still not what was asked for.
    pub fn unexpected(action: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { action: action.into(), problem: problem.into() }
    }
}
