//! State reused across invocations (initialised at cold start).

use lambda_runtime::Error;
use shared::aws::Aws;
use shared::config;
use shared::http::HttpClient;
use shared::parameters::{ParameterError, Parameters, StoredToken, WeChatApp};
use shared::refusal_notes::RefusalNotes;
use shared::secret::Secret;
use shared::store::{NotificationsTable, TokenRefreshLeases};
use shared::wechat::client::{CallError, WeChatClient};
use shared::wechat::token::GrantedToken;

/// Apps and secrets are read by every invocation: the schedule invokes the function once
/// a minute, and the next invocation has to use a changed AppSecret.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) parameters: Parameters,
    pub(crate) leases: TokenRefreshLeases,
    refusal_notes: RefusalNotes,
    wechat: WeChatClient,
}

impl App {
    /// Checks that the parameters exist, but not the table: scheduled refreshes work
    /// without it.
    pub(crate) async fn from_environment() -> Result<Self, Error> {
        let http = HttpClient::new();
        let aws = Aws::from_environment(&http)?;
        let parameters = Parameters::from_environment(aws.ssm_with_retries())?;
        let notifications = NotificationsTable::from_environment(&aws.dynamodb())?;
        let leases = TokenRefreshLeases::new(&notifications);
        let refusal_notes = RefusalNotes::new(&notifications);
        let wechat = WeChatClient::new(http.client(), &config::required("WECHAT_URL")?)?;
        tokio::try_join!(parameters.apps(), parameters.secrets())?;
        Ok(Self { parameters, leases, refusal_notes, wechat })
    }

    /// Gets the app's token from WeChat.
    pub(crate) async fn stable_token(
        &self,
        wechat_app: &WeChatApp,
        secret: &Secret,
        force: bool,
    ) -> Result<GrantedToken, CallError> {
        let granted = self.wechat.stable_token(&wechat_app.app_id, secret, force).await;
        if let Err(error) = &granted {
            self.refusal_notes.report(&wechat_app.alias, error).await;
        }
        granted
    }

    /// The app's stored token. An invalid one counts as none, so that it is replaced.
    pub(crate) async fn stored_token(
        &self,
        wechat_app: &WeChatApp,
    ) -> Result<Option<StoredToken>, ParameterError> {
        match self.parameters.token(wechat_app).await {
            Err(error @ ParameterError::Invalid { .. }) => {
                tracing::error!(app = wechat_app.alias, "{error}; it is replaced");
                Ok(None)
            }
            result => result,
        }
    }
}
