//! A person's phone number, in exchange for a code.
//!
//! Source: WeChat's documentation, "手机号快速验证" (`getuserphonenumber`).

use crate::api_error::{self, ApiError};
use crate::clock;
use crate::endpoints::call::Call;
use crate::model::app::App;
use crate::model::one_time_code;
use serde_json::{Value, json};
use shared::secret::Secret;

/// Maximum number of exchanges per user and minute. WeChat documents the error (45011) but not
/// the number; this is the one of logins.
const MAX_EXCHANGES_PER_MINUTE: u64 = 100;

/// `POST /wxa/business/getuserphonenumber`.
pub(super) fn exchange(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    let now = call.now;
    let text = Secret::new(call.text("code").ok_or(api_error::INVALID_CODE)?);
    let open_id = call.text("openid").map(str::to_owned);
    let find = |app: &App| one_time_code::find(&app.state.phone_codes, &text);
    let Some(code) = find(call.app(at)) else {
        // WeChat distinguishes another app's code from an unknown one.
        let foreign = call.world.apps.iter().any(|app| find(app).is_some());
        return Err(if foreign { api_error::INVALID_APPID } else { api_error::INVALID_CODE });
    };
    let app = &mut call.world.apps[at];
    let code = &mut app.state.phone_codes[code];
    // WeChat has one error for used and expired codes.
    if code.used || code.is_expired(now) {
        return Err(api_error::INVALID_CODE);
    }
    let person = call.world.people.iter_mut().find(|it| it.name == code.person);
    let person = person.ok_or(api_error::INVALID_CODE)?;
    let relation = person.relations.get_mut(&app.alias).ok_or(api_error::INVALID_CODE)?;
    if open_id.is_some_and(|open_id| open_id != relation.open_id.as_str()) {
        return Err(api_error::INVALID_OPENID);
    }
    if !relation.phone_numbers.consume(clock::minute(now), MAX_EXCHANGES_PER_MINUTE) {
        return Err(api_error::MINUTE_QUOTA);
    }
    code.used = true;
    let phone = &person.phone;
    Ok(json!({
        "errcode": 0,
        "errmsg": "ok",
        "phone_info": {
            "phoneNumber": phone.international(),
            "purePhoneNumber": phone.number,
            "countryCode": phone.country_code,
            "watermark": { "timestamp": now, "appid": app.app_id },
        },
    }))
}
