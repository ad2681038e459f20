//! WeChat's errors.
//!
//! Source: WeChat's documentation, "全局返回码" (global return codes).

use crate::random;
use serde_json::{Value, json};
use std::borrow::Cow;

/// An errcode and its text. [`ApiError::to_json`] is the only place that turns it into an
/// answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    /// The error code.
    pub(crate) errcode: i64,
    /// The text without its `rid`.
    pub(crate) errmsg: Cow<'static, str>,
}

impl ApiError {
    /// An error with a specific text.
    pub(crate) fn new(errcode: i64, errmsg: impl Into<Cow<'static, str>>) -> Self {
        Self { errcode, errmsg: errmsg.into() }
    }

    /// The error as JSON with a `rid` of `now`. `/sns` puts a comma before it.
    pub(crate) fn to_json(&self, path: &str, now: i64) -> Value {
        let comma = if path.starts_with("/sns/") { "," } else { "" };
        json!({ "errcode": self.errcode, "errmsg": format!("{}{comma} rid: {}", self.errmsg, rid(now)) })
    }
}

/// Defines errors with a fixed text.
macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident = $errcode:literal, $errmsg:literal;)*) => {
        $($(#[$doc])* pub(crate) const $name: ApiError = ApiError { errcode: $errcode, errmsg: Cow::Borrowed($errmsg) };)*

        /// The text of an error below.
        pub(crate) fn errmsg(errcode: i64) -> Option<&'static str> {
            [$(($errcode, $errmsg)),*].into_iter().find(|(known, _)| *known == errcode).map(|(_, errmsg)| errmsg)
        }
    };
}

errors! {
    /// The answer of `newtmpl` to a wrong method.
    NOT_FOUND = 404, "not found";
    /// The token is invalid, unknown or another app's.
    NOT_LATEST = 40001, "invalid credential, access_token is invalid or not latest";
    /// `grant_type` has an unknown value.
    INVALID_GRANT = 40002, "invalid grant_type";
    /// An unknown openid, or none.
    INVALID_OPENID = 40003, "invalid openid";
    /// A file type that does not exist or that this kind of app cannot upload.
    INVALID_MEDIA_TYPE = 40004, "invalid media type";
    /// A file extension that this file type does not allow.
    INVALID_FILE_TYPE = 40005, "invalid file type";
    /// An unknown media id.
    INVALID_MEDIA = 40007, "invalid media_id";
    /// A message type that this kind of app cannot send.
    INVALID_MESSAGE_TYPE = 40008, "invalid message type";
    /// An unknown AppID, or one that is not bound.
    INVALID_APPID = 40013, "invalid appid";
    /// A text that cannot be a token.
    INVALID_TOKEN = 40014, "invalid access_token";
    /// A code that is unknown, expired or another app's.
    INVALID_CODE = 40029, "invalid code";
    /// A list of openids that is empty or too long.
    INVALID_LIST = 40032, "invalid openid list size";
    /// A parameter with an invalid value.
    INVALID_PARAMETER = 40035, "invalid parameter";
    /// A template id has 43 characters.
    INVALID_TEMPLATE_SIZE = 40036, "invalid template_id size";
    /// Not one of this app's templates.
    INVALID_TEMPLATE = 40037, "invalid template_id";
    /// An unknown path.
    INVALID_URL = 40066, "invalid url";
    /// The AppSecret is wrong.
    INVALID_SECRET = 40125, "invalid appsecret";
    /// A login code that was used before.
    CODE_USED = 40163, "code been used";
    /// An app of the wrong kind.
    INVALID_ACCOUNT = 40200, "invalid account type";
    /// A keyword that the template does not have, or none.
    INVALID_KEYWORDS = 40246, "invalid category template keyword";
    /// No token.
    TOKEN_MISSING = 41001, "access_token missing";
    /// No AppID.
    APPID_MISSING = 41002, "appid missing";
    /// No AppSecret.
    SECRET_MISSING = 41004, "appsecret missing";
    /// No file in the form.
    MEDIA_MISSING = 41005, "media data missing";
    /// No login code.
    CODE_MISSING = 41008, "missing code";
    /// A form id that is unknown, expired or another user's.
    INVALID_FORM = 41028, "invalid form id";
    /// A form id that was used before.
    FORM_USED = 41029, "form id used count reach limit";
    /// The token has expired.
    TOKEN_EXPIRED = 42001, "access_token expired";
    /// The path requires GET.
    REQUIRE_GET = 43001, "require GET method";
    /// The path requires POST.
    REQUIRE_POST = 43002, "require POST method";
    /// The person does not follow.
    REQUIRE_SUBSCRIBE = 43004, "require subscribe";
    /// A second change of industries in a month.
    INDUSTRY_TOO_OFTEN = 43100, "change template too frequently";
    /// No consent is left.
    NO_CONSENT = 43101, "user refuse to accept the msg";
    /// Another subscription message is on its way to the same person.
    CONCURRENT = 43108, "concurrent send to the same user";
    /// An empty file.
    EMPTY_MEDIA = 44001, "empty media data";
    /// A POST without a body.
    EMPTY_BODY = 44002, "empty post data";
    /// A text message without text.
    EMPTY_CONTENT = 44004, "empty content";
    /// A file that is too large for its type.
    MEDIA_TOO_LARGE = 45001, "media size out of limit";
    /// A text that is too long.
    CONTENT_TOO_LONG = 45002, "content size out of limit";
    /// More than one article.
    TOO_MANY_ARTICLES = 45008, "article size out of limit";
    /// The day's quota is used up.
    DAILY_QUOTA = 45009, "reach max api daily quota limit";
    /// The minute's quota is used up.
    MINUTE_QUOTA = 45011, "api minute-quota reach limit mustslower retry next minute";
    /// No customer-service window is open.
    OUT_OF_TIME = 45015, "response out of time limit or subscription is canceled";
    /// An account has 25 template messages at most.
    TOO_MANY_TEMPLATES = 45026, "template num exceeds limit";
    /// The open window's messages are used up.
    OUT_OF_COUNT = 45047, "out of response count limit";
    /// Neither `Typing` nor `CancelTyping`.
    INVALID_COMMAND = 45072, "command not found";
    /// No message in either direction within the last 30 seconds.
    NO_RECENT_MESSAGE = 45080, "no message with this user in the last 30 seconds";
    /// The typing indicator is already visible.
    ALREADY_TYPING = 45081, "already typing";
    /// WeChat withdrew this API on 2023-09-20.
    WITHDRAWN = 45109, "uniform message is no longer supported";
    /// The body is not JSON of the required shape.
    DATA_FORMAT = 47001, "data format error";
    /// The account's kind lacks this API.
    UNAUTHORIZED = 48001, "api unauthorized";
    /// The person has turned the app's messages off.
    TURNED_OFF = 48002, "user block";
    /// The month's resets of quotas are used up.
    CLEARS_USED_UP = 48006, "clear quota limit, only 10 times a month";
    /// An unknown rid.
    RID_UNKNOWN = 76001, "rid not found";
    /// A text that cannot be a rid.
    RID_MALFORMED = 76002, "rid is error";
    /// Another app's call.
    RID_FOREIGN = 76003, "could not query this rid, no permission";
    /// A call of more than seven days ago.
    RID_EXPIRED = 76004, "rid expired";
    /// Not a path of WeChat's.
    NO_SUCH_PATH = 76021, "cgi_path not found";
    /// A path without a quota for this app.
    NO_QUOTA = 76022, "could not query this cgi_path, no permission";
    /// The user has no session.
    NO_SESSION = 87007, "session_key is not existed or expired";
    /// Not `hmac_sha256`.
    INVALID_SIGNING = 87008, "invalid sig_method";
    /// Not signed with the session key.
    INVALID_SIGNATURE = 87009, "invalid signature";
    /// Another app's template, or an unknown one.
    INVALID_ARGUMENTS = 20002, "invalid arguments";
    /// An app has 50 subscription templates at most.
    TOO_MANY_SUBSCRIPTIONS = 200_012, "private template num exceeds limit";
    /// Not the number of a public template.
    INVALID_TID = 200_014, "invalid tid";
    /// Not a number.
    INVALID_START = 200_016, "invalid start";
    /// Not a number up to 30.
    INVALID_LIMIT = 200_017, "invalid limit";
    /// No category.
    IDS_MISSING = 200_018, "ids missing";
    /// Not a list of this app's categories.
    INVALID_IDS = 200_019, "invalid ids";
    /// Not two to five of the template's keywords.
    INVALID_KIDS = 200_020, "invalid kidList";
    /// A description of more than 15 characters.
    INVALID_SCENE = 200_021, "invalid sceneDesc";
}

/// A request id: the time in hex, and two random groups.
fn rid(now: i64) -> String {
    format!("{now:08x}-{}-{}", random::hex8(), random::hex8())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rid_begins_with_the_time() {
        // The official sample: 617682e0 is 1635156704.
        let answer = INVALID_APPID.to_json("/cgi-bin/token", 1_635_156_704);
        let errmsg = answer["errmsg"].as_str().unwrap();
        let rid = errmsg.strip_prefix("invalid appid rid: ").unwrap();
        let groups: Vec<_> = rid.split('-').collect();
        assert_eq!(groups[0], "617682e0");
        assert_eq!(groups.len(), 3);
        assert!(
            groups.iter().all(|it| it.len() == 8 && it.bytes().all(|c| c.is_ascii_hexdigit())),
            "{rid}"
        );
    }

    #[test]
    fn sns_puts_a_comma_before_the_rid() {
        let answer = INVALID_CODE.to_json("/sns/jscode2session", 1);
        assert!(answer["errmsg"].as_str().unwrap().starts_with("invalid code, rid: 00000001-"));
    }
}
