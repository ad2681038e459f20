//! Access tokens.

use crate::secret::Secret;
use crate::wechat::client::{Client, Error};
use crate::wechat::id::AppId;
use serde::{Deserialize, Serialize};

/// What `stable_token` hands out.
#[derive(Debug, Deserialize)]
pub struct Granted {
    /// Goes into the query of every other call.
    pub access_token: Secret,
    /// Seconds that it will still work.
    pub expires_in: u64,
}

impl Client {
    /// Asks for an app's access token.
    ///
    /// Without `force` WeChat hands out the same token again and again, until
    /// five minutes before its end it hands out the next one. With `force` the
    /// present one dies at once: 20 times a day, 30 seconds apart.
    ///
    /// Source: WeChat's documentation, "获取稳定版接口调用凭据"
    /// (`getStableAccessToken`).
    ///
    /// # Errors
    ///
    /// A refusal with 40125 means a wrong AppSecret, 40164 an address that
    /// isn't on the account's IP list.
    pub async fn stable_token(
        &self,
        app_id: &AppId,
        secret: &Secret,
        force: bool,
    ) -> Result<Granted, Error> {
        #[derive(Serialize)]
        struct Request<'a> {
            grant_type: &'static str,
            appid: &'a AppId,
            secret: &'a str,
            force_refresh: bool,
        }
        let request = Request {
            grant_type: "client_credential",
            appid: app_id,
            secret: secret.expose(),
            force_refresh: force,
        };
        self.post("/cgi-bin/stable_token", None, &request).await
    }
}
