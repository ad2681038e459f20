//! What the function keeps between invocations.

use crate::keys::Keys;
use lambda_http::Error;
use shared::aws::Aws;
use shared::config;
use shared::http::Web;
use shared::parameters::{Apps, ParameterError, Parameters};
use shared::secret::Secret;
use shared::store::{Logins, Mappings, Users};
use shared::wechat::client::Client;
use std::collections::BTreeMap;
use tokio::sync::OnceCell;

/// What the function keeps between invocations.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) apps: Apps,
    pub(crate) secrets: BTreeMap<String, Secret>,
    pub(crate) logins: Logins,
    pub(crate) wechat: Client,
    issuer: Option<String>,
    parameters: Parameters,
    keys: OnceCell<Keys>,
}

impl App {
    /// Connects, and reads the apps and their secrets.
    pub(crate) async fn from_environment() -> Result<Self, Error> {
        let web = Web::new();
        let aws = Aws::from_environment(&web)?;
        let dynamodb = aws.dynamodb();
        let users = Users::from_environment(&dynamodb)?;
        let mappings = Mappings::from_environment(&dynamodb)?;
        let parameters = Parameters::from_environment(aws.ssm())?;
        let wechat = Client::new(web.client(), &config::required("WECHAT_URL")?)?;
        let (apps, secrets, users_there, mappings_there) =
            tokio::join!(parameters.apps(), parameters.secrets(), users.check(), mappings.check());
        users_there.and(mappings_there)?;
        Ok(Self {
            apps: apps?,
            secrets: secrets?,
            logins: Logins { users, mappings },
            wechat,
            issuer: config::optional("ISSUER"),
            parameters,
            keys: OnceCell::new(),
        })
    }

    /// The keys that sign sessions; made when they are first needed.
    pub(crate) async fn keys(&self) -> Result<&Keys, ParameterError> {
        self.keys.get_or_try_init(|| Keys::read_or_make(&self.parameters)).await
    }

    /// Who issues sessions: as configured, or the address the request came to.
    pub(crate) fn issuer(&self, domain: &str) -> String {
        self.issuer.clone().unwrap_or_else(|| format!("https://{domain}"))
    }
}
