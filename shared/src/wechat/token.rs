//! Access tokens.

use crate::secret::Secret;
use crate::wechat::client::{CallError, WeChatClient};
use crate::wechat::id::AppId;
use crate::wechat::refusal::{ErrorClass, Refusal};
use serde::{Deserialize, Serialize};

/// What `stable_token` hands out.
#[derive(Debug, Deserialize)]
pub struct GrantedToken {
    /// Goes into the query of every other call.
    pub access_token: Secret,
    /// Seconds that it will still work.
    pub expires_in: u64,
}

impl WeChatClient {
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
    ) -> Result<GrantedToken, CallError> {
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

/// Whether a refusal of [`WeChatClient::stable_token`] stays until a human has changed the
/// account, or what is stored of it. Here 40001 means the AppSecret.
///
/// An address that isn't let in (40164 and its like) is not among these: it changes
/// without a word to us, and no message is lost by waiting for it.
pub fn needs_operator(refusal: &Refusal) -> bool {
    match refusal.code {
        40001 => true,
        40090 | 40164 | 61004 | 89503 | 89506 | 89507 => false,
        _ => refusal.class() == ErrorClass::Configuration,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_human_can_mend_is_told_apart_from_what_passes() {
        let of = |code| needs_operator(&Refusal { code, message: String::new(), rid: None });
        for code in [40001, 40002, 40013, 40125, 40243, 41002, 41004, 50004, 50007, 61024] {
            assert!(of(code), "{code}");
        }
        for code in [-1, 45009, 45011, 40164, 61004, 89503, 89506, 89507, 99999] {
            assert!(!of(code), "{code}");
        }
    }
}
