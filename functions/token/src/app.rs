//! What the function keeps between invocations.

use lambda_runtime::Error;
use shared::aws::Aws;
use shared::config;
use shared::http::HttpClient;
use shared::parameters::{ParameterError, Parameters, StoredToken, WeChatApp};
use shared::store::TokenRefreshLeases;
use shared::wechat::client::WeChatClient;

/// What the function keeps between invocations. Apps and secrets are read anew
/// by every invocation: it runs once a minute, and a changed AppSecret should
/// take effect by the next.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) parameters: Parameters,
    pub(crate) forced: TokenRefreshLeases,
    pub(crate) wechat: WeChatClient,
}

impl App {
    /// Connects, and sees whether the parameters are there. The table isn't looked
    /// for: tokens are kept fresh without it.
    pub(crate) async fn from_environment() -> Result<Self, Error> {
        let web = HttpClient::new();
        let aws = Aws::from_environment(&web)?;
        let parameters = Parameters::from_environment(aws.ssm_with_retries())?;
        let forced = TokenRefreshLeases::from_environment(&aws.dynamodb())?;
        let wechat = WeChatClient::new(web.client(), &config::required("WECHAT_URL")?)?;
        tokio::try_join!(parameters.apps(), parameters.secrets())?;
        Ok(Self { parameters, forced, wechat })
    }

    /// The app's token as it is stored. One that nobody can read is none: it is
    /// written anew, and readers go on.
    pub(crate) async fn stored(
        &self,
        wechat_app: &WeChatApp,
    ) -> Result<Option<StoredToken>, ParameterError> {
        match self.parameters.token(wechat_app).await {
            Err(error @ ParameterError::Invalid { .. }) => {
                tracing::error!(app = wechat_app.alias, "{error}; it is written anew");
                Ok(None)
            }
            other => other,
        }
    }
}
