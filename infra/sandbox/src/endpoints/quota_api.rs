//! Quotas of an app's calls, and the diagnosis of a call.
//!
//! Source: WeChat's documentation, "重置 API 调用次数" (`clear_quota`), "使用 AppSecret
//! 重置 API 调用次数" (`clear_quota/v2`), "查询 API 调用额度" (`openapi/quota/get`), "重置指定 API
//! 调用次数" (`openapi/quota/clear`) and "查询 rid 信息" (`openapi/rid/get`).

use crate::api_error::{self, ApiError};
use crate::clock;
use crate::endpoints::authentication;
use crate::endpoints::call::{Call, success};
use crate::endpoints::table::{self, Access};
use crate::model::app::App;
use crate::model::tokens::{STABLE_MINUTE_QUOTA, STABLE_PATH};
use serde_json::{Value, json};

/// Maximum number of resets of all paths a month.
const MAX_RESETS_OF_ALL: u64 = 10;
/// Maximum number of resets of one path a month.
const MAX_RESETS_OF_ONE: u64 = 50;
/// Seconds for which a rid is known: seven days.
const RID_TTL: i64 = 7 * 86_400;

/// `POST /cgi-bin/clear_quota`.
pub(super) fn clear(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    let app_id = call.text("appid").ok_or(api_error::INVALID_APPID)?;
    if app_id != call.app(at).app_id.as_str() {
        return Err(api_error::INVALID_APPID);
    }
    clear_all(call, at)
}

/// `POST /cgi-bin/clear_quota/v2`, for an app that has no calls left to get an access token.
/// WeChat's table puts the fields in the body, its sample in the query; both work.
pub(super) fn clear_with_secret(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let field = |name| call.text(name).or_else(|| call.parameter(name)).map(str::to_owned);
    let (app_id, secret) = (field("appid"), field("appsecret"));
    let at = authentication::by_secret(call, app_id, secret)?;
    clear_all(call, at)
}

fn clear_all(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    let state = &mut call.world.apps[at].state;
    if !state.quota_resets.all.consume(clock::month(call.now), MAX_RESETS_OF_ALL) {
        return Err(api_error::CLEARS_USED_UP);
    }
    state.quotas.clear_all();
    state.tokens.clear_quotas();
    Ok(success())
}

/// `POST /cgi-bin/openapi/quota/clear`.
pub(super) fn clear_path(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    let path = path(call)?;
    daily_limit(call.app(at), &path)?;
    let state = &mut call.world.apps[at].state;
    if !state.quota_resets.one.consume(clock::month(call.now), MAX_RESETS_OF_ONE) {
        return Err(api_error::CLEARS_USED_UP);
    }
    state.quotas.clear(&path);
    state.tokens.clear_quota(&path);
    Ok(success())
}

/// `POST /cgi-bin/openapi/quota/get`.
pub(super) fn show(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    let path = path(call)?;
    let app = call.app(at);
    let limit = daily_limit(app, &path)?;
    let counted = app.state.quotas.used(call.now).get(path.as_str()).copied().unwrap_or_default();
    let used = app.state.tokens.used(&path, call.now).unwrap_or(counted);
    let mut answer = json!({
        "errcode": 0,
        "errmsg": "ok",
        "quota": { "daily_limit": limit, "used": used, "remain": limit.saturating_sub(used) },
    });
    if path == STABLE_PATH {
        answer["rate_limit"] = json!({ "call_count": STABLE_MINUTE_QUOTA, "refresh_second": 60 });
    }
    Ok(answer)
}

fn path(call: &Call<'_>) -> Result<String, ApiError> {
    call.text("cgi_path").map(str::to_owned).ok_or(api_error::NO_SUCH_PATH)
}

/// The app's daily quota of a path.
fn daily_limit(app: &App, path: &str) -> Result<u64, ApiError> {
    let usual = match table::find(path).ok_or(api_error::NO_SUCH_PATH)?.access {
        Access::Token { kind, daily, .. } => Some(daily).filter(|_| app.may_call(path, kind)),
        Access::Secret { daily, .. } => daily,
    };
    Ok(app.daily_limit(path, usual.ok_or(api_error::NO_QUOTA)?))
}

/// `POST /cgi-bin/openapi/rid/get`: the call as it is in the log, without secrets.
pub(super) fn show_call(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    let hex = |group: &str| group.len() == 8 && group.bytes().all(|c| c.is_ascii_hexdigit());
    let rid = call.text("rid").filter(|rid| rid.split('-').count() == 3);
    let rid = rid.filter(|rid| rid.split('-').all(hex)).ok_or(api_error::RID_MALFORMED)?;
    let found = call.calls.with_rid(rid).ok_or(api_error::RID_UNKNOWN)?;
    if found.path.starts_with("/sns/") {
        return Err(api_error::NO_QUOTA);
    }
    if found.origin.app.as_ref() != Some(&call.app(at).alias) {
        return Err(api_error::RID_FOREIGN);
    }
    // WeChat's note says 76001 here; its table has a separate code.
    if call.now >= found.time + RID_TTL {
        return Err(api_error::RID_EXPIRED);
    }
    let text = |value: Option<&Value>| value.map(Value::to_string).unwrap_or_default();
    let query: Vec<_> = found
        .query
        .iter()
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect();
    Ok(json!({
        "errcode": 0,
        "errmsg": "ok",
        "request": {
            "invoke_time": found.time,
            "cost_in_ms": found.origin.duration_ms,
            "request_url": query.join("&"),
            "request_body": text(found.body.as_ref()),
            "response_body": text(found.answer.as_ref()),
            "client_ip": found.origin.from.map(|it| it.to_string()),
        },
    }))
}
