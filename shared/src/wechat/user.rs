//! The followers of an Official Account.

use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::wechat::client::{CallError, WeChatClient};
use crate::wechat::id::{OpenId, UnionId};
use crate::wechat::wire::answer::ApiResponse;
use crate::wechat::wire::fields::{Fields, MissingField};
use serde::Serialize;
use std::fmt;

/// The path of [`WeChatClient::follower_page`], of which WeChat allows 500 calls a day.
pub const FOLLOWER_LIST_PATH: &str = "/cgi-bin/user/get";
/// The path of [`WeChatClient::user_infos`]. Its daily quota isn't documented.
pub const USER_INFO_BATCH_PATH: &str = "/cgi-bin/user/info/batchget";
/// Maximum number of users in one call of [`WeChatClient::user_infos`].
pub const MAX_BATCH_SIZE: usize = 100;

/// The year 2286: a later time is none.
const MAX_TIME: u64 = 10_000_000_000;

/// A follower's profile.
///
/// It has no nickname, picture, sex or place: since 2021-12-27 WeChat gives none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserInfo {
    /// Whether the user follows the account; if not, the rest is missing. None if WeChat
    /// doesn't say.
    pub follows: Option<bool>,
    /// When the user followed last.
    pub subscribe_time: Option<Timestamp>,
    /// The person, if the account is bound to an open-platform account.
    pub union_id: Option<UnionId>,
    /// What else WeChat tells.
    pub details: FollowerDetails,
}

/// What WeChat tells of a follower beside who they are. A field that it left out, or left
/// empty, is missing.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
pub struct FollowerDetails {
    /// How the user found the account, such as `ADD_SCENE_QR_CODE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscribe_scene: Option<String>,
    /// The scene of the QR code that led there, if it is a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qr_scene: Option<u64>,
    /// The same, if it is a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qr_scene_str: Option<String>,
    /// The account's tags of the user, by WeChat's numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tagid_list: Vec<u64>,
    /// What the account's staff has noted of the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
    /// The user's language, such as `zh_CN`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

impl fmt::Debug for FollowerDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A remark and tags are personal, and stay out of logs.
        f.write_str("FollowerDetails(…)")
    }
}

/// The profiles of several users.
#[derive(Debug, Default)]
pub struct UserInfos {
    /// Those that can be read. Users whom WeChat doesn't know are left out.
    pub read: Vec<(OpenId, UserInfo)>,
    /// What is wrong with each of the others.
    pub unreadable: Vec<&'static str>,
}

/// One page of the list of an account's followers.
#[derive(Debug)]
pub struct FollowerPage {
    /// The account's number of followers; none if WeChat doesn't say it.
    pub total: Option<u64>,
    /// The number of followers on this page, or less if WeChat's count is lower.
    pub count: u64,
    /// The followers on this page, without invalid openids.
    pub open_ids: Vec<OpenId>,
    /// The follower after whom the next page begins. None if there is no next page; but the
    /// last page may name one as well.
    pub next: Option<OpenId>,
    /// The number of entries that are no openid.
    pub unreadable: usize,
}

impl ApiResponse for FollowerPage {
    /// After the last page, `data` is missing and `next_openid` is empty.
    fn read(fields: Fields<'_>) -> Result<Self, MissingField> {
        let data = fields.within("data");
        let (total, listed) = (fields.number("total"), fields.number("count"));
        let entries = match data.required_array("openid") {
            Ok(entries) => entries.len(),
            // The end of the list says so: anything else, taken for it, would hide all
            // followers from here on.
            Err(_) if listed == Some(0) || (listed.is_none() && total.is_some()) => 0,
            Err(missing) => return Err(missing),
        };
        let open_id = |id| OpenId::parse(id).ok();
        let open_ids: Vec<_> = data.texts("openid").into_iter().filter_map(open_id).collect();
        // Counting too few costs a call; counting an odd entry as a follower could end the
        // list early.
        let count = listed.filter(|count| *count > 0).unwrap_or(u64::MAX);
        Ok(Self {
            total,
            count: count.min(entries as u64),
            next: fields.word("next_openid").filter(|_| entries > 0).and_then(open_id),
            unreadable: entries - open_ids.len(),
            open_ids,
        })
    }
}

impl ApiResponse for UserInfo {
    fn read(fields: Fields<'_>) -> Result<Self, MissingField> {
        let follows = fields.word("subscribe").and_then(|told| match told.as_str() {
            "1" | "true" => Some(true),
            "0" | "false" => Some(false),
            _ => None,
        });
        let time = fields.number("subscribe_time").filter(|time| *time < MAX_TIME);
        let tags = fields.texts("tagid_list").into_iter();
        Ok(Self {
            follows,
            subscribe_time: time.map(Timestamp),
            union_id: fields.word("unionid").and_then(|id| UnionId::parse(id).ok()),
            details: FollowerDetails {
                subscribe_scene: fields.word("subscribe_scene"),
                qr_scene: fields.number("qr_scene").filter(|scene| *scene != 0),
                qr_scene_str: fields.word("qr_scene_str"),
                tagid_list: tags.filter_map(|tag| tag.trim().parse().ok()).collect(),
                remark: fields.word("remark"),
                language: fields.word("language"),
            },
        })
    }
}

impl ApiResponse for UserInfos {
    fn read(fields: Fields<'_>) -> Result<Self, MissingField> {
        let mut profiles = Self::default();
        for entry in fields.required_array("user_info_list")? {
            let open_id = entry.word("openid").and_then(|id| OpenId::parse(id).ok());
            let profile = UserInfo::read(entry)?;
            match (open_id, profile.follows) {
                (Some(open_id), Some(_)) => profiles.read.push((open_id, profile)),
                (None, _) => profiles.unreadable.push("openid is missing or no openid"),
                (_, None) => profiles.unreadable.push("subscribe is missing or neither 0 nor 1"),
            }
        }
        Ok(profiles)
    }
}

impl WeChatClient {
    /// Gets the profile of a user of an Official Account.
    ///
    /// Source: WeChat's documentation, ["获取用户基本信息"] (`user/info`).
    ///
    /// ["获取用户基本信息"]: https://developers.weixin.qq.com/doc/offiaccount/User_Management/Get_users_basic_information_UnionID.html
    ///
    /// A refusal with 40003 means that the openid isn't one of this account's; 48001 that
    /// the account may not ask, as it isn't certified.
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
    ) -> Result<UserInfos, CallError> {
        #[derive(Serialize)]
        struct Request<'a> {
            user_list: Vec<User<'a>>,
        }
        #[derive(Serialize)]
        struct User<'a> {
            openid: &'a OpenId,
            lang: &'static str,
        }
        let user_list = open_ids.iter().map(|openid| User { openid, lang: "zh_CN" }).collect();
        self.post_for_list(USER_INFO_BATCH_PATH, access_token, &Request { user_list }).await
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
    use crate::wechat::wire::answer;

    fn read<T: ApiResponse>(text: &str) -> Result<T, MissingField> {
        T::read(Fields(&answer::tree(text.as_bytes()).unwrap()))
    }

    fn page(text: &str) -> FollowerPage {
        read(text).unwrap()
    }

    #[test]
    fn page_names_its_last_follower() {
        let read =
            page(r#"{"total":3,"count":2,"data":{"openid":["o1","o2"]},"next_openid":"o2"}"#);
        assert_eq!((read.total, read.count, read.unreadable), (Some(3), 2, 0));
        assert_eq!(read.open_ids.last().map(OpenId::as_str), Some("o2"));
        assert_eq!(read.next, read.open_ids.last().cloned());
        // What is no openid is left out.
        let read =
            page(r#"{"total":"4","data":{"openid":["a#b",null,{},"o2"]},"next_openid":"o2"}"#);
        assert_eq!((read.count, read.open_ids.len(), read.unreadable), (4, 1, 3));
    }

    #[test]
    fn empty_page_is_read_in_every_spelling() {
        for empty in [
            r#"{"total":0,"count":0,"next_openid":""}"#,
            r#"{"total":7,"count":0,"data":null,"next_openid":"o7"}"#,
            r#"{"total":7,"count":0,"data":{"openid":[]},"next_openid":"o7"}"#,
            r#"{"total":7,"count":0,"data":{}}"#,
            r#"{"total":7,"count":null,"data":""}"#,
        ] {
            let read = page(empty);
            assert_eq!((read.count, read.open_ids.len(), read.next), (0, 0, None), "{empty}");
        }
        for no_end in [
            r#"{"errmsg":"ok"}"#,
            r#"{"total":7,"count":2,"data":null,"next_openid":"o7"}"#,
            r#"{"count":2,"data":{}}"#,
        ] {
            assert!(read::<FollowerPage>(no_end).is_err(), "{no_end}");
        }
        let without_total = page(r#"{"count":1,"data":{"openid":["o1"]},"next_openid":"o1"}"#);
        assert_eq!((without_total.total, without_total.count), (None, 1));
    }

    #[test]
    fn profile_may_lack_optional_fields() {
        let read = |text: &str| read::<UserInfo>(text).unwrap();
        let ann = read(
            r#"{"subscribe":1,"openid":"oAnn","language":"zh_CN","subscribe_time":1700000000,"unionid":"uAnn",
                "remark":"a\u0008b","groupid":0,"tagid_list":[128,"2"],"subscribe_scene":"ADD_SCENE_QR_CODE",
                "qr_scene":98765,"qr_scene_str":""}"#,
        );
        assert_eq!((ann.follows, ann.subscribe_time), (Some(true), Some(Timestamp(1_700_000_000))));
        assert_eq!(ann.union_id.as_ref().unwrap().as_str(), "uAnn");
        let details = FollowerDetails {
            subscribe_scene: Some("ADD_SCENE_QR_CODE".to_owned()),
            qr_scene: Some(98765),
            qr_scene_str: None,
            tagid_list: vec![128, 2],
            remark: Some("a\u{8}b".to_owned()),
            language: Some("zh_CN".to_owned()),
        };
        assert_eq!(ann.details, details);
        assert!(!format!("{ann:?}").contains("zh_CN"), "{ann:?}");
        assert_eq!(
            read(r#"{"subscribe":"0"}"#),
            UserInfo { follows: Some(false), ..UserInfo::default() }
        );
        for empty in [
            r#"{"subscribe":null,"unionid":"","subscribe_time":"","tagid_list":null,"remark":{}}"#,
            r#"{"subscribe":2,"unionid":"a#b","subscribe_time":1700000000000,"qr_scene":0}"#,
        ] {
            assert_eq!(read(empty), UserInfo::default(), "{empty}");
        }
    }

    #[test]
    fn unreadable_profile_is_left_out_of_a_batch() {
        let batch = read::<UserInfos>(
            r#"{"user_info_list":[null,{"subscribe":1,"openid":null},{"openid":"oBob"},7,
                {"subscribe":"1","openid":"oAnn","subscribe_time":"","remark":"\b"},
                {"subscribe":0,"openid":"oEve"}]}"#,
        )
        .unwrap();
        let names: Vec<_> = batch.read.iter().map(|(open_id, _)| open_id.as_str()).collect();
        assert_eq!(names, ["oAnn", "oEve"]);
        assert_eq!(batch.read[0].1.follows, Some(true));
        assert_eq!(batch.unreadable.len(), 4);
        assert!(read::<UserInfos>(r#"{"user_info_list":null}"#).is_err());
    }
}
