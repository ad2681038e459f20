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
    FollowerImports, Followers, MappingsTable, NotificationsTable, UserItems, UsersTable,
};
use shared::wechat::client::WeChatClient;
use std::sync::Arc;

/// State reused across invocations, initialised at cold start.
#[derive(Debug)]
pub(crate) struct App {
    apps: Cached<Apps>,
    parameters: Parameters,
    pub(crate) followers: Followers,
    pub(crate) user_items: UserItems,
    pub(crate) imports: FollowerImports,
    pub(crate) tokens: AccessTokens,
    pub(crate) wechat: WeChatClient,
}

impl App {
    /// Connects to AWS, checks the tables, and reads the apps.
    pub(crate) async fn from_environment() -> Result<Self, Error> {
        let web = HttpClient::new();
        let aws = Aws::from_environment(&web)?;
        let dynamodb = aws.dynamodb();
        let users = UsersTable::from_environment(&dynamodb)?;
        let mappings = MappingsTable::from_environment(&dynamodb)?;
        let notifications = NotificationsTable::from_environment(&dynamodb)?;
        let parameters = Parameters::from_environment(aws.ssm_with_retries())?;
        let wechat = WeChatClient::new(web.client(), &config::required("WECHAT_URL")?)?;
        let (apps, users_check, mappings_check) =
            tokio::join!(parameters.apps(), users.check(), mappings.check());
        users_check.and(mappings_check)?;
        let tokens = AccessTokens::from_environment(parameters.clone(), aws)?;
        Ok(Self {
            apps: Cached::new(apps?, Timestamp::now()),
            parameters,
            followers: Followers::new(&users, &mappings),
            user_items: UserItems::new(&users),
            imports: FollowerImports::new(&notifications),
            tokens,
            wechat,
        })
    }

    /// The apps. If the one with the `wanted` alias is missing, they are read again.
    pub(crate) async fn apps(&self, now: Timestamp, wanted: Option<&str>) -> Arc<Apps> {
        let is_sufficient =
            |apps: &Apps| wanted.is_none_or(|wanted| apps.by_alias(wanted).is_some());
        self.apps.get(now, is_sufficient, self.parameters.apps()).await
    }
}
