//! What an operator asks about the calls of an app: how many are left today, and
//! what became of one.
//!
//! Source: WeChat's documentation, "重置 API 调用次数" (`clear_quota`), "使用 AppSecret
//! 重置 API 调用次数" (`clear_quota/v2`), "查询 API 调用额度" (`openapi/quota/get`), "重置指定 API
//! 调用次数" (`openapi/quota/clear`) and "查询 rid 信息" (`openapi/rid/get`).

use crate::api::Call;
use crate::app::App;
use crate::endpoint::{self, Access};
use crate::refusal::{self, Refusal};
use crate::{clock, token};
use serde_json::{Value, json};

/// How often in a month all counters may begin anew, ...
const ALL_A_MONTH: u64 = 10;
/// ... and how often those of one path.
const ONE_A_MONTH: u64 = 50;
/// How long a rid can be asked for, in seconds: seven days.
const REMEMBERED: i64 = 7 * 86_400;

/// Answers `POST /cgi-bin/clear_quota`.
pub(crate) fn clear(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    let app_id = call.text("appid").ok_or(refusal::INVALID_APPID)?;
    if app_id != call.world.apps[at].app_id.as_str() {
        return Err(refusal::INVALID_APPID);
    }
    clear_all(call, at)
}

/// Answers `POST /cgi-bin/clear_quota/v2`, for whoever has no calls left to get an
/// access token with. WeChat's table has the fields in the body, its sample in the
/// query: either is taken.
pub(crate) fn clear_with_secret(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let field =
        |call: &Call<'_>, name| call.text(name).or_else(|| call.parameter(name)).map(str::to_owned);
    let at = token::authenticate(call, field(call, "appid"), field(call, "appsecret"))?;
    clear_all(call, at)
}

fn clear_all(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    let app = &mut call.world.apps[at];
    if !app.clears.all.take(clock::month(call.now), ALL_A_MONTH) {
        return Err(refusal::CLEARS_USED_UP);
    }
    app.quotas.clear_all();
    app.tokens.clear_quotas();
    Ok(json!({ "errcode": 0, "errmsg": "ok" }))
}

/// Answers `POST /cgi-bin/openapi/quota/clear`.
pub(crate) fn clear_one(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    let path = path(call)?;
    daily(&call.world.apps[at], &path)?;
    let app = &mut call.world.apps[at];
    if !app.clears.one.take(clock::month(call.now), ONE_A_MONTH) {
        return Err(refusal::CLEARS_USED_UP);
    }
    app.quotas.clear(&path);
    app.tokens.clear_quota(&path);
    Ok(json!({ "errcode": 0, "errmsg": "ok" }))
}

/// Answers `POST /cgi-bin/openapi/quota/get`.
pub(crate) fn quota(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    let path = path(call)?;
    let app = &call.world.apps[at];
    let limit = daily(app, &path)?;
    let counted = app.quotas.used(call.now).get(path.as_str()).copied().unwrap_or_default();
    let used = app.tokens.used(&path, call.now).unwrap_or(counted);
    let mut answer = json!({
        "errcode": 0,
        "errmsg": "ok",
        "quota": { "daily_limit": limit, "used": used, "remain": limit.saturating_sub(used) },
    });
    if path == token::STABLE {
        answer["rate_limit"] =
            json!({ "call_count": token::STABLE_A_MINUTE, "refresh_second": 60 });
    }
    Ok(answer)
}

fn path(call: &Call<'_>) -> Result<String, Refusal> {
    call.text("cgi_path").map(str::to_owned).ok_or(refusal::NO_SUCH_PATH)
}

/// How often this app may call the path in a day.
fn daily(app: &App, path: &str) -> Result<u64, Refusal> {
    let usual = match endpoint::find(path).ok_or(refusal::NO_SUCH_PATH)?.access {
        Access::Token { kind, daily, .. } => {
            Some(daily).filter(|_| endpoint::permits(app, path, kind))
        }
        Access::Secret { daily, .. } => daily,
    };
    let usual = usual.ok_or(refusal::NO_QUOTA)?;
    Ok(endpoint::daily(app, path, usual))
}

/// Answers `POST /cgi-bin/openapi/rid/get`, with what the record of calls still
/// holds: secrets aren't among it.
pub(crate) fn call_of(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    let hex = |group: &str| group.len() == 8 && group.bytes().all(|c| c.is_ascii_hexdigit());
    let rid = call.text("rid").filter(|rid| rid.split('-').count() == 3);
    let rid = rid.filter(|rid| rid.split('-').all(hex)).ok_or(refusal::RID_MALFORMED)?;
    let found = call.calls.with_rid(rid).ok_or(refusal::RID_UNKNOWN)?;
    if found.path.starts_with("/sns/") {
        return Err(refusal::NO_QUOTA);
    }
    if found.origin.app.as_ref() != Some(&call.world.apps[at].alias) {
        return Err(refusal::RID_FOREIGN);
    }
    // WeChat's note has 76001 for this, its table a code of its own.
    if call.now >= found.time + REMEMBERED {
        return Err(refusal::RID_EXPIRED);
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
            "cost_in_ms": found.origin.cost_ms,
            "request_url": query.join("&"),
            "request_body": text(found.body.as_ref()),
            "response_body": text(found.answer.as_ref()),
            "client_ip": found.origin.from.map(|it| it.to_string()),
        },
    }))
}
