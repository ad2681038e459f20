//! The table of WeChat's paths: method, authentication, kind of app and daily quota.
//!
//! Source of the quotas: WeChat's documentation, "接口调用频次说明" (call frequency limits).

use crate::api_error::ApiError;
use crate::endpoints::call::Call;
use crate::endpoints::{
    access_token, customer_service, industry, ip_lists, legacy_template, login, media,
    phone_number, quota_api, session, subscription_message, subscription_notification,
    template_library, template_message, typing_status, users,
};
use crate::model::api_limits::UPLOAD_PATH;
use crate::model::app_settings::AppKind;
use crate::model::tokens::{LEGACY_DAILY_QUOTA, LEGACY_PATH, STABLE_DAILY_QUOTA, STABLE_PATH};
use axum::http::Method;
use serde_json::Value;

/// A path of WeChat's API.
pub(crate) struct Endpoint {
    pub(super) path: &'static str,
    pub(super) method: Method,
    pub(super) body: RequestBody,
    pub(super) access: Access,
}

/// The body that a path requires.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestBody {
    /// None; a body is ignored.
    None,
    /// A JSON object.
    Json,
    /// A JSON object, or none.
    OptionalJson,
    /// A multipart form with a file.
    Form,
}

/// How a caller authenticates.
pub(super) enum Access {
    /// With the AppSecret in the request.
    Secret {
        /// The daily quota; `None` if calls are not counted.
        daily: Option<u64>,
        answer: AnswerWithSecret,
    },
    /// With an access token in the query.
    Token {
        /// The kind of app; `None` if both may call.
        kind: Option<AppKind>,
        /// The daily quota.
        daily: u64,
        answer: AnswerWithToken,
    },
}

type AnswerWithSecret = fn(&mut Call<'_>) -> Result<Value, ApiError>;
/// The second argument is the index of the app.
type AnswerWithToken = fn(&mut Call<'_>, usize) -> Result<Value, ApiError>;

const OFFICIAL: Option<AppKind> = Some(AppKind::OfficialAccount);
const MINI: Option<AppKind> = Some(AppKind::MiniProgram);
const EITHER: Option<AppKind> = None;

/// The daily quota where WeChat documents none.
const UNDOCUMENTED: u64 = 100_000;
/// The daily quota of `user/info`; that of `batchget` is not documented.
const PROFILES: u64 = 5_000_000;

const fn get(
    path: &'static str,
    kind: Option<AppKind>,
    daily: u64,
    answer: AnswerWithToken,
) -> Endpoint {
    let access = Access::Token { kind, daily, answer };
    Endpoint { path, method: Method::GET, body: RequestBody::None, access }
}

const fn post(
    path: &'static str,
    kind: Option<AppKind>,
    daily: u64,
    answer: AnswerWithToken,
) -> Endpoint {
    let access = Access::Token { kind, daily, answer };
    Endpoint { path, method: Method::POST, body: RequestBody::Json, access }
}

const fn secret(
    method: Method,
    path: &'static str,
    body: RequestBody,
    daily: Option<u64>,
    answer: AnswerWithSecret,
) -> Endpoint {
    Endpoint { path, method, body, access: Access::Secret { daily, answer } }
}

static ENDPOINTS: [Endpoint; 37] = [
    secret(
        Method::GET,
        LEGACY_PATH,
        RequestBody::None,
        Some(LEGACY_DAILY_QUOTA),
        access_token::issue,
    ),
    secret(
        Method::POST,
        STABLE_PATH,
        RequestBody::Json,
        Some(STABLE_DAILY_QUOTA),
        access_token::issue_stable,
    ),
    secret(Method::GET, "/sns/jscode2session", RequestBody::None, None, login::exchange),
    get("/wxa/checksession", MINI, UNDOCUMENTED, session::check),
    get("/wxa/resetusersessionkey", MINI, UNDOCUMENTED, session::reset),
    post("/wxa/business/getuserphonenumber", MINI, UNDOCUMENTED, phone_number::exchange),
    // Followers of an Official Account.
    get("/cgi-bin/user/info", OFFICIAL, PROFILES, users::info),
    post("/cgi-bin/user/info/batchget", OFFICIAL, PROFILES, users::batch),
    get("/cgi-bin/user/get", OFFICIAL, 500, users::list),
    // Messages.
    post(template_message::PATH, OFFICIAL, 100_000, template_message::send),
    post("/cgi-bin/message/subscribe/send", MINI, 10_000_000, subscription_message::send),
    post(subscription_notification::PATH, OFFICIAL, UNDOCUMENTED, subscription_notification::send),
    post("/cgi-bin/message/wxopen/template/send", MINI, 1_000_000, legacy_template::send),
    post(
        "/cgi-bin/message/wxopen/template/uniform_send",
        MINI,
        UNDOCUMENTED,
        legacy_template::uniform_send,
    ),
    post("/cgi-bin/message/custom/send", EITHER, 500_000, customer_service::send),
    // The wrong kind of app gets a specific code here.
    post("/cgi-bin/message/custom/typing", EITHER, UNDOCUMENTED, typing_status::official_account),
    post(
        "/cgi-bin/message/custom/business/typing",
        EITHER,
        UNDOCUMENTED,
        typing_status::mini_program,
    ),
    // Files.
    Endpoint {
        path: UPLOAD_PATH,
        method: Method::POST,
        body: RequestBody::Form,
        access: Access::Token { kind: EITHER, daily: 100_000, answer: media::upload },
    },
    get("/cgi-bin/media/get", EITHER, 200_000, media::get),
    // Templates.
    post("/cgi-bin/template/api_set_industry", OFFICIAL, UNDOCUMENTED, industry::set),
    get("/cgi-bin/template/get_industry", OFFICIAL, UNDOCUMENTED, industry::get),
    post(
        "/cgi-bin/template/api_add_template",
        OFFICIAL,
        UNDOCUMENTED,
        template_library::add_template_message,
    ),
    get(
        "/cgi-bin/template/get_all_private_template",
        OFFICIAL,
        UNDOCUMENTED,
        template_library::list_template_messages,
    ),
    post(
        "/cgi-bin/template/del_private_template",
        OFFICIAL,
        UNDOCUMENTED,
        template_library::delete_template_message,
    ),
    get("/wxaapi/newtmpl/getcategory", EITHER, UNDOCUMENTED, template_library::list_categories),
    get(
        "/wxaapi/newtmpl/getpubtemplatetitles",
        EITHER,
        UNDOCUMENTED,
        template_library::list_titles,
    ),
    get(
        "/wxaapi/newtmpl/getpubtemplatekeywords",
        EITHER,
        UNDOCUMENTED,
        template_library::list_keywords,
    ),
    post("/wxaapi/newtmpl/addtemplate", EITHER, UNDOCUMENTED, template_library::add_subscription),
    get("/wxaapi/newtmpl/gettemplate", EITHER, UNDOCUMENTED, template_library::list_subscriptions),
    post(
        "/wxaapi/newtmpl/deltemplate",
        EITHER,
        UNDOCUMENTED,
        template_library::delete_subscription,
    ),
    // Quotas and diagnosis.
    post("/cgi-bin/clear_quota", EITHER, UNDOCUMENTED, quota_api::clear),
    secret(
        Method::POST,
        "/cgi-bin/clear_quota/v2",
        RequestBody::OptionalJson,
        None,
        quota_api::clear_with_secret,
    ),
    post("/cgi-bin/openapi/quota/get", EITHER, UNDOCUMENTED, quota_api::show),
    post("/cgi-bin/openapi/quota/clear", EITHER, UNDOCUMENTED, quota_api::clear_path),
    post("/cgi-bin/openapi/rid/get", EITHER, UNDOCUMENTED, quota_api::show_call),
    get("/cgi-bin/getcallbackip", EITHER, UNDOCUMENTED, ip_lists::list),
    get("/cgi-bin/get_api_domain_ip", EITHER, UNDOCUMENTED, ip_lists::list),
];

/// All paths.
pub(crate) fn paths() -> Vec<&'static str> {
    ENDPOINTS.iter().map(|it| it.path).collect()
}

/// The entry of a path.
pub(super) fn find(path: &str) -> Option<&'static Endpoint> {
    ENDPOINTS.iter().find(|it| it.path == path)
}
