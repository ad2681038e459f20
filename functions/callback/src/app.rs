//! What the function keeps between invocations.

use lambda_http::Error;
use shared::aws::Aws;
use shared::http::Web;
use shared::parameters::{App as WeChatApp, CallbackSettings, ParameterError, Parameters};
use shared::store::Events;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Settings are read again after this: an operator's rotation is finished for
/// every running environment, while both old and new keys are accepted.
const FRESH: Duration = Duration::from_secs(600);
/// An alias that isn't known may have been added just now, but strangers who
/// try addresses must not make us ask each time.
const AGAIN: Duration = Duration::from_secs(10);

/// One app: who it is, and how its pushes are verified and opened.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    pub(crate) app: WeChatApp,
    pub(crate) settings: CallbackSettings,
}

/// What the function keeps between invocations.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) events: Events,
    parameters: Parameters,
    doors: Mutex<Doors>,
}

#[derive(Debug)]
struct Doors {
    by_alias: BTreeMap<String, Door>,
    read_at: Instant,
}

impl App {
    /// Connects, and reads the settings of all apps.
    pub(crate) async fn from_environment() -> Result<Self, Error> {
        let aws = Aws::from_environment(&Web::new())?;
        let events = Events::from_environment(&aws.dynamodb())?;
        let parameters = Parameters::from_environment(aws.ssm())?;
        let (by_alias, table) = tokio::join!(read(&parameters), events.check());
        table?;
        let doors = Doors { by_alias: by_alias?, read_at: Instant::now() };
        Ok(Self { events, parameters, doors: Mutex::new(doors) })
    }

    /// The app behind an alias, if there is one.
    ///
    /// # Errors
    ///
    /// When the settings have to be read again and can't be.
    pub(crate) async fn door(&self, alias: &str) -> Result<Option<Door>, ParameterError> {
        let mut doors = self.doors.lock().await;
        let age = doors.read_at.elapsed();
        let known = doors.by_alias.contains_key(alias);
        if age > FRESH || (!known && age > AGAIN) {
            match read(&self.parameters).await {
                Ok(by_alias) => *doors = Doors { by_alias, read_at: Instant::now() },
                // What was good ten minutes ago is better than to lose an event.
                Err(error) if known => tracing::error!("the settings can't be read again: {error}"),
                Err(error) => return Err(error),
            }
        }
        Ok(doors.by_alias.get(alias).cloned())
    }
}

async fn read(parameters: &Parameters) -> Result<BTreeMap<String, Door>, ParameterError> {
    let (apps, callbacks) = tokio::try_join!(parameters.apps(), parameters.callbacks())?;
    let mut doors = BTreeMap::new();
    for (alias, settings) in callbacks {
        let name = format!("callback/{alias}");
        if let Some(problem) = settings.problem() {
            return Err(ParameterError::Invalid { name, problem: problem.to_owned() });
        }
        let Some(app) = apps.by_alias(&alias).cloned() else {
            return Err(ParameterError::Invalid {
                name,
                problem: format!("there is no apps/{alias} beside it"),
            });
        };
        doors.insert(alias, Door { app, settings });
    }
    Ok(doors)
}
