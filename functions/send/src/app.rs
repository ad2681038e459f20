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

    /// The apps, with those of these aliases unless they are missing under `/apps` now.
    pub(crate) async fn apps(
        &self,
        aliases: &[&str],
        now: Timestamp,
    ) -> Result<Arc<Apps>, ParameterError> {
        Ok(self.apps.get_named(now, aliases).await?)
    }

    /// The template of this code, if it exists, and the apps that it and the recipients name
    /// by their aliases.
    ///
    /// A notification that fails for good has failed by what the Parameter Store has now: a
    /// cached template that it doesn't fit is read again, as are apps that lack one.
    pub(crate) async fn template_and_apps(
        &self,
        code: &str,
        recipients: &[&str],
        fits: impl Fn(&Template) -> bool,
        now: Timestamp,
    ) -> Result<Option<(Arc<Template>, Arc<Apps>)>, ParameterError> {
        let known = self.all_apps(now).await;
        let is_current = |template: &Template| {
            fits(template) && template.aliases().all(|alias| known.by_alias(alias).is_some())
        };
        let Some(template) = self.template_if(code, is_current, now).await? else {
            return Ok(None);
        };
        let aliases: Vec<_> = template.aliases().chain(recipients.iter().copied()).collect();
        let apps = self.apps(&aliases, now).await?;
        Ok(Some((template, apps)))
    }

    /// The template of this code, if it exists.
    pub(crate) async fn template(
        &self,
        code: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<Template>>, ParameterError> {
        self.template_if(code, |_| true, now).await
    }

    /// The template of this code; the cached one only if it is sufficient.
    async fn template_if(
        &self,
        code: &str,
        is_sufficient: impl Fn(&Template) -> bool,
        now: Timestamp,
    ) -> Result<Option<Arc<Template>>, ParameterError> {
        let cached =
            self.templates.lock().expect("nothing panics under this lock").get(code).cloned();
        if let Some((template, read_at)) = cached
            && now.seconds_since(read_at) < TEMPLATE_TTL_SECS
            && is_sufficient(&template)
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
