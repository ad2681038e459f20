//! What the function keeps between invocations.

use lambda_runtime::Error;
use shared::aws::Aws;
use shared::config;
use shared::http::Web;
use shared::parameters::{App as WeChatApp, Apps, Parameters};
use shared::secret::Secret;
use shared::wechat::client::Client;
use std::collections::BTreeMap;

/// What the function keeps between invocations. Apps and secrets are read anew
/// by every invocation: it runs once a minute, and a changed AppSecret should
/// take effect by the next.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) parameters: Parameters,
    pub(crate) wechat: Client,
}

/// The apps, and what proves to WeChat that they are ours.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) apps: Apps,
    secrets: BTreeMap<String, Secret>,
}

impl App {
    /// Connects, and sees whether the parameters are there.
    pub(crate) async fn from_environment() -> Result<Self, Error> {
        let web = Web::new();
        let aws = Aws::from_environment(&web)?;
        let parameters = Parameters::from_environment(aws.ssm())?;
        let wechat = Client::new(web.client(), &config::required("WECHAT_URL")?)?;
        let app = Self { parameters, wechat };
        app.credentials().await?;
        Ok(app)
    }

    /// Reads the apps and their secrets.
    pub(crate) async fn credentials(
        &self,
    ) -> Result<Credentials, shared::parameters::ParameterError> {
        let (apps, secrets) = tokio::try_join!(self.parameters.apps(), self.parameters.secrets())?;
        Ok(Credentials { apps, secrets })
    }
}

impl Credentials {
    /// The AppSecret of an app.
    pub(crate) fn secret(&self, app: &WeChatApp) -> Option<&Secret> {
        self.secrets.get(&app.alias)
    }
}
