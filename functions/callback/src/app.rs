//! What the function keeps between invocations.

use lambda_http::Error;
use shared::aws::Aws;
use shared::cache::Cached;
use shared::clock::Timestamp;
use shared::http::HttpClient;
use shared::parameters::{ParameterError, Parameters, WeChatApp};
use shared::store::Events;
use shared::wechat::callback::Callback;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// One app: who it is and what it answers, and how its pushes are opened.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) app: WeChatApp,
    pub(crate) callback: Callback,
}

/// What the function keeps between invocations.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) events: Events,
    parameters: Parameters,
    doors: OnceCell<Cached<Doors>>,
}

/// The doors by the alias of their app; none if its settings can't be used.
type Doors = BTreeMap<String, Option<Arc<Door>>>;

/// Why there is no way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoDoor {
    /// Nobody has set up an app of this alias.
    Unknown,
    /// Somebody has, but the settings can't be used.
    Unusable,
    /// The Parameter Store hasn't told yet who there is.
    Unread,
}

impl App {
    /// Connects, and reads the settings of all apps.
    ///
    /// An outage of AWS's doesn't keep the function from starting: one that
    /// starts has some seconds for WeChat's first delivery, one that doesn't
    /// fails all three in no time.
    pub(crate) async fn from_environment() -> Result<Self, Error> {
        let aws = Aws::from_environment(&HttpClient::new())?;
        let events = Events::from_environment(&aws.dynamodb())?;
        let parameters = Parameters::from_environment(aws.ssm_fail_fast())?;
        let (doors, table) = tokio::join!(read(&parameters), events.check());
        table?;
        let doors = match doors {
            Ok(doors) => OnceCell::new_with(Some(Cached::new(doors, Timestamp::now()))),
            Err(error @ ParameterError::Aws(_)) => {
                tracing::error!("{error}; it is asked again");
                OnceCell::new()
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self { events, parameters, doors })
    }

    /// The way in to the app behind an alias.
    pub(crate) async fn door(&self, alias: &str, now: Timestamp) -> Result<Arc<Door>, NoDoor> {
        self.find(alias, now, Option::is_some).await
    }

    /// The way in with newer settings than those of `refused`, if they were
    /// changed: an operator may have exchanged the token just now.
    pub(crate) async fn changed_door(
        &self,
        alias: &str,
        refused: &Arc<Door>,
        now: Timestamp,
    ) -> Option<Arc<Door>> {
        let other = |door: &Option<Arc<Door>>| {
            door.as_ref().is_some_and(|door| !Arc::ptr_eq(door, refused))
        };
        let door = self.find(alias, now, other).await.ok()?;
        (!Arc::ptr_eq(&door, refused)).then_some(door)
    }

    /// Looks among the doors that are known, and among newly read ones if none
    /// of those suffices.
    async fn find(
        &self,
        alias: &str,
        now: Timestamp,
        suffices: impl Fn(&Option<Arc<Door>>) -> bool,
    ) -> Result<Arc<Door>, NoDoor> {
        let first = async { Ok(Cached::new(read(&self.parameters).await?, now)) };
        let doors = self.doors.get_or_try_init(|| first).await;
        let doors = doors.map_err(|error: ParameterError| {
            tracing::error!("{error}");
            NoDoor::Unread
        })?;
        let suffices = |doors: &Doors| doors.get(alias).is_some_and(&suffices);
        let doors = doors.get(now, suffices, read(&self.parameters)).await;
        match doors.get(alias) {
            Some(Some(door)) => Ok(Arc::clone(door)),
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
            (Some(app), Ok(callback)) => Some(Arc::new(Door { app: app.clone(), callback })),
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
