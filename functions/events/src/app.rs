//! State reused across the invocations of an execution environment.

use crate::last_pushes::LastPushes;
use lambda_runtime::Error;
use shared::access_token::AccessTokens;
use shared::clock::Timestamp;
use shared::parameters::Apps;
use shared::services::{CachedApps, Services};
use shared::store::{
    ClosedAccounts, Consents, EventCursors, Events, EventsTable, Followers, MappingsTable,
    Notifications, NotificationsTable, PhoneNumbers, ReplyWindows, UserItems, UsersTable,
};
use shared::wechat::client::WeChatClient;
use shared::wechat::id::AppId;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

/// State reused across invocations, initialised at cold start.
#[derive(Debug)]
pub(crate) struct App {
    apps: CachedApps,
    pub(crate) events: Events,
    pub(crate) cursors: EventCursors,
    pub(crate) followers: Followers,
    pub(crate) consents: Consents,
    pub(crate) reply_windows: ReplyWindows,
    pub(crate) phone_numbers: PhoneNumbers,
    pub(crate) user_items: UserItems,
    pub(crate) closed_accounts: ClosedAccounts,
    pub(crate) notifications: Notifications,
    pub(crate) last_pushes: LastPushes,
    pub(crate) tokens: AccessTokens,
    pub(crate) wechat: WeChatClient,
    /// The apps that may not ask for profiles, as far as this was logged.
    without_profiles: Mutex<HashSet<AppId>>,
}

impl App {
    /// Connects to AWS, checks the tables, and reads the apps.
    pub(crate) async fn from_environment() -> Result<Self, Error> {
        let Services { dynamodb, parameters, tokens, wechat } = Services::from_environment()?;
        let events = EventsTable::from_environment(&dynamodb)?;
        let users = UsersTable::from_environment(&dynamodb)?;
        let mappings = MappingsTable::from_environment(&dynamodb)?;
        let notifications = NotificationsTable::from_environment(&dynamodb)?;
        let checks = async {
            tokio::try_join!(events.check(), users.check(), mappings.check(), notifications.check())
        };
        Ok(Self {
            apps: CachedApps::read(&parameters, checks).await?,
            events: Events::new(&events),
            cursors: EventCursors::new(&users),
            followers: Followers::new(&users, &mappings),
            consents: Consents::new(&users),
            reply_windows: ReplyWindows::new(&users),
            phone_numbers: PhoneNumbers::new(&users),
            user_items: UserItems::new(&users),
            closed_accounts: ClosedAccounts::new(&users, &mappings),
            notifications: Notifications::new(&notifications),
            last_pushes: LastPushes::new(&users),
            tokens,
            wechat,
            without_profiles: Mutex::default(),
        })
    }

    /// Whether it is news that WeChat gives an app no profiles.
    pub(crate) fn is_first_without_profiles(&self, app_id: &AppId) -> bool {
        let mut apps = self.without_profiles.lock().expect("nothing panics under this lock");
        apps.insert(app_id.clone())
    }

    /// The apps. If the `wanted` one is missing, they are read again.
    pub(crate) async fn apps(&self, now: Timestamp, wanted: Option<&AppId>) -> Arc<Apps> {
        self.apps.get(now, |apps| wanted.is_none_or(|wanted| apps.by_id(wanted).is_some())).await
    }
}
