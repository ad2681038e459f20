//! `POST /phone`: exchanges a code from `getPhoneNumber` for the user's phone number,
//! and stores it.

use crate::app::App;
use crate::error::LoginError;
use crate::retries::retry_when_busy;
use crate::session::access_token::Claims;
use crate::wechat_code;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shared::access_token::TokenError;
use shared::clock::Timestamp;
use shared::parameters::{AppKind, WeChatApp};
use shared::secret::Secret;
use shared::store::StoredPhone;
use shared::wechat::id::OpenId;
use shared::wechat::phone::PhoneNumber;

/// Seconds in which a repeated code gets the same response.
const REPEAT_WINDOW_SECS: u64 = 60;

/// Maximum number of seconds to wait for a new access token. API Gateway hangs up after
/// 30, and there may be a WeChat call before and one after.
const TOKEN_WAIT_SECS: u64 = 6;

/// The body of `POST /phone`.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct PhoneRequest {
    /// From the button that asks for the number.
    code: PhoneCode,
}

/// A code from the button that asks for the number: works once, for 5 minutes.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(extend("pattern" = "^[!-~]{1,256}$")))]
#[serde(try_from = "String")]
struct PhoneCode(#[cfg_attr(test, schemars(with = "String"))] Secret);

impl TryFrom<String> for PhoneCode {
    type Error = &'static str;

    fn try_from(code: String) -> Result<Self, Self::Error> {
        let problem = "a code from getPhoneNumber has 1 to 256 printable characters";
        wechat_code::parse(code, problem).map(Self)
    }
}

impl PhoneCode {
    fn hash(&self) -> String {
        Sha256::digest(self.0.expose()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The number that was stored.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PhoneResponse {
    /// Masked: `138****1234`.
    phone: String,
    country_code: String,
}

impl From<&PhoneNumber> for PhoneResponse {
    fn from(phone: &PhoneNumber) -> Self {
        Self { phone: phone.masked(), country_code: phone.country_code.clone() }
    }
}

/// Exchanges the code for the number of the session's user, and stores the number. The
/// session must be one of a mini program, and the code of the same one.
pub(crate) async fn store_phone(
    app: &App,
    claims: &Claims,
    request: &PhoneRequest,
    now: Timestamp,
) -> Result<PhoneResponse, LoginError> {
    let person = claims.sub.as_str();
    let family = app.sessions.get(person, &claims.sid).await?;
    let family = family.filter(|family| family.is_alive(now)).ok_or(LoginError::SessionEnded)?;
    let credentials = app.known_credentials(now).await?;
    let mini_program = credentials
        .apps
        .iter()
        .find(|known| known.app_id.as_str() == family.app_id && known.kind == AppKind::MiniProgram)
        .ok_or(LoginError::UnknownUser)?;
    let (app_id, alias) = (&mini_program.app_id, mini_program.alias.as_str());
    let open_id = app.mappings.open_id_of(person, app_id).await?;
    let open_id = open_id.ok_or(LoginError::UnknownUser)?;
    let phone_numbers = &app.phone_numbers;
    let code = request.code.hash();
    let phone = match exchange(app, mini_program, &open_id, &request.code, now).await {
        Ok(phone) => phone,
        Err(error) if is_used_code(&error) => {
            // The client lost the response to its first request, and sends the same code.
            let stored = phone_numbers.get(app_id, &open_id).await?.filter(|stored| {
                stored.code == code && now < stored.confirmed_at.plus(REPEAT_WINDOW_SECS)
            });
            return match stored {
                Some(stored) => Ok(PhoneResponse::from(&stored.phone)),
                None => Err(LoginError::PhoneNumber(error)),
            };
        }
        Err(error) => return Err(LoginError::PhoneNumber(error)),
    };
    let response = PhoneResponse::from(&phone);
    let stored = StoredPhone { phone, code, confirmed_at: now };
    if !phone_numbers.store(app_id, &open_id, person, &stored).await? {
        return Err(LoginError::UnknownUser);
    }
    tracing::info!(app = alias, user = person, "stored a phone number");
    Ok(response)
}

/// Exchanges the code, again if WeChat is busy. At worst the first call has used up the
/// code, and the user has to tap the button once more.
async fn exchange(
    app: &App,
    mini_program: &WeChatApp,
    open_id: &OpenId,
    code: &PhoneCode,
    now: Timestamp,
) -> Result<PhoneNumber, TokenError> {
    let call = async move |token: Secret| {
        let token = &token;
        retry_when_busy(|| app.wechat.phone_number(token, code.0.expose(), open_id)).await
    };
    app.tokens.call_owned(mini_program, now, now.plus(TOKEN_WAIT_SECS), call).await
}

fn is_used_code(error: &TokenError) -> bool {
    let TokenError::Call(error) = error else { return false };
    error.refusal().is_some_and(|refusal| matches!(refusal.code, 40029 | 40163))
}
