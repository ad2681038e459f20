//! A person's telephone number, which a mini program may ask for by a code that
//! is good once, for five minutes.
//!
//! Source: WeChat's documentation, "手机号快速验证" (`getuserphonenumber`).

use crate::api::Call;
use crate::app::App;
use crate::control::Problem;
use crate::person::Person;
use crate::random;
use crate::refusal::{self, Refusal};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::secret::Secret;

/// How long a code is good, in seconds.
const LIFE: i64 = 300;
/// How often one person's codes may be exchanged in a minute. WeChat documents
/// the refusal (45011) and not the number; this is that of a login.
const A_MINUTE: u64 = 100;

/// A telephone number, as WeChat takes it apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneNumber {
    /// Without the country's code.
    pub number: String,
    /// The country's code, without a plus sign.
    pub country_code: String,
}

/// What the button that asks for the number has given to somebody.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Code {
    #[serde(serialize_with = "crate::world::expose")]
    text: Secret,
    person: String,
    issued_at: i64,
    used: bool,
}

impl PhoneNumber {
    /// An invented one, in China.
    pub(crate) fn invented() -> Self {
        let digits = u32::from_le_bytes(random::bytes()) % 100_000_000;
        Self { number: format!("138{digits:08}"), country_code: "86".to_owned() }
    }

    /// Reads a number of digits, with the code of another country than China if
    /// one is given.
    pub(crate) fn read(number: &str, country_code: Option<&str>) -> Result<Self, Problem> {
        let digits = |text: &str, most: usize| {
            (1..=most).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit())
        };
        let country_code = country_code.unwrap_or("86");
        if !digits(number, 14) || !digits(country_code, 4) {
            return Err(Problem::wants("number", "digits, and country_code as well"));
        }
        Ok(Self { number: number.to_owned(), country_code: country_code.to_owned() })
    }

    /// With the country's code, if it isn't China's.
    fn whole(&self) -> String {
        if self.country_code == "86" {
            self.number.clone()
        } else {
            format!("+{}{}", self.country_code, self.number)
        }
    }
}

/// What the button gives to this person in this app, once they have agreed.
pub(crate) fn issue(app: &mut App, person: &str, now: i64) -> String {
    // Long after its end a code is as unknown as one that never was.
    app.phone_codes.retain(|code| now < code.issued_at + 2 * LIFE);
    let text = random::text(64);
    app.phone_codes.push(Code {
        text: Secret::new(text.clone()),
        person: person.to_owned(),
        issued_at: now,
        used: false,
    });
    text
}

/// Answers `POST /wxa/business/getuserphonenumber`.
pub(crate) fn exchange(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    let now = call.now;
    let text = Secret::new(call.text("code").ok_or(refusal::INVALID_CODE)?);
    let open_id = call.text("openid").map(str::to_owned);
    let of = |app: &App| app.phone_codes.iter().position(|code| code.text == text);
    let Some(code) = of(&call.world.apps[at]) else {
        // A code of another app is told from one that never was.
        let foreign = call.world.apps.iter().any(|app| of(app).is_some());
        return Err(if foreign { refusal::INVALID_APPID } else { refusal::INVALID_CODE });
    };
    let app = &mut call.world.apps[at];
    let alias = app.alias.clone();
    let code = &mut app.phone_codes[code];
    // WeChat has one word for what is used and what is too old.
    if code.used || now >= code.issued_at + LIFE {
        return Err(refusal::INVALID_CODE);
    }
    let person: &mut Person = call
        .world
        .people
        .iter_mut()
        .find(|it| it.name == code.person)
        .ok_or(refusal::INVALID_CODE)?;
    let relation = person.relations.get_mut(&alias).ok_or(refusal::INVALID_CODE)?;
    if open_id.is_some_and(|open_id| open_id != relation.open_id.as_str()) {
        return Err(refusal::INVALID_OPENID);
    }
    if !relation.phone_numbers.take(crate::clock::minute(now), A_MINUTE) {
        return Err(refusal::MINUTE_QUOTA);
    }
    code.used = true;
    let phone = &person.phone;
    Ok(json!({
        "errcode": 0,
        "errmsg": "ok",
        "phone_info": {
            "phoneNumber": phone.whole(),
            "purePhoneNumber": phone.number,
            "countryCode": phone.country_code,
            "watermark": { "timestamp": now, "appid": app.app_id },
        },
    }))
}
