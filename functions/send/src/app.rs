//! The state that an execution environment reuses across invocations.

use crate::circuit_breaker::CircuitBreaker;
use lambda_runtime::Error;
use shared::access_token::AccessTokens;
use shared::aws::Aws;
use shared::cache::Cached;
use shared::clock::Timestamp;
use shared::config;
use shared::http::HttpClient;
use shared::parameters::{Apps, ParameterError, Parameters, Template};
use shared::store::{
    Entitlements, Mappings, MappingsTable, Notifications, NotificationsTable, Profiles,
    SharedCircuits, UsersTable,
};
use shared::wechat::client::WeChatClient;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

const TEMPLATE_TTL_SECS: u64 = 60;

/// Initialised at cold start.
#[derive(Debug)]
pub(crate) struct App {
    apps: Cached<Apps>,
    pub(crate) profiles: Profiles,
    pub(crate) entitlements: Entitlements,
    pub(crate) mappings: Mappings,
    pub(crate) notifications: Notifications,
    pub(crate) circuits: SharedCircuits,
    pub(crate) tokens: AccessTokens,
    pub(crate) wechat: WeChatClient,
    pub(crate) circuit_breaker: CircuitBreaker,
    pub(crate) parameters: Parameters,
    templates: Mutex<HashMap<String, (Arc<Template>, Timestamp)>>,
}

impl App {
    /// Connects, checks the tables, and reads the apps.
    pub(crate) async fn from_environment() -> Result<Self, Error> {
        let web = HttpClient::new();
        let aws = Aws::from_environment(&web)?;
        let dynamodb = aws.dynamodb();
        let users = UsersTable::from_environment(&dynamodb)?;
        let mappings = MappingsTable::from_environment(&dynamodb)?;
        let notifications = NotificationsTable::from_environment(&dynamodb)?;
        let parameters = Parameters::from_environment(aws.ssm_with_retries())?;
        let wechat = WeChatClient::new(web.client(), &config::required("WECHAT_URL")?)?;
        let (apps, users_check, mappings_check, notifications_check) =
            tokio::join!(parameters.apps(), users.check(), mappings.check(), notifications.check());
        users_check.and(mappings_check).and(notifications_check)?;
        let tokens = AccessTokens::from_environment(parameters.clone(), aws)?;
        let templates = Mutex::default();
        Ok(Self {
            apps: Cached::new(apps?, Timestamp::now()),
            profiles: Profiles::new(&users),
            entitlements: Entitlements::new(&users),
            mappings: Mappings::new(&mappings),
            circuits: SharedCircuits::new(&notifications),
            notifications: Notifications::new(&notifications),
            tokens,
            wechat,
            circuit_breaker: CircuitBreaker::default(),
            parameters,
            templates,
        })
    }

    pub(crate) async fn all_apps(&self, now: Timestamp) -> Arc<Apps> {
        self.apps.get(now, |_| true, self.parameters.apps()).await
    }

    /// The apps, read again if the template names one that is missing.
    pub(crate) async fn apps(&self, template: &Template, now: Timestamp) -> Arc<Apps> {
        let is_sufficient = |apps: &Apps| {
            template.channels.iter().all(|channel| apps.by_alias(channel.app()).is_some())
        };
        self.apps.get(now, is_sufficient, self.parameters.apps()).await
    }

    /// The template of this code, if it exists.
    pub(crate) async fn template(
        &self,
        code: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<Template>>, ParameterError> {
        let cached =
            self.templates.lock().expect("nothing panics under this lock").get(code).cloned();
        if let Some((template, read_at)) = cached
            && now.seconds_since(read_at) < TEMPLATE_TTL_SECS
        {
            return Ok(Some(template));
        }
        let Some(template) = self.parameters.template(code).await?.map(Arc::new) else {
            return Ok(None);
        };
        for (channel, key) in template.unchecked() {
            let (channel, app) = (channel.kind(), channel.app());
            tracing::warn!(template = code, %channel, app, key, "only WeChat knows what this key may show; its values are sent unchecked");
        }
        let mut templates = self.templates.lock().expect("nothing panics under this lock");
        templates.insert(code.to_owned(), (Arc::clone(&template), now));
        Ok(Some(template))
    }
}
