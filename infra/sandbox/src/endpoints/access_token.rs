//! `/cgi-bin/token` and `/cgi-bin/stable_token`.
//!
//! Source: WeChat's documentation, "获取接口调用凭据" (get access token) and
//! "获取稳定版接口调用凭据" (get stable access token,
//! <https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken.html>).

use crate::api_error::{self, ApiError};
use crate::endpoints::authentication;
use crate::endpoints::call::Call;
use crate::model::tokens::{LEGACY_DAILY_QUOTA, LEGACY_PATH, STABLE_DAILY_QUOTA, STABLE_PATH};
use serde_json::Value;

/// `GET /cgi-bin/token`.
pub(super) fn issue(call: &mut Call<'_>) -> Result<Value, ApiError> {
    if call.parameter("grant_type") != Some("client_credential") {
        return Err(api_error::INVALID_GRANT);
    }
    let parameter = |name| call.parameter(name).map(str::to_owned);
    let (app_id, secret) = (parameter("appid"), parameter("secret"));
    let at = authentication::by_secret(call, app_id, secret)?;
    let app = &mut call.world.apps[at];
    let daily = app.daily_limit(LEGACY_PATH, LEGACY_DAILY_QUOTA);
    app.state.tokens.issue_legacy(call.now, daily)
}

/// `POST /cgi-bin/stable_token`.
pub(super) fn issue_stable(call: &mut Call<'_>) -> Result<Value, ApiError> {
    if call.text("grant_type") != Some("client_credential") {
        return Err(api_error::INVALID_GRANT);
    }
    let force = match call.body.get("force_refresh") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(force)) => *force,
        Some(_) => return Err(api_error::DATA_FORMAT),
    };
    let text = |name| call.text(name).map(str::to_owned);
    let (app_id, secret) = (text("appid"), text("secret"));
    let at = authentication::by_secret(call, app_id, secret)?;
    let app = &mut call.world.apps[at];
    let daily = app.daily_limit(STABLE_PATH, STABLE_DAILY_QUOTA);
    app.state.tokens.issue_stable(call.now, force, daily)
}
