//! The table of WeChat's paths: body, authentication, kind of app and daily quota.
//!
//! Source of the quotas: WeChat's documentation, "接口调用频次说明" (call frequency limits).

use crate::api_error::ApiError;
use crate::endpoints::call::Call;
use crate::endpoints::{
    access_token, customer_service, industry, ip_lists, legacy_template, login, media,
    phone_number, quota_api, session, subscription_message, subscription_notification,
    template_library as library, template_message, typing_status, users,
};
use crate::model::api_limits::UPLOAD_PATH;
use crate::model::app_settings::AppKind;
use crate::model::tokens::{LEGACY_DAILY_QUOTA, LEGACY_PATH, STABLE_DAILY_QUOTA, STABLE_PATH};
use axum::http::Method;
use serde_json::Value;

/// A path of WeChat's API.
pub(crate) struct Endpoint {
    pub(super) path: &'static str,
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

/// A path that is called with an access token, with the quota of paths for which WeChat
/// documents none.
const fn token(
    path: &'static str,
    body: RequestBody,
    kind: Option<AppKind>,
    answer: AnswerWithToken,
) -> Endpoint {
    Endpoint { path, body, access: Access::Token { kind, daily: UNDOCUMENTED, answer } }
}

const fn get(path: &'static str, kind: Option<AppKind>, answer: AnswerWithToken) -> Endpoint {
    token(path, RequestBody::None, kind, answer)
}

const fn post(path: &'static str, kind: Option<AppKind>, answer: AnswerWithToken) -> Endpoint {
    token(path, RequestBody::Json, kind, answer)
}

const fn secret(path: &'static str, body: RequestBody, answer: AnswerWithSecret) -> Endpoint {
    Endpoint { path, body, access: Access::Secret { daily: None, answer } }
}

impl Endpoint {
    /// Sets the daily quota.
    const fn daily(mut self, quota: u64) -> Self {
        match &mut self.access {
            Access::Secret { daily, .. } => *daily = Some(quota),
            Access::Token { daily, .. } => *daily = quota,
        }
        self
    }

    /// The method: only a POST has a body.
    pub(super) fn method(&self) -> Method {
        if self.body == RequestBody::None { Method::GET } else { Method::POST }
    }
}

static ENDPOINTS: [Endpoint; 37] = [
    secret(LEGACY_PATH, RequestBody::None, access_token::issue).daily(LEGACY_DAILY_QUOTA),
    secret(STABLE_PATH, RequestBody::Json, access_token::issue_stable).daily(STABLE_DAILY_QUOTA),
    secret("/sns/jscode2session", RequestBody::None, login::exchange),
    get("/wxa/checksession", MINI, session::check),
    get("/wxa/resetusersessionkey", MINI, session::reset),
    post("/wxa/business/getuserphonenumber", MINI, phone_number::exchange),
    // Followers of an Official Account.
    get("/cgi-bin/user/info", OFFICIAL, users::info).daily(PROFILES),
    post("/cgi-bin/user/info/batchget", OFFICIAL, users::batch).daily(PROFILES),
    get("/cgi-bin/user/get", OFFICIAL, users::list).daily(500),
    // Messages.
    post(template_message::PATH, OFFICIAL, template_message::send).daily(100_000),
    post("/cgi-bin/message/subscribe/send", MINI, subscription_message::send).daily(10_000_000),
    post(subscription_notification::PATH, OFFICIAL, subscription_notification::send),
    post("/cgi-bin/message/wxopen/template/send", MINI, legacy_template::send).daily(1_000_000),
    post("/cgi-bin/message/wxopen/template/uniform_send", MINI, legacy_template::uniform_send),
    post("/cgi-bin/message/custom/send", EITHER, customer_service::send).daily(500_000),
    // The wrong kind of app gets a specific code here.
    post("/cgi-bin/message/custom/typing", EITHER, typing_status::official_account),
    post("/cgi-bin/message/custom/business/typing", EITHER, typing_status::mini_program),
    // Files.
    token(UPLOAD_PATH, RequestBody::Form, EITHER, media::upload).daily(100_000),
    get("/cgi-bin/media/get", EITHER, media::get).daily(200_000),
    // Templates.
    post("/cgi-bin/template/api_set_industry", OFFICIAL, industry::set),
    get("/cgi-bin/template/get_industry", OFFICIAL, industry::get),
    post("/cgi-bin/template/api_add_template", OFFICIAL, library::add_template_message),
    get("/cgi-bin/template/get_all_private_template", OFFICIAL, library::list_template_messages),
    post("/cgi-bin/template/del_private_template", OFFICIAL, library::delete_template_message),
    get("/wxaapi/newtmpl/getcategory", EITHER, library::list_categories),
    get("/wxaapi/newtmpl/getpubtemplatetitles", EITHER, library::list_titles),
    get("/wxaapi/newtmpl/getpubtemplatekeywords", EITHER, library::list_keywords),
    post("/wxaapi/newtmpl/addtemplate", EITHER, library::add_subscription),
    get("/wxaapi/newtmpl/gettemplate", EITHER, library::list_subscriptions),
    post("/wxaapi/newtmpl/deltemplate", EITHER, library::delete_subscription),
    // Quotas and diagnosis.
    post("/cgi-bin/clear_quota", EITHER, quota_api::clear),
    secret("/cgi-bin/clear_quota/v2", RequestBody::OptionalJson, quota_api::clear_with_secret),
    post("/cgi-bin/openapi/quota/get", EITHER, quota_api::show),
    post("/cgi-bin/openapi/quota/clear", EITHER, quota_api::clear_path),
    post("/cgi-bin/openapi/rid/get", EITHER, quota_api::show_call),
    get("/cgi-bin/getcallbackip", EITHER, ip_lists::list),
    get("/cgi-bin/get_api_domain_ip", EITHER, ip_lists::list),
];

/// All paths.
pub(crate) fn paths() -> Vec<&'static str> {
    ENDPOINTS.iter().map(|it| it.path).collect()
}

/// The entry of a path.
pub(super) fn find(path: &str) -> Option<&'static Endpoint> {
    ENDPOINTS.iter().find(|it| it.path == path)
}
