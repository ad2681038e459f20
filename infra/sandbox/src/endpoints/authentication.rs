//! Authentication: by the AppSecret or an access token, from an allowed address.

use crate::api_error::{self, ApiError};
use crate::endpoints::call::Call;
use crate::model::whitelist::as_ipv6;
use shared::secret::Secret;

/// Minimum length of a text that may be a token.
const MIN_TOKEN_LENGTH: usize = 16;

/// Authenticates an app by its AppSecret, and returns its index.
pub(super) fn by_secret(
    call: &mut Call<'_>,
    app_id: Option<String>,
    secret: Option<String>,
) -> Result<usize, ApiError> {
    let app_id = app_id.ok_or(api_error::APPID_MISSING)?;
    let secret = Secret::new(secret.ok_or(api_error::SECRET_MISSING)?);
    let app = call.world.apps.iter().position(|app| app.app_id.as_str() == app_id);
    let app = app.ok_or(api_error::INVALID_APPID)?;
    if call.app(app).secret != secret {
        return Err(api_error::INVALID_SECRET);
    }
    accept(call, app, true)
}

/// Authenticates an app by its access token, and returns its index.
///
/// WeChat does not document which of three codes it gives for which invalid token. The sandbox
/// gives 40014 for a text that cannot be a token, 42001 for an expired one, and 40001 for the
/// others.
pub(super) fn by_token(call: &mut Call<'_>) -> Result<usize, ApiError> {
    let text = call.parameter("access_token").ok_or(api_error::TOKEN_MISSING)?;
    let possible = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    if text.len() < MIN_TOKEN_LENGTH || !text.bytes().all(possible) {
        return Err(api_error::INVALID_TOKEN);
    }
    let token = Secret::new(text);
    let apps = call.world.apps.iter().enumerate();
    let mut found =
        apps.filter_map(|(at, app)| Some((at, app.state.tokens.check(&token, call.now)?)));
    let (app, check) = found.next().ok_or(api_error::NOT_LATEST)?;
    check?;
    accept(call, app, false)
}

/// Records the authenticated app, and checks the caller's address. The error names the address.
fn accept(call: &mut Call<'_>, at: usize, with_secret: bool) -> Result<usize, ApiError> {
    let app = call.app(at);
    let allowed = app.whitelist.allows(app.kind, call.from, with_secret);
    let alias = app.alias.clone();
    call.draw.app = Some(alias.clone());
    call.authenticated = Some(alias);
    if allowed {
        return Ok(at);
    }
    let (from, mapped) = (call.from, as_ipv6(call.from));
    Err(ApiError::new(40164, format!("invalid ip {from} ipv6 {mapped}, not in whitelist")))
}
