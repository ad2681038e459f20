//! What the function keeps between invocations.

use crate::keys::Keys;
use crate::session::RefreshKey;
use lambda_http::Error;
use shared::access_token::AccessTokens;
use shared::aws::Aws;
use shared::cache::Cached;
use shared::clock::Timestamp;
use shared::config;
use shared::http::HttpClient;
use shared::parameters::{AppKind, Apps, ParameterError, Parameters, WeChatApp};
use shared::secret::Secret;
use shared::store::{
    AppIdentity, Erasure, Events, Logins, Mappings, Notifications, Sessions, Users,
};
use shared::wechat::client::WeChatClient;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// The apps, and what proves to WeChat that they are ours.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) apps: Apps,
    pub(crate) secrets: BTreeMap<String, Secret>,
}

impl Credentials {
    /// The mini program of this alias.
    pub(crate) fn mini_program(&self, alias: &str) -> Option<&WeChatApp> {
        self.apps.by_alias(alias).filter(|found| found.kind == AppKind::MiniProgram)
    }

    /// Whether a person who is known by these routes follows each Official Account.
    pub(crate) fn follows(&self, routes: &[AppIdentity]) -> BTreeMap<String, bool> {
        let accounts = self.apps.iter().filter(|app| app.kind == AppKind::OfficialAccount);
        let follows = accounts.map(|account| {
            let route = routes.iter().find(|route| route.app_id == account.app_id);
            (account.alias.clone(), route.is_some_and(|route| route.follows))
        });
        follows.collect()
    }
}

/// What the function keeps between invocations.
#[derive(Debug)]
pub(crate) struct App {
    credentials: OnceCell<Cached<Credentials>>,
    pub(crate) logins: Logins,
    pub(crate) tokens: AccessTokens,
    pub(crate) wechat: WeChatClient,
    pub(crate) sessions: Sessions,
    events: Events,
    notifications: Notifications,
    issuer: Option<String>,
    pub(crate) parameters: Parameters,
    keys: OnceCell<Cached<Keys>>,
    refresh_key: OnceCell<RefreshKey>,
}

impl App {
    /// Connects, and reads the apps and their secrets.
    ///
    /// Without these nobody can log in, but the function starts: it also serves
    /// the keys, for which API Gateway asks when the stack is made, and then
    /// nobody may have put an app into the Parameter Store yet.
    pub(crate) async fn from_environment() -> Result<Self, Error> {
        let web = HttpClient::new();
        let aws = Aws::from_environment(&web)?;
        let dynamodb = aws.dynamodb();
        let users = Users::from_environment(&dynamodb)?;
        let mappings = Mappings::from_environment(&dynamodb)?;
        let sessions = Sessions::from_environment(&dynamodb)?;
        let events = Events::from_environment(&dynamodb)?;
        let notifications = Notifications::from_environment(&dynamodb)?;
        let parameters = Parameters::from_environment(aws.ssm_with_retries())?;
        let tokens = AccessTokens::from_environment(parameters.clone(), aws)?;
        let wechat = WeChatClient::new(web.client(), &config::required("WECHAT_URL")?)?;
        let (credentials, users_there, mappings_there) =
            tokio::join!(read(&parameters), users.check(), mappings.check());
        users_there.and(mappings_there)?;
        let credentials = match credentials {
            Ok(credentials) => OnceCell::new_with(Some(Cached::new(credentials, Timestamp::now()))),
            Err(error) => {
                tracing::error!("nobody can log in: {error}; it is looked for again");
                OnceCell::new()
            }
        };
        Ok(Self {
            credentials,
            logins: Logins { users, mappings },
            tokens,
            wechat,
            sessions,
            events,
            notifications,
            issuer: config::optional("ISSUER"),
            parameters,
            keys: OnceCell::new(),
            refresh_key: OnceCell::new(),
        })
    }

    /// The apps and their secrets, with those of `alias` if they are there.
    pub(crate) async fn credentials(
        &self,
        alias: &str,
        now: Timestamp,
    ) -> Result<Arc<Credentials>, ParameterError> {
        let first = async || Ok(Cached::new(read(&self.parameters).await?, now));
        let kept: Result<_, ParameterError> = self.credentials.get_or_try_init(first).await;
        let kept = kept?;
        let suffices = |known: &Credentials| {
            known.apps.by_alias(alias).is_some() && known.secrets.contains_key(alias)
        };
        Ok(kept.get(now, suffices, read(&self.parameters)).await)
    }

    /// All tables, for the sake of forgetting somebody in them.
    pub(crate) fn erasure(&self) -> Erasure {
        Erasure {
            logins: self.logins.clone(),
            sessions: self.sessions.clone(),
            events: self.events.clone(),
            notifications: self.notifications.clone(),
        }
    }

    /// Makes the next look at the credentials read them again: WeChat refused one.
    pub(crate) async fn distrust_credentials(&self) {
        if let Some(kept) = self.credentials.get() {
            kept.invalidate().await;
        }
    }

    /// The apps and their secrets, as they were when last read.
    pub(crate) async fn known_credentials(
        &self,
        now: Timestamp,
    ) -> Result<Arc<Credentials>, ParameterError> {
        let first = async || Ok(Cached::new(read(&self.parameters).await?, now));
        let kept: Result<_, ParameterError> = self.credentials.get_or_try_init(first).await;
        Ok(kept?.get(now, |_| true, read(&self.parameters)).await)
    }

    /// The keys that sign sessions; made when they are first needed, and read
    /// again every 10 minutes: another may have been made.
    pub(crate) async fn keys(&self, now: Timestamp) -> Result<Arc<Keys>, ParameterError> {
        let read = || Keys::read_or_make(&self.parameters, now);
        let first = async || Ok(Cached::new(read().await?, now));
        let kept: Result<_, ParameterError> = self.keys.get_or_try_init(first).await;
        Ok(kept?.get(now, |_| true, read()).await)
    }

    /// The key that seals refresh tokens; made when it is first needed.
    pub(crate) async fn refresh_key(&self) -> Result<&RefreshKey, ParameterError> {
        self.refresh_key.get_or_try_init(|| RefreshKey::read_or_make(&self.parameters)).await
    }

    /// Who issues sessions: as configured, or the address the request came to.
    pub(crate) fn issuer(&self, domain: &str) -> String {
        self.issuer.clone().unwrap_or_else(|| format!("https://{domain}"))
    }
}

async fn read(parameters: &Parameters) -> Result<Credentials, ParameterError> {
    let (apps, secrets) = tokio::try_join!(parameters.apps(), parameters.secrets())?;
    Ok(Credentials { apps, secrets })
}
