//! WeChat's paths: who may call them how, and how often a day.
//!
//! Quotas are those of WeChat's documentation ("接口调用频次说明", how often an
//! interface may be called).

use crate::api::Call;
use crate::app::{Account, App, Kind};
use crate::refusal::Refusal;
use crate::{
    addresses, bizsend, custom, industry, legacy_template, library, login, media, operations,
    phone, session, subscribe, template, token, typing, users,
};
use axum::http::Method;
use serde_json::Value;

/// A path of WeChat's.
pub(crate) struct Endpoint {
    pub(crate) path: &'static str,
    pub(crate) method: Method,
    pub(crate) body: Body,
    pub(crate) access: Access,
}

/// What a call of a path carries besides its query.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    /// Nothing that is looked at.
    Nothing,
    /// A JSON object.
    Json,
    /// A JSON object, or nothing.
    JsonOrNothing,
    /// A file, as a browser's form sends it.
    Form,
}

/// What a caller proves itself with.
pub(crate) enum Access {
    /// With the AppSecret, inside the request.
    Secret {
        /// So often a day; nobody counts, if there is none.
        daily: Option<u64>,
        answer: fn(&mut Call<'_>) -> Result<Value, Refusal>,
    },
    /// With an access token in the query.
    Token {
        /// Of an app of this kind; of any, if there is none.
        kind: Option<Kind>,
        /// So often a day.
        daily: u64,
        answer: fn(&mut Call<'_>, usize) -> Result<Value, Refusal>,
    },
}

const OFFICIAL: Option<Kind> = Some(Kind::OfficialAccount);
const MINI: Option<Kind> = Some(Kind::MiniProgram);
const EITHER: Option<Kind> = None;

/// The daily quota where WeChat's documentation names none.
const UNDOCUMENTED: u64 = 100_000;
/// That of `user/info`; of `batchget` nothing is documented.
const PROFILES: u64 = 5_000_000;

type WithSecret = fn(&mut Call<'_>) -> Result<Value, Refusal>;
type WithToken = fn(&mut Call<'_>, usize) -> Result<Value, Refusal>;

/// A path that is asked with GET.
const fn get(path: &'static str, kind: Option<Kind>, daily: u64, answer: WithToken) -> Endpoint {
    let access = Access::Token { kind, daily, answer };
    Endpoint { path, method: Method::GET, body: Body::Nothing, access }
}

/// A path that JSON is sent to.
const fn post(path: &'static str, kind: Option<Kind>, daily: u64, answer: WithToken) -> Endpoint {
    let access = Access::Token { kind, daily, answer };
    Endpoint { path, method: Method::POST, body: Body::Json, access }
}

/// A path that wants the AppSecret.
const fn secret(
    method: Method,
    path: &'static str,
    body: Body,
    daily: Option<u64>,
    answer: WithSecret,
) -> Endpoint {
    Endpoint { path, method, body, access: Access::Secret { daily, answer } }
}

/// Every path that the sandbox knows.
static ENDPOINTS: [Endpoint; 37] = [
    secret(Method::GET, token::LEGACY, Body::Nothing, Some(token::LEGACY_A_DAY), token::issue),
    secret(Method::POST, token::STABLE, Body::Json, Some(token::STABLE_A_DAY), token::issue_stable),
    secret(Method::GET, "/sns/jscode2session", Body::Nothing, None, login::exchange),
    get("/wxa/checksession", MINI, UNDOCUMENTED, session::check),
    get("/wxa/resetusersessionkey", MINI, UNDOCUMENTED, session::reset),
    post("/wxa/business/getuserphonenumber", MINI, UNDOCUMENTED, phone::exchange),
    // What an Official Account may know of its followers.
    get("/cgi-bin/user/info", OFFICIAL, PROFILES, users::info),
    post("/cgi-bin/user/info/batchget", OFFICIAL, PROFILES, users::batch),
    get("/cgi-bin/user/get", OFFICIAL, 500, users::list),
    // Messages.
    post("/cgi-bin/message/template/send", OFFICIAL, 100_000, template::send),
    post("/cgi-bin/message/subscribe/send", MINI, 10_000_000, subscribe::send),
    post("/cgi-bin/message/subscribe/bizsend", OFFICIAL, UNDOCUMENTED, bizsend::send),
    post("/cgi-bin/message/wxopen/template/send", MINI, 1_000_000, legacy_template::send),
    post(
        "/cgi-bin/message/wxopen/template/uniform_send",
        MINI,
        UNDOCUMENTED,
        legacy_template::withdrawn,
    ),
    post("/cgi-bin/message/custom/send", EITHER, 500_000, custom::send),
    // Of which kind of app: that has a code of its own.
    post("/cgi-bin/message/custom/typing", EITHER, UNDOCUMENTED, typing::of_account),
    post("/cgi-bin/message/custom/business/typing", EITHER, UNDOCUMENTED, typing::of_program),
    // Files.
    Endpoint {
        path: media::UPLOAD,
        method: Method::POST,
        body: Body::Form,
        access: Access::Token { kind: EITHER, daily: 100_000, answer: media::upload },
    },
    get("/cgi-bin/media/get", EITHER, 200_000, media::get),
    // The templates of an account.
    post("/cgi-bin/template/api_set_industry", OFFICIAL, UNDOCUMENTED, industry::set),
    get("/cgi-bin/template/get_industry", OFFICIAL, UNDOCUMENTED, industry::get),
    post("/cgi-bin/template/api_add_template", OFFICIAL, UNDOCUMENTED, library::add_message),
    get(
        "/cgi-bin/template/get_all_private_template",
        OFFICIAL,
        UNDOCUMENTED,
        library::template_messages,
    ),
    post("/cgi-bin/template/del_private_template", OFFICIAL, UNDOCUMENTED, library::delete_message),
    get("/wxaapi/newtmpl/getcategory", EITHER, UNDOCUMENTED, library::categories),
    get("/wxaapi/newtmpl/getpubtemplatetitles", EITHER, UNDOCUMENTED, library::titles),
    get("/wxaapi/newtmpl/getpubtemplatekeywords", EITHER, UNDOCUMENTED, library::keywords),
    post("/wxaapi/newtmpl/addtemplate", EITHER, UNDOCUMENTED, library::add_subscription),
    get("/wxaapi/newtmpl/gettemplate", EITHER, UNDOCUMENTED, library::subscriptions),
    post("/wxaapi/newtmpl/deltemplate", EITHER, UNDOCUMENTED, library::delete_subscription),
    // Quotas, and what became of a call.
    post("/cgi-bin/clear_quota", EITHER, UNDOCUMENTED, operations::clear),
    secret(
        Method::POST,
        "/cgi-bin/clear_quota/v2",
        Body::JsonOrNothing,
        None,
        operations::clear_with_secret,
    ),
    post("/cgi-bin/openapi/quota/get", EITHER, UNDOCUMENTED, operations::quota),
    post("/cgi-bin/openapi/quota/clear", EITHER, UNDOCUMENTED, operations::clear_one),
    post("/cgi-bin/openapi/rid/get", EITHER, UNDOCUMENTED, operations::call_of),
    get("/cgi-bin/getcallbackip", EITHER, UNDOCUMENTED, addresses::list),
    get("/cgi-bin/get_api_domain_ip", EITHER, UNDOCUMENTED, addresses::list),
];

/// The paths of WeChat's that the sandbox knows.
pub(crate) fn paths() -> Vec<&'static str> {
    ENDPOINTS.iter().map(|it| it.path).collect()
}

/// The path's rules, if WeChat has such a path.
pub(crate) fn find(path: &str) -> Option<&'static Endpoint> {
    ENDPOINTS.iter().find(|it| it.path == path)
}

/// How often this app may call the path in a day, if `usual` is how often others may.
pub(crate) fn daily(app: &App, path: &str, usual: u64) -> u64 {
    let set = app.limits.get(path).copied();
    set.unwrap_or_else(|| match app.account {
        Account::Test if app.kind == Kind::OfficialAccount => of_test(path).unwrap_or(usual),
        _ => usual,
    })
}

/// A test account's quotas, where WeChat's table has others for it.
fn of_test(path: &str) -> Option<u64> {
    Some(match path {
        token::LEGACY => 200,
        "/cgi-bin/user/get" => 100,
        "/cgi-bin/user/info" => 500_000,
        "/cgi-bin/message/custom/send" => 50_000,
        media::UPLOAD => 500,
        "/cgi-bin/media/get" => 1000,
        _ => return None,
    })
}

/// Whether this app may call the path at all, which wants `kind`.
pub(crate) fn permits(app: &App, path: &str, kind: Option<Kind>) -> bool {
    let notifies = path == "/cgi-bin/message/subscribe/bizsend";
    let of_templates =
        path.starts_with("/cgi-bin/template/") || path.starts_with("/cgi-bin/message/template/");
    let lacks = match app.account {
        Account::Service => false,
        Account::Subscription => notifies || of_templates,
        Account::Test => notifies,
    };
    kind.is_none_or(|kind| kind == app.kind) && !(app.kind == Kind::OfficialAccount && lacks)
}
