//! What the functions that call WeChat start with.

use crate::access_token::AccessTokens;
use crate::aws::{Aws, AwsError};
use crate::cache::{Cached, Stale};
use crate::clock::Timestamp;
use crate::config;
use crate::http::HttpClient;
use crate::parameters::{Apps, Parameters};
use crate::store::NotificationsTable;
use crate::wechat::client::WeChatClient;
use lambda_runtime::Error;
use std::sync::Arc;

/// Clients, made from the environment variables. Nothing is connected yet.
#[derive(Debug)]
#[expect(missing_docs, reason = "each field is its type")]
pub struct Services {
    pub dynamodb: aws_sdk_dynamodb::Client,
    pub parameters: Parameters,
    pub tokens: AccessTokens,
    pub wechat: WeChatClient,
}

impl Services {
    /// Makes the clients.
    pub fn from_environment() -> Result<Self, Error> {
        let http = HttpClient::new();
        let aws = Aws::from_environment(&http)?;
        let parameters = Parameters::from_environment(aws.ssm_with_retries())?;
        let dynamodb = aws.dynamodb();
        let notifications = NotificationsTable::from_environment(&dynamodb)?;
        Ok(Self {
            dynamodb,
            wechat: WeChatClient::new(http.client(), &config::required("WECHAT_URL")?)?,
            tokens: AccessTokens::from_environment(parameters.clone(), aws, &notifications)?,
            parameters,
        })
    }
}

/// The apps, cached across invocations.
#[derive(Debug)]
pub struct CachedApps {
    parameters: Parameters,
    cached: Cached<Apps>,
}

impl CachedApps {
    /// Reads the apps while the function's tables are checked.
    pub async fn read<T>(
        parameters: &Parameters,
        table_checks: impl Future<Output = Result<T, AwsError>>,
    ) -> Result<Self, Error> {
        let (apps, tables) = tokio::join!(parameters.apps(), table_checks);
        tables?;
        Ok(Self { parameters: parameters.clone(), cached: Cached::new(apps?, Timestamp::now()) })
    }

    /// The apps, read again if they are old or lack what the caller needs.
    pub async fn get(&self, now: Timestamp, is_sufficient: impl Fn(&Apps) -> bool) -> Arc<Apps> {
        self.cached.get(now, is_sufficient, self.parameters.apps()).await
    }

    /// The apps with these aliases among them, unless one is missing under `/apps` now: see
    /// [`Cached::get_sure`].
    pub async fn get_named(&self, now: Timestamp, aliases: &[&str]) -> Result<Arc<Apps>, Stale> {
        let has_all = |apps: &Apps| aliases.iter().all(|alias| apps.by_alias(alias).is_some());
        self.cached.get_sure(now, has_all, self.parameters.apps()).await
    }
}
