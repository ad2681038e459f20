//! State reused across the invocations of an execution environment.

use lambda_runtime::Error;
use shared::access_token::AccessTokens;
use shared::aws::Aws;
use shared::cache::Cached;
use shared::clock::Timestamp;
use shared::config;
use shared::http::HttpClient;
use shared::parameters::{Apps, Parameters};
use shared::store::{
    ClosedAccounts, Consents, EventCursors, Events, EventsTable, Followers, MappingsTable,
    Notifications, NotificationsTable, PhoneNumbers, ReplyWindows, UserItems, UsersTable,
};
use shared::wechat::client::WeChatClient;
use shared::wechat::id::AppId;
use std::sync::Arc;

/// State reused across invocations, initialised at cold start.
#[derive(Debug)]
pub(crate) struct App {
    apps: Cached<Apps>,
    parameters: Parameters,
    pub(crate) events: Events,
    pub(crate) cursors: EventCursors,
    pub(crate) followers: Followers,
    pub(crate) consents: Consents,
    pub(crate) reply_windows: ReplyWindows,
    pub(crate) phone_numbers: PhoneNumbers,
    pub(crate) user_items: UserItems,
    pub(crate) closed_accounts: ClosedAccounts,
    pub(crate) notifications: Notifications,
    pub(crate) tokens: AccessTokens,
    pub(crate) wechat: WeChatClient,
}

impl App {
    /// Connects to AWS, checks the tables, and reads the apps.
    pub(crate) async fn from_environment() -> Result<Self, Error> {
        let web = HttpClient::new();
        let aws = Aws::from_environment(&web)?;
        let dynamodb = aws.dynamodb();
        let events = EventsTable::from_environment(&dynamodb)?;
        let users = UsersTable::from_environment(&dynamodb)?;
        let mappings = MappingsTable::from_environment(&dynamodb)?;
        let notifications = NotificationsTable::from_environment(&dynamodb)?;
        let parameters = Parameters::from_environment(aws.ssm_with_retries())?;
        let wechat = WeChatClient::new(web.client(), &config::required("WECHAT_URL")?)?;
        let (apps, checks) = tokio::join!(parameters.apps(), async {
            tokio::try_join!(events.check(), users.check(), mappings.check(), notifications.check())
        });
        checks?;
        let apps = Cached::new(apps?, Timestamp::now());
        let tokens = AccessTokens::from_environment(parameters.clone(), aws)?;
        Ok(Self {
            apps,
            parameters,
            events: Events::new(&events),
            cursors: EventCursors::new(&users),
            followers: Followers::new(&users, &mappings),
            consents: Consents::new(&users),
            reply_windows: ReplyWindows::new(&users),
            phone_numbers: PhoneNumbers::new(&users),
            user_items: UserItems::new(&users),
            closed_accounts: ClosedAccounts::new(&users, &mappings),
            notifications: Notifications::new(&notifications),
            tokens,
            wechat,
        })
    }

    /// The apps. If the `wanted` one is missing, they are read again.
    pub(crate) async fn apps(&self, now: Timestamp, wanted: Option<&AppId>) -> Arc<Apps> {
        let is_sufficient = |apps: &Apps| wanted.is_none_or(|wanted| apps.by_id(wanted).is_some());
        self.apps.get(now, is_sufficient, self.parameters.apps()).await
    }
}
