//! A mini program's user lets us know their telephone number.

use crate::app::App;
use crate::busy;
use crate::session::Claims;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shared::access_token::TokenError;
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::parameters::{AppKind, ParameterError, WeChatApp};
use shared::secret::Secret;
use shared::store::StoredPhone;
use shared::wechat::client::CallError;
use shared::wechat::id::OpenId;
use shared::wechat::phone::PhoneNumber;
use shared::wechat::refusal::Refusal;

/// A retry with a code that was good is answered for so many seconds.
const ANSWERED: u64 = 60;

/// A new access token is waited for so many seconds: API Gateway hangs up after 30,
/// and there may be a call of WeChat before and one after.
const PATIENCE: u64 = 6;

/// What a mini program asks with.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct PhoneRequest {
    /// From the button that asks for the number.
    code: Code,
}

/// A code from the button that asks for the number: works once, for 5 minutes.
#[derive(Deserialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(rename = "PhoneCode", extend("pattern" = "^[!-~]{1,256}$"))
)]
#[serde(try_from = "String")]
struct Code(String);

impl TryFrom<String> for Code {
    type Error = &'static str;

    fn try_from(code: String) -> Result<Self, Self::Error> {
        if (1..=256).contains(&code.len()) && code.bytes().all(|c| c.is_ascii_graphic()) {
            Ok(Self(code))
        } else {
            Err("a code from getPhoneNumber has 1 to 256 printable characters")
        }
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code(…)")
    }
}

impl Code {
    /// Names the code without telling it.
    fn name(&self) -> String {
        Sha256::digest(&self.0).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What a mini program is answered with.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PhoneAnswer {
    /// Masked: `138****1234`.
    phone: String,
    country_code: String,
}

impl From<&PhoneNumber> for PhoneAnswer {
    fn from(phone: &PhoneNumber) -> Self {
        Self { phone: phone.masked(), country_code: phone.country_code.clone() }
    }
}

/// Exchanges the code for the number of who has this session, and keeps it. The
/// session is one of a mini program, and so is the code.
pub(crate) async fn keep(
    app: &App,
    claims: &Claims,
    request: &PhoneRequest,
    now: Timestamp,
) -> Result<PhoneAnswer, Refused> {
    let person = claims.sub.as_str();
    let family = app.sessions.get(person, &claims.sid).await?;
    let family = family.filter(|family| family.is_alive(now)).ok_or(Refused::Ended)?;
    let credentials = app.known_credentials(now).await?;
    let mini_program = credentials
        .apps
        .iter()
        .find(|known| known.app_id.as_str() == family.app_id && known.kind == AppKind::MiniProgram)
        .ok_or(Refused::UnknownUser)?;
    let (app_id, alias) = (&mini_program.app_id, mini_program.alias.as_str());
    let open_id = app.logins.mappings.open_id_of(person, app_id).await?;
    let open_id = open_id.ok_or(Refused::UnknownUser)?;
    let code = &request.code;
    let phone = match ask(app, mini_program, &open_id, code, now).await {
        Ok(phone) => phone,
        Err(error) => {
            // An answer that was lost is asked for again, with the same code.
            let used = refusal(&error).is_some_and(|it| matches!(it.code, 40029 | 40163));
            let kept = if used { app.logins.users.phone(app_id, &open_id).await? } else { None };
            return match kept {
                Some(kept)
                    if kept.code == code.name() && now < kept.confirmed_at.plus(ANSWERED) =>
                {
                    Ok(PhoneAnswer::from(&kept.phone))
                }
                _ => Err(error.into()),
            };
        }
    };
    let answer = PhoneAnswer::from(&phone);
    let kept = StoredPhone { phone, code: code.name(), confirmed_at: now };
    if !app.logins.users.store_phone(app_id, &open_id, person, &kept).await? {
        return Err(Refused::UnknownUser);
    }
    tracing::info!(app = alias, user = person, "keeps a telephone number");
    Ok(answer)
}

/// Asks WeChat. Once more if WeChat was busy: the worst that can come of it is
/// that the code was used by the first call, and a new one is asked for.
async fn ask(
    app: &App,
    mini_program: &WeChatApp,
    open_id: &OpenId,
    code: &Code,
    now: Timestamp,
) -> Result<PhoneNumber, TokenError> {
    let call = async move |token: Secret| {
        let token = &token;
        busy::again(|| app.wechat.phone_number(token, &code.0, open_id)).await
    };
    app.tokens.call_owned(mini_program, now, now.plus(PATIENCE), call).await
}

fn refusal(error: &TokenError) -> Option<&Refusal> {
    match error {
        TokenError::Call(error) => error.refusal(),
        TokenError::Unavailable { .. } => None,
    }
}

/// A number that isn't kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// It was revoked, is over, or went with its person.
    #[error("this session has ended; log in again")]
    Ended,
    /// They have been forgotten since they logged in, or the app is gone.
    #[error("this session's user isn't known any more: log in again")]
    UnknownUser,
    #[error(transparent)]
    WeChat(#[from] TokenError),
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl Refused {
    /// The HTTP status, and what the caller is told: the whole story when it is
    /// theirs, nothing when it is ours.
    pub(crate) fn answer(&self) -> (u16, String) {
        let error = match self {
            Self::Ended => return (401, self.to_string()),
            Self::UnknownUser => return (403, self.to_string()),
            Self::Parameter(_) | Self::Aws(_) => return (500, "internal error".to_owned()),
            Self::WeChat(error) => error,
        };
        let again = "let the user tap the button once more";
        let busy = |what: &str| (503, format!("WeChat {what}; {again}"));
        match (error, refusal(error).map(|refusal| refusal.code)) {
            (_, Some(40029 | 40163)) => (
                400,
                format!(
                    "code: it isn't one of getPhoneNumber's, or was used, or is older than 5 minutes; {again}"
                ),
            ),
            (_, Some(40013)) => (
                400,
                "code: it is another mini program's; use the one that the session is of".to_owned(),
            ),
            (_, Some(40003)) => {
                (403, "code: it is another user's than the session; log in again".to_owned())
            }
            (_, Some(45011)) => (
                429,
                "too many numbers of this user within a minute; wait for the next one".to_owned(),
            ),
            (_, Some(-1)) => busy("is busy"),
            (_, Some(_)) => (
                502,
                "WeChat refused to tell the number; the operator finds the reason in the log"
                    .to_owned(),
            ),
            (TokenError::Call(CallError::NotSent { .. } | CallError::Unknown { .. }), None) => {
                busy("does not answer")
            }
            (TokenError::Unavailable { permanent: false, .. }, None) => busy("gives no access now"),
            (TokenError::Unavailable { .. } | TokenError::Call(_), None) => {
                (502, "WeChat gives no access; the operator finds the reason in the log".to_owned())
            }
        }
    }

    /// How many seconds the caller should wait, where that helps.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        // WeChat's quota is one of a minute.
        (self.answer().0 == 429).then_some(60)
    }

    /// What the operator can do about it, if there is something.
    pub(crate) fn advice(&self) -> String {
        match self {
            Self::WeChat(error) => {
                refusal(error).map(|refusal| format!("; {}", refusal.advice())).unwrap_or_default()
            }
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: i64) -> (u16, String) {
        let refusal = Refusal { code, message: "no".to_owned(), rid: None };
        let error = CallError::Refused { api: "/wxa/business/getuserphonenumber", refusal };
        Refused::from(TokenError::Call(error)).answer()
    }

    #[test]
    fn each_refusal_has_its_status_and_says_what_to_do() {
        for (code, status, word) in [
            (40029, 400, "tap the button"),
            (40163, 400, "tap the button"),
            (40013, 400, "another mini program"),
            (40003, 403, "log in again"),
            (45011, 429, "wait"),
            (-1, 503, "tap the button"),
            (43002, 502, "operator"),
            (48001, 502, "operator"),
        ] {
            let (found, message) = refused(code);
            assert_eq!(found, status, "{code}: {message}");
            assert!(message.contains(word), "{code}: {message}");
        }
    }
}
