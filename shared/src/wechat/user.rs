//! The followers of an Official Account.

use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::wechat::client::{CallError, WeChatClient};
use crate::wechat::id::{OpenId, UnionId};
use serde::{Deserialize, Deserializer, Serialize};

/// The path of [`WeChatClient::follower_page`], of which WeChat allows 500 calls a day.
pub const FOLLOWER_LIST_PATH: &str = "/cgi-bin/user/get";
/// The path of [`WeChatClient::user_infos`]. Its daily quota isn't documented.
pub const USER_INFO_BATCH_PATH: &str = "/cgi-bin/user/info/batchget";
/// Maximum number of users in one call of [`WeChatClient::user_infos`].
pub const MAX_BATCH_SIZE: usize = 100;

/// A follower's profile. Since 2021-12-27 it contains no names and pictures.
#[derive(Debug, Deserialize)]
pub struct UserInfo {
    /// The user.
    #[serde(rename = "openid")]
    pub open_id: OpenId,
    /// 1 if the user follows the account; if 0, the rest is missing.
    pub subscribe: u8,
    /// When the user followed last.
    #[serde(default)]
    pub subscribe_time: Option<Timestamp>,
    /// The person, if the account is bound to an open-platform account.
    #[serde(rename = "unionid", default, deserialize_with = "optional_union_id")]
    pub union_id: Option<UnionId>,
    /// How the user found the account, such as `ADD_SCENE_QR_CODE`.
    #[serde(default)]
    pub subscribe_scene: Option<String>,
}

/// One page of the list of an account's followers.
#[derive(Debug, Deserialize)]
#[serde(from = "FollowerPageResponse")]
pub struct FollowerPage {
    /// The account's number of followers.
    pub total: u64,
    /// The number of followers on this page.
    pub count: u64,
    /// The followers on this page, without invalid openids.
    pub open_ids: Vec<OpenId>,
    /// The follower after whom the next page begins. None if there is no next page; but the
    /// last page may name one as well.
    pub next: Option<OpenId>,
}

/// The page as WeChat sends it. After the last one, `data` is missing and `next_openid` is
/// empty.
#[derive(Deserialize)]
struct FollowerPageResponse {
    total: u64,
    #[serde(default)]
    count: u64,
    #[serde(default)]
    data: Option<Data>,
    #[serde(default)]
    next_openid: Option<String>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    openid: Vec<String>,
}

impl From<FollowerPageResponse> for FollowerPage {
    fn from(response: FollowerPageResponse) -> Self {
        let listed = response.data.map(|data| data.openid).unwrap_or_default();
        let next = response.next_openid.filter(|_| !listed.is_empty());
        Self {
            total: response.total,
            count: response.count.max(listed.len() as u64),
            open_ids: listed.into_iter().filter_map(|id| OpenId::parse(id).ok()).collect(),
            next: next.and_then(|id| OpenId::parse(id).ok()),
        }
    }
}

/// None for a missing, empty or invalid unionid.
fn optional_union_id<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<UnionId>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| UnionId::parse(text).ok()))
}

impl WeChatClient {
    /// Gets the profile of a user of an Official Account.
    ///
    /// Source: WeChat's documentation, ["获取用户基本信息"] (`user/info`).
    ///
    /// ["获取用户基本信息"]: https://developers.weixin.qq.com/doc/offiaccount/User_Management/Get_users_basic_information_UnionID.html
    ///
    /// A refusal with 40003 means that the openid isn't one of this account's.
    pub async fn user_info(
        &self,
        access_token: &Secret,
        open_id: &OpenId,
    ) -> Result<UserInfo, CallError> {
        let query = [
            ("access_token", access_token.expose()),
            ("openid", open_id.as_str()),
            ("lang", "zh_CN"),
        ];
        self.get("/cgi-bin/user/info", &query).await
    }

    /// Gets the profiles of up to [`MAX_BATCH_SIZE`] users of an Official Account, in any
    /// order.
    ///
    /// Source: WeChat's documentation, "批量获取用户基本信息" (`user/info/batchget`).
    ///
    /// A refusal with 40003 means that one of the openids isn't one of this
    /// account's, and doesn't say which; 40032 that there are none or too many.
    pub async fn user_infos(
        &self,
        access_token: &Secret,
        open_ids: &[OpenId],
    ) -> Result<Vec<UserInfo>, CallError> {
        #[derive(Serialize)]
        struct Request<'a> {
            user_list: Vec<User<'a>>,
        }
        #[derive(Serialize)]
        struct User<'a> {
            openid: &'a OpenId,
            lang: &'static str,
        }
        #[derive(Deserialize)]
        struct Response {
            user_info_list: Vec<UserInfo>,
        }
        let user_list = open_ids.iter().map(|openid| User { openid, lang: "zh_CN" }).collect();
        let response: Response =
            self.post_for_list(USER_INFO_BATCH_PATH, access_token, &Request { user_list }).await?;
        Ok(response.user_info_list)
    }

    /// Lists up to 10,000 of an Official Account's followers: the first ones, or those after
    /// one.
    ///
    /// Source: WeChat's documentation, ["获取用户列表"] (`user/get`).
    ///
    /// ["获取用户列表"]: https://developers.weixin.qq.com/doc/offiaccount/User_Management/Getting_a_User_List.html
    ///
    /// A refusal with 40003 means that WeChat doesn't know the one to begin after;
    /// 45009 that the day's 500 calls are used up.
    pub async fn follower_page(
        &self,
        access_token: &Secret,
        after: Option<&OpenId>,
    ) -> Result<FollowerPage, CallError> {
        let mut query = vec![("access_token", access_token.expose())];
        query.extend(after.map(|after| ("next_openid", after.as_str())));
        self.list(FOLLOWER_LIST_PATH, &query).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> FollowerPage {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn page_names_its_last_follower() {
        let read =
            page(r#"{"total":3,"count":2,"data":{"openid":["o1","o2"]},"next_openid":"o2"}"#);
        assert_eq!((read.total, read.count), (3, 2));
        assert_eq!(read.open_ids.last().map(OpenId::as_str), Some("o2"));
        assert_eq!(read.next, read.open_ids.last().cloned());
        // An invalid openid is left out.
        let read =
            page(r#"{"total":2,"count":2,"data":{"openid":["a#b","o2"]},"next_openid":"o2"}"#);
        assert_eq!((read.count, read.open_ids.len()), (2, 1));
    }

    #[test]
    fn empty_page_is_read_in_every_spelling() {
        for empty in [
            r#"{"total":0,"count":0,"next_openid":""}"#,
            r#"{"total":7,"count":0,"data":null,"next_openid":"o7"}"#,
            r#"{"total":7,"count":0,"data":{"openid":[]},"next_openid":"o7"}"#,
            r#"{"total":7,"count":0,"data":{}}"#,
        ] {
            let read = page(empty);
            assert_eq!((read.count, read.open_ids.len(), read.next), (0, 0, None), "{empty}");
        }
        assert!(serde_json::from_str::<FollowerPage>(r#"{"errmsg":"ok"}"#).is_err());
    }

    #[test]
    fn profile_may_lack_optional_fields() {
        let read = |text: &str| serde_json::from_str::<UserInfo>(text).unwrap();
        let ann = read(
            r#"{"subscribe":1,"openid":"oAnn","subscribe_time":1700000000,"unionid":"uAnn","remark":"","groupid":0,"tagid_list":[],"subscribe_scene":"ADD_SCENE_OTHERS"}"#,
        );
        assert_eq!((ann.subscribe, ann.subscribe_time), (1, Some(Timestamp(1_700_000_000))));
        assert_eq!(ann.union_id.unwrap().as_str(), "uAnn");
        assert!(read(r#"{"subscribe":1,"openid":"oAnn","unionid":""}"#).union_id.is_none());
        let left = read(r#"{"subscribe":0,"openid":"oBob"}"#);
        assert!((left.subscribe, left.union_id.is_none(), left.subscribe_time) == (0, true, None));
    }
}
