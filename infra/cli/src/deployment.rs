//! A deployment: one stage, in one account and region, or on this machine.

mod ask;
mod invoke;
mod parameters;

pub(crate) use ask::understood;
pub(crate) use parameters::Stored;

use crate::aws::failed;
use crate::error::{Error, Kind};
use crate::place::Place;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use serde::Deserialize;
use shared::http::HttpClient;
use std::time::Duration;
use tokio::sync::OnceCell;

/// A call that AWS throttles, or that doesn't arrive, is tried so often in all.
const ATTEMPTS: u32 = 5;
/// One try may take this long: somewhat longer than any of the functions that are
/// asked may.
const PATIENCE: Duration = Duration::from_secs(90);

/// A deployment: how it is reached, and how its things are called.
#[derive(Debug)]
pub(crate) struct Deployment {
    /// The stage.
    pub(crate) stage: String,
    /// It runs on this machine.
    pub(crate) is_local: bool,
    config: SdkConfig,
    web: HttpClient,
    about: OnceCell<About>,
}

/// What the template says of itself, in `/hongyan/{stage}/deployment`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct About {
    /// The HTTP API's address, or that of its domain: scheme and host, no path.
    pub(crate) api: String,
    /// The ARN of the topic that alarms are told to; empty if there is none.
    #[serde(default)]
    pub(crate) alarms: String,
    /// The addresses from which WeChat is called, if they are fixed.
    #[serde(default)]
    pub(crate) addresses: Vec<String>,
}

impl Deployment {
    /// Finds credentials and region as the AWS CLI does, and connects to nothing yet.
    ///
    /// # Errors
    ///
    /// When no region is known.
    pub(crate) async fn connect(place: &Place) -> Result<Self, Error> {
        // No proxy leads to this machine.
        let web = if place.local.is_some() { HttpClient::new() } else { HttpClient::with_proxy() };
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(PATIENCE).build();
        let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS);
        let config = match &place.local {
            Some(url) => SdkConfig::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::from_static("us-east-1"))
                .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                    "operator", "any", None, None, "local",
                )))
                .endpoint_url(url)
                .http_client(web.clone())
                .retry_config(retries)
                .timeout_config(timeouts)
                .build(),
            None => {
                let mut loader = aws_config::defaults(BehaviorVersion::latest())
                    .http_client(web.clone())
                    .retry_config(retries)
                    .timeout_config(timeouts);
                if let Some(profile) = &place.profile {
                    loader = loader.profile_name(profile);
                }
                if let Some(region) = &place.region {
                    loader = loader.region(Region::new(region.clone()));
                }
                loader.load().await
            }
        };
        if config.region().is_none() {
            return Err(Error::new(
                Kind::Region,
                "no AWS region is known",
                "name the one that it was deployed to with --region, or set AWS_REGION or the \
                 profile's region (`aws configure set region …`)",
            ));
        }
        Ok(Self {
            stage: place.stage().to_owned(),
            is_local: place.local.is_some(),
            config,
            web,
            about: OnceCell::new(),
        })
    }

    /// What the template says of itself. Also tells whether it is deployed at all.
    ///
    /// # Errors
    ///
    /// When the stage isn't there, or AWS doesn't answer.
    pub(crate) async fn about(&self) -> Result<&About, Error> {
        self.about.get_or_try_init(|| self.read_about()).await
    }

    async fn read_about(&self) -> Result<About, Error> {
        let Some(stored) = self.parameter("deployment").await? else {
            return Err(self.not_deployed());
        };
        let about: About = serde_json::from_str(stored.value.expose()).map_err(|_| {
            Error::new(
                Kind::NotDeployed,
                format!("the parameter {} can't be read", self.parameter_name("deployment")),
                "the template writes it: deploy again, with a hongyan of the same version",
            )
        })?;
        Ok(About { api: about.api.trim_end_matches('/').to_owned(), ..about })
    }

    fn not_deployed(&self) -> Error {
        let (stage, name) = (&self.stage, self.parameter_name("deployment"));
        let (place, advice) = if self.is_local {
            ("on this machine".to_owned(), "start it with `make run`".to_owned())
        } else {
            (
                format!("in the region {} of this account", self.region()),
                format!(
                    "deploy it with `make deploy STAGE={stage}`, or name the right one with \
                     --stage, --region or --profile"
                ),
            )
        };
        let problem =
            format!("the stage {stage} is not deployed {place}: there is no parameter {name}");
        Error::new(Kind::NotDeployed, problem, advice)
    }

    /// Where WeChat's pushes for an app are taken: what its console calls URL.
    ///
    /// # Errors
    ///
    /// As [`Deployment::about`].
    pub(crate) async fn callback_url(&self, alias: &str) -> Result<String, Error> {
        Ok(format!("{}/callback/{alias}", self.about().await?.api))
    }

    /// The region.
    pub(crate) fn region(&self) -> &str {
        self.config.region().map_or("unknown", Region::as_ref)
    }

    /// A function's name, as in `hongyan-prod-send`.
    pub(crate) fn function(&self, function: &str) -> String {
        format!("hongyan-{}-{function}", self.stage)
    }

    /// A table's name, as in `hongyan-prod-users`; queues are called likewise.
    pub(crate) fn table(&self, table: &str) -> String {
        format!("hongyan-{}-{table}", self.stage)
    }

    /// A parameter's full name, as in `/hongyan/prod/apps/shop`.
    pub(crate) fn parameter_name(&self, path: &str) -> String {
        format!("/hongyan/{}/{path}", self.stage)
    }

    /// For calling what isn't AWS.
    pub(crate) fn web(&self) -> reqwest::Client {
        self.web.client()
    }

    /// A client of DynamoDB.
    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config)
    }

    /// A client of SQS.
    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }

    /// A client of SNS.
    pub(crate) fn sns(&self) -> aws_sdk_sns::Client {
        aws_sdk_sns::Client::new(&self.config)
    }

    fn ssm(&self) -> aws_sdk_ssm::Client {
        aws_sdk_ssm::Client::new(&self.config)
    }

    fn lambda(&self) -> aws_sdk_lambda::Client {
        aws_sdk_lambda::Client::new(&self.config)
    }
}
