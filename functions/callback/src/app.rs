//! State reused across invocations (initialised at cold start).

use crate::rejection_log::RejectionLog;
use lambda_http::Error;
use shared::aws::Aws;
use shared::cache::Cached;
use shared::clock::Timestamp;
use shared::http::HttpClient;
use shared::parameters::{ParameterError, Parameters, WeChatApp};
use shared::store::{Events, EventsTable};
use shared::wechat::callback::Callback;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// An app with its reply rules, and how its pushes are verified and decrypted.
#[derive(Debug)]
pub(crate) struct CallbackConfig {
    pub(crate) app: WeChatApp,
    pub(crate) callback: Callback,
}

/// By the app's alias. None if the app's parameters are invalid.
type CallbackConfigs = BTreeMap<String, Option<Arc<CallbackConfig>>>;

/// Why there is no configuration of an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConfigError {
    /// There is no app of this alias.
    UnknownApp,
    /// The app's parameters are invalid.
    Invalid,
    /// The Parameter Store hasn't answered since the cold start.
    Unavailable,
}

#[derive(Debug)]
pub(crate) struct App {
    pub(crate) events: Events,
    pub(crate) rejection_log: RejectionLog,
    parameters: Parameters,
    configs: OnceCell<Cached<CallbackConfigs>>,
}

impl App {
    /// Reads the configuration of all apps.
    ///
    /// The function starts even if the Parameter Store fails: then it has seconds
    /// to read again during WeChat's first delivery, while a function that can't
    /// start fails all three deliveries at once.
    pub(crate) async fn from_environment() -> Result<Self, Error> {
        let aws = Aws::from_environment(&HttpClient::new())?;
        let events = EventsTable::from_environment(&aws.dynamodb())?;
        let parameters = Parameters::from_environment(aws.ssm_fail_fast())?;
        let (configs, table) = tokio::join!(read_configs(&parameters), events.check());
        table?;
        let configs = match configs {
            Ok(configs) => OnceCell::new_with(Some(Cached::new(configs, Timestamp::now()))),
            Err(error @ ParameterError::Aws(_)) => {
                tracing::error!("{error}; the first request reads again");
                OnceCell::new()
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self {
            events: Events::new(&events),
            rejection_log: RejectionLog::default(),
            parameters,
            configs,
        })
    }

    /// The configuration of the app with this alias.
    pub(crate) async fn config_for(
        &self,
        alias: &str,
        now: Timestamp,
    ) -> Result<Arc<CallbackConfig>, ConfigError> {
        self.find(alias, now, Option::is_some).await
    }

    /// A newer configuration than the one that rejected a request, if there is one: an
    /// operator may have rotated the token or the key.
    pub(crate) async fn reload_config(
        &self,
        alias: &str,
        rejecting: &Arc<CallbackConfig>,
        now: Timestamp,
    ) -> Option<Arc<CallbackConfig>> {
        let is_newer = |config: &Arc<CallbackConfig>| !Arc::ptr_eq(config, rejecting);
        let found = self.find(alias, now, |config| config.as_ref().is_some_and(is_newer)).await;
        found.ok().filter(is_newer)
    }

    /// Looks up a configuration, and reads all of them again if the cached one isn't
    /// sufficient.
    async fn find(
        &self,
        alias: &str,
        now: Timestamp,
        is_sufficient: impl Fn(&Option<Arc<CallbackConfig>>) -> bool,
    ) -> Result<Arc<CallbackConfig>, ConfigError> {
        let first = async { Ok(Cached::new(read_configs(&self.parameters).await?, now)) };
        let configs = self.configs.get_or_try_init(|| first).await;
        let configs = configs.map_err(|error: ParameterError| {
            tracing::error!("{error}");
            ConfigError::Unavailable
        })?;
        let is_sufficient =
            |configs: &CallbackConfigs| configs.get(alias).is_some_and(&is_sufficient);
        let configs = configs.get(now, is_sufficient, read_configs(&self.parameters)).await;
        match configs.get(alias) {
            Some(Some(config)) => Ok(Arc::clone(config)),
            Some(None) => Err(ConfigError::Invalid),
            None => Err(ConfigError::UnknownApp),
        }
    }
}

/// Invalid parameters are logged; only the requests for that app are rejected.
async fn read_configs(parameters: &Parameters) -> Result<CallbackConfigs, ParameterError> {
    let apps = parameters.apps().await?;
    let callbacks = parameters.callbacks(&apps).await?;
    let configs = callbacks.into_iter().map(|(alias, callback)| {
        let callback = callback.inspect_err(|error| tracing::error!("{error}")).ok();
        let config = apps
            .by_alias(&alias)
            .zip(callback)
            .map(|(app, callback)| Arc::new(CallbackConfig { app: app.clone(), callback }));
        (alias, config)
    });
    Ok(configs.collect())
}
