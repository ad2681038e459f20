//! State reused across invocations (initialised at cold start).

use crate::rejection_log::RejectionLog;
use crate::tally::Tally;
use lambda_http::Error;
use shared::aws::Aws;
use shared::cache::Cached;
use shared::clock::Timestamp;
use shared::config;
use shared::http::HttpClient;
use shared::metric;
use shared::parameters::{ParameterError, Parameters, WeChatApp};
use shared::store::{Events, EventsTable};
use shared::url_key::UrlSecret;
use shared::wechat::callback::Callback;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// An app with its reply rules, and how its pushes are verified and decrypted.
#[derive(Debug)]
pub(crate) struct CallbackConfig {
    pub(crate) app: WeChatApp,
    pub(crate) callback: Callback,
    /// The oldest version of the URL's key that is accepted.
    pub(crate) oldest_url_version: u32,
}

/// What operators have set for this stage.
#[derive(Debug)]
struct Settings {
    /// Makes the keys of callback URLs. None if there is none, or an invalid one.
    url_secret: Option<UrlSecret>,
    /// By the app's alias. None if the app's parameters are invalid.
    configs: BTreeMap<String, Option<Arc<CallbackConfig>>>,
}

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

/// Why a request's URL is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UrlError {
    /// It has no key, and must have one.
    NoKey,
    /// This stage has not made its key for this app.
    WrongKey,
    /// The Parameter Store hasn't answered since the cold start.
    Unavailable,
}

#[derive(Debug)]
pub(crate) struct App {
    pub(crate) events: Events,
    pub(crate) rejection_log: RejectionLog,
    parameters: Parameters,
    settings: OnceCell<Cached<Settings>>,
    /// Whether a URL must have a key.
    requires_key: bool,
    pub(crate) received: Tally<1>,
    pub(crate) rejections: Tally<2>,
}

impl App {
    /// Reads the settings of all apps.
    ///
    /// The function starts even if the Parameter Store fails: then it has seconds
    /// to read again during WeChat's first delivery, while a function that can't
    /// start fails all three deliveries at once.
    pub(crate) async fn from_environment() -> Result<Self, Error> {
        let aws = Aws::from_environment(&HttpClient::new())?;
        let events = EventsTable::from_environment(&aws.dynamodb())?;
        let parameters = Parameters::from_environment(aws.ssm_fail_fast())?;
        let (settings, table) = tokio::join!(read_settings(&parameters), events.check());
        table?;
        let settings = match settings {
            Ok(settings) => OnceCell::new_with(Some(Cached::new(settings, Timestamp::now()))),
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
            settings,
            requires_key: config::required("CALLBACK_WITHOUT_KEY")? == "refused",
            received: Tally::new(&metric::PUSHES_RECEIVED),
            rejections: Tally::new(&metric::PUSHES_REJECTED),
        })
    }

    /// Checks the key in a request's URL, and returns its version. Anybody may send one, so a
    /// wrong key costs no lookup: the stage's secret is at hand, and is read again every ten
    /// minutes only. (While the stage has none, as often as for an app that is missing.)
    pub(crate) async fn check_url(
        &self,
        alias: &str,
        key: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<u32>, UrlError> {
        let Some(key) = key else {
            return if self.requires_key { Err(UrlError::NoKey) } else { Ok(None) };
        };
        let settings = self.settings(now, |settings| settings.url_secret.is_some()).await;
        let settings = settings.map_err(|_| UrlError::Unavailable)?;
        let secret = settings.url_secret.as_ref().ok_or(UrlError::WrongKey)?;
        secret.version(alias, key).map(Some).ok_or(UrlError::WrongKey)
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
        let is_sufficient =
            |settings: &Settings| settings.configs.get(alias).is_some_and(&is_sufficient);
        let settings = self.settings(now, is_sufficient).await;
        match settings.map_err(|_| ConfigError::Unavailable)?.configs.get(alias) {
            Some(Some(config)) => Ok(Arc::clone(config)),
            Some(None) => Err(ConfigError::Invalid),
            None => Err(ConfigError::UnknownApp),
        }
    }

    async fn settings(
        &self,
        now: Timestamp,
        is_sufficient: impl Fn(&Settings) -> bool,
    ) -> Result<Arc<Settings>, ParameterError> {
        let first = async { Ok(Cached::new(read_settings(&self.parameters).await?, now)) };
        let settings = self.settings.get_or_try_init(|| first).await;
        let settings = settings.inspect_err(|error: &ParameterError| tracing::error!("{error}"))?;
        Ok(settings.get(now, is_sufficient, read_settings(&self.parameters)).await)
    }
}

/// Invalid parameters are logged; only the requests for that app are rejected.
async fn read_settings(parameters: &Parameters) -> Result<Settings, ParameterError> {
    let (apps, url_secret) = tokio::join!(parameters.apps(), parameters.url_secret());
    let (apps, url_secret) = (apps?, valid(url_secret)?);
    let callbacks = parameters.callbacks(&apps).await?;
    let configs = callbacks.into_iter().map(|(alias, parameter)| {
        let parameter = parameter.inspect_err(|error| tracing::error!("{error}")).ok();
        let config = apps.by_alias(&alias).zip(parameter).map(|(app, parameter)| {
            Arc::new(CallbackConfig {
                app: app.clone(),
                callback: parameter.callback,
                oldest_url_version: parameter.oldest_url_version,
            })
        });
        (alias, config)
    });
    let configs = configs.collect();
    Ok(Settings { url_secret, configs })
}

/// An invalid secret is logged. It makes no keys, and is read again like a missing one.
fn valid(
    url_secret: Result<Option<UrlSecret>, ParameterError>,
) -> Result<Option<UrlSecret>, ParameterError> {
    match url_secret {
        Err(error @ ParameterError::Invalid { .. }) => {
            tracing::error!("{error}; no callback URL with a key is accepted");
            Ok(None)
        }
        other => other,
    }
}
