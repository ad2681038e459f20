//! What the function keeps between invocations.

use lambda_runtime::Error;
use shared::access_token::AccessTokens;
use shared::aws::Aws;
use shared::config;
use shared::http::Web;
use shared::parameters::{Apps, Parameters};
use shared::store::{Events, Mappings, Notifications, Users};
use shared::wechat::client::Client;

/// What the function keeps between invocations.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) apps: Apps,
    pub(crate) events: Events,
    pub(crate) users: Users,
    pub(crate) mappings: Mappings,
    pub(crate) notifications: Notifications,
    pub(crate) tokens: AccessTokens,
    pub(crate) wechat: Client,
}

impl App {
    /// Connects, and reads which apps there are.
    pub(crate) async fn from_environment() -> Result<Self, Error> {
        let web = Web::new();
        let aws = Aws::from_environment(&web)?;
        let dynamodb = aws.dynamodb();
        let events = Events::from_environment(&dynamodb)?;
        let users = Users::from_environment(&dynamodb)?;
        let mappings = Mappings::from_environment(&dynamodb)?;
        let notifications = Notifications::from_environment(&dynamodb)?;
        let parameters = Parameters::from_environment(aws.ssm())?;
        let wechat = Client::new(web.client(), &config::required("WECHAT_URL")?)?;
        let (apps, events_there, users_there, mappings_there, notifications_there) = tokio::join!(
            parameters.apps(),
            events.check(),
            users.check(),
            mappings.check(),
            notifications.check()
        );
        events_there.and(users_there).and(mappings_there).and(notifications_there)?;
        let tokens = AccessTokens::from_environment(parameters, aws.lambda())?;
        Ok(Self { apps: apps?, events, users, mappings, notifications, tokens, wechat })
    }
}
