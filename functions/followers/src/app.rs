//! State reused across the invocations of an execution environment.

use lambda_runtime::Error;
use shared::access_token::AccessTokens;
use shared::cache::Stale;
use shared::clock::Timestamp;
use shared::parameters::Apps;
use shared::services::{CachedApps, Services};
use shared::store::{
    FollowerImports, Followers, MappingsTable, NotificationsTable, UserItems, UsersTable,
};
use shared::wechat::client::WeChatClient;
use std::sync::Arc;

/// State reused across invocations, initialised at cold start.
#[derive(Debug)]
pub(crate) struct App {
    apps: CachedApps,
    pub(crate) followers: Followers,
    pub(crate) user_items: UserItems,
    pub(crate) imports: FollowerImports,
    pub(crate) tokens: AccessTokens,
    pub(crate) wechat: WeChatClient,
}

impl App {
    /// Connects to AWS, checks the tables, and reads the apps.
    pub(crate) async fn from_environment() -> Result<Self, Error> {
        let Services { dynamodb, parameters, tokens, wechat } = Services::from_environment()?;
        let users = UsersTable::from_environment(&dynamodb)?;
        let mappings = MappingsTable::from_environment(&dynamodb)?;
        let notifications = NotificationsTable::from_environment(&dynamodb)?;
        let checks = async { tokio::try_join!(users.check(), mappings.check()) };
        Ok(Self {
            apps: CachedApps::read(&parameters, checks).await?,
            followers: Followers::new(&users, &mappings),
            user_items: UserItems::new(&users),
            imports: FollowerImports::new(&notifications),
            tokens,
            wechat,
        })
    }

    /// The apps.
    pub(crate) async fn apps(&self, now: Timestamp) -> Arc<Apps> {
        self.apps.get(now, |_| true).await
    }

    /// The apps, with the one of this alias unless it is missing under `/apps` now.
    pub(crate) async fn apps_with(&self, now: Timestamp, alias: &str) -> Result<Arc<Apps>, Stale> {
        self.apps.get_named(now, &[alias]).await
    }
}
