//! A mini program's login: a code that is good once, for five minutes.
//!
//! Source: WeChat's documentation, "小程序登录" (`jscode2session`).

use crate::api::Call;
use crate::app::{App, Kind};
use crate::refusal::{self, Refusal};
use crate::{clock, random, token};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::secret::Secret;

/// How long a code is good, in seconds.
const LIFE: i64 = 300;
/// How often one person's codes may be exchanged in a minute.
const A_MINUTE: u64 = 100;

/// What `wx.login` has given to somebody.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Code {
    #[serde(serialize_with = "crate::world::expose")]
    text: Secret,
    person: String,
    issued_at: i64,
    used: bool,
}

/// What `wx.login` gives to this person in this app.
pub(crate) fn issue(app: &mut App, person: &str, now: i64) -> String {
    // Long after its end a code is as unknown as one that never was.
    app.codes.retain(|code| now < code.issued_at + 2 * LIFE);
    let text = format!("0{}", random::text(31));
    app.codes.push(Code {
        text: Secret::new(text.clone()),
        person: person.to_owned(),
        issued_at: now,
        used: false,
    });
    text
}

/// Answers `GET /sns/jscode2session`.
pub(crate) fn exchange(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let now = call.now;
    let parameter = |name| call.parameter(name).map(str::to_owned);
    let (app_id, secret, code) = (parameter("appid"), parameter("secret"), parameter("js_code"));
    if app_id.is_some() && secret.is_some() && code.is_none() {
        return Err(refusal::CODE_MISSING);
    }
    if call.parameter("grant_type") != Some("authorization_code") {
        return Err(refusal::INVALID_GRANT);
    }
    let at = token::authenticate(call, app_id, secret)?;
    let app = &mut call.world.apps[at];
    if app.kind != Kind::MiniProgram {
        return Err(refusal::UNAUTHORIZED);
    }
    let text = Secret::new(code.ok_or(refusal::CODE_MISSING)?);
    let code = app.codes.iter_mut().find(|code| code.text == text).ok_or(refusal::INVALID_CODE)?;
    if code.used {
        return Err(refusal::CODE_USED);
    }
    if now >= code.issued_at + LIFE {
        return Err(refusal::INVALID_CODE);
    }
    let person = call
        .world
        .people
        .iter_mut()
        .find(|it| it.name == code.person)
        .ok_or(refusal::INVALID_CODE)?;
    let relation = person.relations.get_mut(&app.alias).ok_or(refusal::INVALID_CODE)?;
    if !relation.logins.take(clock::minute(now), A_MINUTE) {
        return Err(refusal::MINUTE_QUOTA);
    }
    code.used = true;

    let session_key = STANDARD.encode(random::bytes::<16>());
    relation.session_key = Some(Secret::new(session_key.clone()));
    let mut answer = json!({ "session_key": session_key, "openid": relation.open_id });
    if let Some(union_id) =
        app.open_platform.as_ref().and_then(|platform| person.union_ids.get(platform))
    {
        answer["unionid"] = json!(union_id);
    }
    Ok(answer)
}
