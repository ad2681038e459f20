//! A Mini Program's login.
//!
//! Source: WeChat's documentation, "小程序登录" (`jscode2session`).

use crate::api_error::{self, ApiError};
use crate::endpoints::authentication;
use crate::endpoints::call::Call;
use crate::model::app_settings::AppKind;
use crate::model::one_time_code;
use crate::{clock, random};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use shared::secret::Secret;

/// Maximum number of exchanges per user and minute.
const MAX_LOGINS_PER_MINUTE: u64 = 100;

/// `GET /sns/jscode2session`.
pub(super) fn exchange(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let now = call.now;
    let parameter = |name| call.parameter(name).map(str::to_owned);
    let (app_id, secret, code) = (parameter("appid"), parameter("secret"), parameter("js_code"));
    if app_id.is_some() && secret.is_some() && code.is_none() {
        return Err(api_error::CODE_MISSING);
    }
    if call.parameter("grant_type") != Some("authorization_code") {
        return Err(api_error::INVALID_GRANT);
    }
    let at = authentication::by_secret(call, app_id, secret)?;
    let app = &mut call.world.apps[at];
    if app.kind != AppKind::MiniProgram {
        return Err(api_error::UNAUTHORIZED);
    }
    let text = Secret::new(code.ok_or(api_error::CODE_MISSING)?);
    let codes = &mut app.state.login_codes;
    let code = one_time_code::find(codes, &text).ok_or(api_error::INVALID_CODE)?;
    let code = &mut codes[code];
    if code.used {
        return Err(api_error::CODE_USED);
    }
    if code.is_expired(now) {
        return Err(api_error::INVALID_CODE);
    }
    let person = call.world.people.iter_mut().find(|it| it.name == code.person);
    let person = person.ok_or(api_error::INVALID_CODE)?;
    let relation = person.relations.get_mut(&app.alias).ok_or(api_error::INVALID_CODE)?;
    if !relation.logins.consume(clock::minute(now), MAX_LOGINS_PER_MINUTE) {
        return Err(api_error::MINUTE_QUOTA);
    }
    code.used = true;

    let session_key = new_session_key();
    relation.session_key = Some(Secret::new(session_key.clone()));
    let mut answer = json!({ "session_key": session_key, "openid": relation.open_id });
    let platform = app.open_platform.as_ref();
    if let Some(union_id) = platform.and_then(|platform| person.union_ids.get(platform)) {
        answer["unionid"] = json!(union_id);
    }
    Ok(answer)
}

/// A new session key.
pub(super) fn new_session_key() -> String {
    STANDARD.encode(random::bytes::<16>())
}
