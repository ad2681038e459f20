//! What the function keeps between invocations.

use lambda_http::Error;
use shared::aws::Aws;
use shared::clock::Timestamp;
use shared::http::Web;
use shared::kept::Kept;
use shared::parameters::{App as WeChatApp, CallbackSettings, ParameterError, Parameters};
use shared::store::Events;
use std::collections::BTreeMap;

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
    doors: Kept<Doors>,
}

/// The doors by the alias of their app.
type Doors = BTreeMap<String, Door>;

impl App {
    /// Connects, and reads the settings of all apps.
    pub(crate) async fn from_environment() -> Result<Self, Error> {
        let aws = Aws::from_environment(&Web::new())?;
        let events = Events::from_environment(&aws.dynamodb())?;
        let parameters = Parameters::from_environment(aws.ssm())?;
        let (doors, table) = tokio::join!(read(&parameters), events.check());
        table?;
        Ok(Self { events, parameters, doors: Kept::new(doors?, Timestamp::now()) })
    }

    /// The app behind an alias, if there is one.
    pub(crate) async fn door(&self, alias: &str, now: Timestamp) -> Option<Door> {
        let known = |doors: &Doors| doors.contains_key(alias);
        let doors = self.doors.get(now, known, read(&self.parameters)).await;
        doors.get(alias).cloned()
    }
}

async fn read(parameters: &Parameters) -> Result<Doors, ParameterError> {
    let (apps, callbacks) = tokio::try_join!(parameters.apps(), parameters.callbacks())?;
    let mut doors = Doors::new();
    for (alias, settings) in callbacks {
        let name = parameters.full_name("callback", &alias);
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
