//! What the function keeps between invocations.

use lambda_http::Error;
use shared::aws::Aws;
use shared::clock::Timestamp;
use shared::http::Web;
use shared::kept::Kept;
use shared::parameters::{App as WeChatApp, ParameterError, Parameters};
use shared::store::Events;
use shared::wechat::callback::Callback;
use std::collections::BTreeMap;

/// One app: who it is and what it answers, and how its pushes are opened.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    pub(crate) app: WeChatApp,
    pub(crate) callback: Callback,
}

/// What the function keeps between invocations.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) events: Events,
    parameters: Parameters,
    doors: Kept<Doors>,
}

/// The doors by the alias of their app; none if its settings can't be used.
type Doors = BTreeMap<String, Option<Door>>;

/// Why there is no way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoDoor {
    /// Nobody has set up an app of this alias.
    Unknown,
    /// Somebody has, but the settings can't be used.
    Unusable,
}

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

    /// The way in to the app behind an alias.
    pub(crate) async fn door(&self, alias: &str, now: Timestamp) -> Result<Door, NoDoor> {
        let usable = |doors: &Doors| doors.get(alias).is_some_and(Option::is_some);
        let doors = self.doors.get(now, usable, read(&self.parameters)).await;
        match doors.get(alias) {
            Some(Some(door)) => Ok(door.clone()),
            Some(None) => Err(NoDoor::Unusable),
            None => Err(NoDoor::Unknown),
        }
    }
}

/// Settings that can't be used are told of, and close the door of their own app
/// only.
async fn read(parameters: &Parameters) -> Result<Doors, ParameterError> {
    let apps = parameters.apps().await?;
    let callbacks = parameters.callbacks(&apps).await?;
    let doors = callbacks.into_iter().map(|(alias, callback)| {
        let door = match (apps.by_alias(&alias), callback) {
            (Some(app), Ok(callback)) => Some(Door { app: app.clone(), callback }),
            (_, Err(error)) => {
                tracing::error!("{error}");
                None
            }
            (None, Ok(_)) => None,
        };
        (alias, door)
    });
    Ok(doors.collect())
}
