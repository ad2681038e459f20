//! The login of a mini program's user.

use crate::secret::Secret;
use crate::wechat::client::{CallError, WeChatClient};
use crate::wechat::id::{AppId, OpenId, UnionId};
use crate::wechat::wire::answer::ApiResponse;
use crate::wechat::wire::fields::{Fields, MissingField};

/// The user of a login code. WeChat's `session_key` isn't read: nothing here needs it, and
/// it must never leave the backend.
#[derive(Debug)]
pub struct CodeSession {
    /// The user, in this mini program.
    pub open_id: OpenId,
    /// The person, if the mini program is bound to an open-platform account.
    pub union_id: Option<UnionId>,
}

impl ApiResponse for CodeSession {
    fn read(fields: Fields<'_>) -> Result<Self, MissingField> {
        let open_id = fields.word("openid").and_then(|id| OpenId::parse(id).ok());
        Ok(Self {
            open_id: open_id.ok_or(MissingField("openid"))?,
            union_id: fields.word("unionid").and_then(|id| UnionId::parse(id).ok()),
        })
    }
}

impl WeChatClient {
    /// Exchanges a code from `wx.login`, which is valid for 5 minutes and works once. Needs no
    /// access token.
    ///
    /// Source: WeChat's documentation, ["小程序登录凭证校验"] (`code2Session`).
    ///
    /// ["小程序登录凭证校验"]: https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-login/code2Session.html
    ///
    /// A refusal with 40029 or 40163 asks for a new code; 40226 denies the user.
    pub async fn code_to_session(
        &self,
        app_id: &AppId,
        secret: &Secret,
        code: &str,
    ) -> Result<CodeSession, CallError> {
        let query = [
            ("appid", app_id.as_str()),
            ("secret", secret.expose()),
            ("js_code", code),
            ("grant_type", "authorization_code"),
        ];
        self.get("/sns/jscode2session", &query).await
    }
}
