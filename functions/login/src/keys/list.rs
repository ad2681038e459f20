//! Lists the keys, so that an operator can name one.

use super::key::Key;
use super::key_set::KeySet;
use super::session_key::SessionKey;
use crate::session::refresh_token::RefreshKey;
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::parameters::{ParameterError, Parameters};

/// The parameters of the command `list_keys`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListKeys {}

/// All keys that make sessions.
#[derive(Debug, Serialize)]
pub(crate) struct KeyList {
    /// Those that sign access tokens.
    signing: Vec<ListedKey>,
    /// Those that seal refresh tokens.
    refresh: Vec<ListedKey>,
}

/// A key, without its secret.
#[derive(Debug, Serialize)]
struct ListedKey {
    kid: String,
    state: KeyState,
    /// The time from which on it makes tokens.
    signs_from: Timestamp,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum KeyState {
    /// It will make tokens.
    Next,
    /// It makes tokens.
    Current,
    /// Its tokens are still accepted.
    Previous,
    /// Its tokens are no longer accepted; the next rotation deletes it.
    Retired,
}

/// Lists all keys. Creates none.
pub(crate) async fn list(
    parameters: &Parameters,
    now: Timestamp,
) -> Result<KeyList, ParameterError> {
    let signing = list_kind::<Key>(parameters, now).await?;
    Ok(KeyList { signing, refresh: list_kind::<RefreshKey>(parameters, now).await? })
}

async fn list_kind<K: SessionKey>(
    parameters: &Parameters,
    now: Timestamp,
) -> Result<Vec<ListedKey>, ParameterError> {
    let Some(keys) = KeySet::<K>::read(parameters).await? else { return Ok(Vec::new()) };
    let (oldest, current) = (keys.oldest_valid(now), keys.current_number(now));
    let listed = keys.iter().map(|(number, key)| {
        let state = match number {
            number if number > current => KeyState::Next,
            number if number == current => KeyState::Current,
            number if number >= oldest => KeyState::Previous,
            _ => KeyState::Retired,
        };
        ListedKey { kid: key.id(), state, signs_from: key.signs_from() }
    });
    Ok(listed.collect())
}
