//! The connection to a deployment.

use crate::error::{Error, ErrorKind};
use crate::target::Target;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use serde::Deserialize;
use shared::http::HttpClient;
use std::time::Duration;
use tokio::sync::OnceCell;

/// For each AWS call.
const MAX_ATTEMPTS: u32 = 5;
/// Longer than the timeout of each function that the tool invokes.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(90);

/// A deployment: how to reach it, and the names of its resources.
#[derive(Debug)]
pub(crate) struct Deployment {
    pub(crate) stage: String,
    /// It runs on this machine.
    pub(crate) is_local: bool,
    config: SdkConfig,
    http: HttpClient,
    info: OnceCell<DeploymentInfo>,
}

/// The parameter `/hongyan/{stage}/deployment`, which the template writes.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct DeploymentInfo {
    /// The HTTP API's URL: scheme and host, no path.
    pub(crate) api: String,
    /// The URL of the front through which WeChat pushes; empty if there is none.
    #[serde(default)]
    pub(crate) front: String,
    /// The ARN of the alarm topic; empty if there is none.
    #[serde(default)]
    pub(crate) alarms: String,
    /// The fixed addresses from which the functions call WeChat, if there are any.
    #[serde(default)]
    pub(crate) addresses: Vec<String>,
}

impl DeploymentInfo {
    /// What callback URLs begin with.
    pub(crate) fn callback_base(&self) -> &str {
        if self.front.is_empty() { &self.api } else { &self.front }
    }
}

impl Deployment {
    /// Finds credentials and region as the AWS CLI does. Calls nothing yet.
    pub(crate) async fn connect(target: &Target) -> Result<Self, Error> {
        // The local stack is not behind a proxy.
        let http =
            if target.local.is_some() { HttpClient::new() } else { HttpClient::with_proxy() };
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).build();
        let retries = RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS);
        let config = match &target.local {
            Some(url) => SdkConfig::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::from_static("us-east-1"))
                .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                    "operator", "any", None, None, "local",
                )))
                .endpoint_url(url)
                .http_client(http.clone())
                .retry_config(retries)
                .timeout_config(timeouts)
                .build(),
            None => {
                let mut loader = aws_config::defaults(BehaviorVersion::latest())
                    .http_client(http.clone())
                    .retry_config(retries)
                    .timeout_config(timeouts);
                if let Some(profile) = &target.profile {
                    loader = loader.profile_name(profile);
                }
                if let Some(region) = &target.region {
                    loader = loader.region(Region::new(region.clone()));
                }
                loader.load().await
            }
        };
        if config.region().is_none() {
            return Err(Error::new(
                ErrorKind::Region,
                "no AWS region is configured",
                "name the deployment's region with --region, or set AWS_REGION or the profile's \
                 region (`aws configure set region …`)",
            ));
        }
        Ok(Self {
            stage: target.stage().to_owned(),
            is_local: target.local.is_some(),
            config,
            http,
            info: OnceCell::new(),
        })
    }

    /// Fails if the stage isn't deployed.
    pub(crate) async fn info(&self) -> Result<&DeploymentInfo, Error> {
        self.info.get_or_try_init(|| self.read_info()).await
    }

    async fn read_info(&self) -> Result<DeploymentInfo, Error> {
        let Some(stored) = self.parameter("deployment").await? else {
            return Err(self.not_deployed());
        };
        let info: DeploymentInfo = serde_json::from_str(stored.value.expose()).map_err(|_| {
            Error::new(
                ErrorKind::NotDeployed,
                format!("the parameter {} can't be read", self.parameter_name("deployment")),
                "deploy again, with the hongyan of the same version",
            )
        })?;
        Ok(DeploymentInfo { api: info.api.trim_end_matches('/').to_owned(), ..info })
    }

    fn not_deployed(&self) -> Error {
        let (stage, name) = (&self.stage, self.parameter_name("deployment"));
        let (location, advice) = if self.is_local {
            ("on this machine".to_owned(), "start it with `make run`".to_owned())
        } else {
            (
                format!("in the region {} of this account", self.region()),
                format!(
                    "deploy it with `make deploy STAGE={stage}`, or name another with \
                     --stage, --region or --profile"
                ),
            )
        };
        let problem =
            format!("the stage {stage} is not deployed {location}: there is no parameter {name}");
        Error::new(ErrorKind::NotDeployed, problem, advice)
    }

    pub(crate) fn region(&self) -> &str {
        self.config.region().map_or("unknown", Region::as_ref)
    }

    /// The name of a function, table or queue, as in `hongyan-prod-send`.
    pub(crate) fn resource_name(&self, name: &str) -> String {
        format!("hongyan-{}-{name}", self.stage)
    }

    /// A parameter's full name, as in `/hongyan/prod/apps/shop`.
    pub(crate) fn parameter_name(&self, path: &str) -> String {
        format!("/hongyan/{}/{path}", self.stage)
    }

    /// A client for what isn't AWS.
    pub(crate) fn http_client(&self) -> reqwest::Client {
        self.http.client()
    }

    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config)
    }

    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }

    pub(crate) fn sns(&self) -> aws_sdk_sns::Client {
        aws_sdk_sns::Client::new(&self.config)
    }

    pub(super) fn ssm(&self) -> aws_sdk_ssm::Client {
        aws_sdk_ssm::Client::new(&self.config)
    }

    pub(crate) fn lambda(&self) -> aws_sdk_lambda::Client {
        aws_sdk_lambda::Client::new(&self.config)
    }
}
