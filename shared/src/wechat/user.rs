//! The followers of an Official Account.

use crate::secret::Secret;
use crate::wechat::client::{Client, Error};
use crate::wechat::id::{OpenId, UnionId};
use serde::Deserialize;

/// What WeChat tells about a follower. Names and pictures are no longer part
/// of it (since 2021-12-27).
#[derive(Debug, Deserialize)]
pub struct UserInfo {
    /// 1 if the user follows the account; if 0, the rest is missing.
    pub subscribe: u8,
    /// The person, if the account is bound to an open-platform account.
    #[serde(rename = "unionid", default)]
    pub union_id: Option<UnionId>,
    /// How the user found the account, such as `ADD_SCENE_QR_CODE`.
    #[serde(default)]
    pub subscribe_scene: Option<String>,
}

impl Client {
    /// Asks who a user of an Official Account is.
    ///
    /// Source: WeChat's documentation, "获取用户基本信息" (`user/info`).
    ///
    /// # Errors
    ///
    /// A refusal with 40003 means that the openid isn't one of this account's.
    pub async fn user_info(
        &self,
        access_token: &Secret,
        open_id: &OpenId,
    ) -> Result<UserInfo, Error> {
        let query = [
            ("access_token", access_token.expose()),
            ("openid", open_id.as_str()),
            ("lang", "zh_CN"),
        ];
        self.get("/cgi-bin/user/info", &query).await
    }
}
