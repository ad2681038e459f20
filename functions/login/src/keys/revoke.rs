//! Withdraws a key whose secret may be known to another person.

use super::key::Key;
use super::key_set::KeySet;
use super::rotate::PUBLICATION_LEAD_SECS;
use super::session_key::{SessionKey, StoredKey, unusable};
use crate::error::LoginError;
use crate::response::KEYS_MAX_AGE_SECS;
use crate::session::refresh_token::RefreshKey;
use serde::{Deserialize, Serialize};
use shared::cache;
use shared::clock::Timestamp;
use shared::parameters::{ParameterError, Parameters};

/// For how many seconds API Gateway caches the keys of a JWT authorizer: two hours.
///
/// Source: AWS, "Controlling access to HTTP APIs with JWT authorizers", step 3,
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html>
const API_GATEWAY_CACHE_SECS: u64 = 2 * 3600;

/// Maximum number of attempts when other rotations and revocations get in between.
const MAX_ATTEMPTS: usize = 3;

/// The parameters of the command `revoke_key`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevokeKey {
    /// The key's id, as `list_keys` returns it.
    kid: String,
}

/// The result of a revocation.
#[derive(Debug, Serialize)]
pub(crate) struct Revocation {
    /// The id of the key that was revoked.
    revoked: String,
    /// The id of the key that makes tokens now.
    current: String,
    /// Execution environments have cached the keys. Until this time they may make tokens
    /// with the revoked key, and accept its tokens.
    environments_until: Timestamp,
    /// Until this time API Gateway may accept tokens that the revoked key signed. Null for a
    /// key that seals refresh tokens, which API Gateway doesn't know.
    api_gateway_until: Option<Timestamp>,
    /// What to do until then.
    advice: &'static str,
}

const SIGNING_ADVICE: &str = "API Gateway caches signing keys for two hours (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html): until api_gateway_until its JWT authorizers may accept tokens of the revoked key, and reject those of a current key that they haven't read yet. Hongyan's own routes verify each token again. In your own APIs, reject tokens whose header has the revoked kid; if that is not enough, deploy with another Issuer, whose keys API Gateway reads anew. Changing the login function's configuration, for instance its description, replaces its execution environments at once";
const REFRESH_ADVICE: &str = "sessions whose refresh token this key sealed have ended: their users log in again, at the latest when their access token expires, after 15 minutes. Changing the login function's configuration, for instance its description, replaces its execution environments at once";

/// Revokes the key with this id. If it makes tokens, the next key does so at once, or a new
/// one; if it would be the next, a new one will. Its number is never used again. Repeating it
/// after an error does the rest.
pub(crate) async fn revoke(
    parameters: &Parameters,
    request: &RevokeKey,
    now: Timestamp,
) -> Result<Revocation, LoginError> {
    let environments_until = now.plus(cache::TTL);
    let (current, api_gateway_until, advice) =
        if let Some(current) = revoke_kind::<Key>(parameters, &request.kid, now).await? {
            let until = environments_until.plus(KEYS_MAX_AGE_SECS + API_GATEWAY_CACHE_SECS);
            (current, Some(until), SIGNING_ADVICE)
        } else {
            let current = revoke_kind::<RefreshKey>(parameters, &request.kid, now).await?;
            (current.ok_or(LoginError::UnknownKey)?, None, REFRESH_ADVICE)
        };
    let revoked = request.kid.clone();
    Ok(Revocation { revoked, current, environments_until, api_gateway_until, advice })
}

/// Revokes a key of this kind. Returns the id of the one that makes tokens then; none if
/// there is no key with this id.
async fn revoke_kind<K: SessionKey>(
    parameters: &Parameters,
    kid: &str,
    now: Timestamp,
) -> Result<Option<String>, ParameterError> {
    for _ in 0..MAX_ATTEMPTS {
        let Some(keys) = KeySet::<K>::read(parameters).await? else { return Ok(None) };
        let Some((number, _)) = keys.iter().find(|(_, key)| key.id() == kid) else {
            return Ok(None);
        };
        let is_current = number == keys.current_number(now);
        let (is_replaced, successor) = match keys.after(number) {
            Some((next, key)) if is_current => {
                let stored = parameters.session_keys::<StoredKey>(K::KIND).await?.remove(&next);
                let Some(stored) = stored else { continue };
                let stored = StoredKey { signs_from: now, ..stored };
                (parameters.put_session_key(K::KIND, next, &stored, true).await?, key.id())
            }
            Some((_, key)) => (true, key.id()),
            None => {
                let lead = if is_current { 0 } else { PUBLICATION_LEAD_SECS };
                let (key, stored) = K::generate(number + 1, now.plus(lead))?;
                let put = parameters.put_session_key(K::KIND, number + 1, &stored, false);
                (put.await?, key.id())
            }
        };
        if is_replaced {
            parameters.delete_session_key(K::KIND, number).await?;
            tracing::warn!(kid, "revoked a {}", K::NAME);
            return Ok(Some(if is_current { successor } else { keys.current(now).id() }));
        }
    }
    Err(unusable(K::KIND, "other changes of the keys kept getting in between; revoke it again"))
}
