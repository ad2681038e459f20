//! Access tokens.

use crate::secret::Secret;
use crate::wechat::api::STABLE_TOKEN;
use crate::wechat::client::{CallError, WeChatClient};
use crate::wechat::id::AppId;
use crate::wechat::quota;
use crate::wechat::refusal::{ErrorClass, Refusal};
use crate::wechat::wire::answer::ApiResponse;
use crate::wechat::wire::fields::{Fields, MissingField};
use serde::Serialize;

/// How long a token lives by WeChat's documentation.
const USUAL_TTL_SECS: u64 = 7200;

/// The response of `stable_token`.
#[derive(Debug)]
pub struct GrantedToken {
    /// Goes into the query of other calls.
    pub access_token: Secret,
    /// In seconds.
    pub expires_in: u64,
}

impl ApiResponse for GrantedToken {
    fn read(fields: Fields<'_>) -> Result<Self, MissingField> {
        Ok(Self {
            access_token: Secret::new(fields.required("access_token")?),
            // WeChat ends the token when it does: an odd number must not cost the token.
            expires_in: fields.number("expires_in").unwrap_or(USUAL_TTL_SECS),
        })
    }
}

impl WeChatClient {
    /// Gets an app's access token.
    ///
    /// Without `force` WeChat returns the same token until five minutes before its
    /// expiry, then the next one. With `force` it invalidates the present one at once:
    /// 20 times a day, 30 seconds apart.
    ///
    /// Source: WeChat's documentation, ["获取稳定版接口调用凭据"]
    /// (`getStableAccessToken`).
    ///
    /// ["获取稳定版接口调用凭据"]: https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/mp-access-token/getStableAccessToken.html
    ///
    /// A refusal with 40125 means a wrong AppSecret, 40164 an address that isn't on the
    /// account's IP list.
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
        self.post(STABLE_TOKEN, None, &request).await
    }
}

/// Whether a refusal of [`WeChatClient::stable_token`] stays until an operator has changed
/// the account, or its parameters. From this API, 40001 means the AppSecret.
///
/// An address that isn't on the IP list (40164 and similar) is not among these: an
/// administrator may add it at any time, and no message is lost by waiting for it.
pub fn needs_operator_action(refusal: &Refusal) -> bool {
    refusal.class() == ErrorClass::Configuration && !quota::is_ip_rejection(refusal.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_permanent_unless_waiting_helps() {
        let permanent = |code| needs_operator_action(&Refusal::with_code(STABLE_TOKEN, code));
        for code in [40001, 40002, 40013, 40125, 40243, 41002, 41004, 50004, 50007, 61024] {
            assert!(permanent(code), "{code}");
        }
        for code in [-1, 45009, 45011, 40164, 61004, 89503, 89506, 89507, 99999] {
            assert!(!permanent(code), "{code}");
        }
    }
}
