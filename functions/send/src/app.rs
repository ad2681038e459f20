//! The state that an execution environment reuses across invocations.

use crate::circuit_breaker::CircuitBreaker;
use lambda_runtime::Error;
use shared::access_token::AccessTokens;
use shared::clock::Timestamp;
use shared::parameters::{Apps, ParameterError, Parameters, Template};
use shared::services::{CachedApps, Services};
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
    apps: CachedApps,
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
        let Services { dynamodb, parameters, tokens, wechat } = Services::from_environment()?;
        let users = UsersTable::from_environment(&dynamodb)?;
        let mappings = MappingsTable::from_environment(&dynamodb)?;
        let notifications = NotificationsTable::from_environment(&dynamodb)?;
        let checks =
            async { tokio::try_join!(users.check(), mappings.check(), notifications.check()) };
        Ok(Self {
            apps: CachedApps::read(&parameters, checks).await?,
            profiles: Profiles::new(&users),
            entitlements: Entitlements::new(&users),
            mappings: Mappings::new(&mappings),
            circuits: SharedCircuits::new(&notifications),
            notifications: Notifications::new(&notifications),
            tokens,
            wechat,
            circuit_breaker: CircuitBreaker::default(),
            parameters,
            templates: Mutex::default(),
        })
    }

    pub(crate) async fn all_apps(&self, now: Timestamp) -> Arc<Apps> {
        self.apps.get(now, |_| true).await
    }

    /// The apps, read again if the template names one that is missing.
    pub(crate) async fn apps(&self, template: &Template, now: Timestamp) -> Arc<Apps> {
        let has_app = |apps: &Apps, alias| apps.by_alias(alias).is_some();
        self.apps.get(now, |apps| template.channels.iter().all(|it| has_app(apps, it.app()))).await
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
