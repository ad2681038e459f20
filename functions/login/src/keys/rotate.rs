//! Creates the next keys, and deletes old ones.

use super::key::Key;
use super::key_set::KeySet;
use super::session_key::{SessionKey, unusable};
use crate::session::refresh_token::RefreshKey;
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::parameters::{ParameterError, Parameters};

/// Seconds between the publication of a key and its first token: 3 hours.
///
/// Execution environments read the keys again every 10 minutes, the key set may be cached
/// for 10 minutes, and API Gateway caches it for 2 hours.
pub(super) const PUBLICATION_LEAD_SECS: u64 = 3 * 3600;

/// The parameters of the command `rotate_keys`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateKeys {
    /// Leave keys alone whose current one is younger. The schedule also fires when a stack
    /// is created.
    #[serde(default)]
    if_older_than_days: Option<u16>,
}

/// The result of a rotation of all keys.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Rotations {
    /// Of the keys that sign access tokens.
    #[serde(flatten)]
    signing: Rotation,
    /// Of the keys that seal refresh tokens.
    refresh: Rotation,
}

/// The result of a rotation.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Rotation {
    /// Whether a key was created.
    made: bool,
    /// The id of the next key, if there is one.
    next: Option<String>,
    /// The time from which on it makes tokens.
    signs_from: Option<Timestamp>,
}

/// Rotates both kinds of keys. Repeating it after an error rotates the rest.
pub(crate) async fn rotate(
    parameters: &Parameters,
    request: &RotateKeys,
    now: Timestamp,
) -> Result<Rotations, ParameterError> {
    let signing = rotate_kind::<Key>(parameters, request, now).await?;
    let refresh = rotate_kind::<RefreshKey>(parameters, request, now).await?;
    Ok(Rotations { signing, refresh })
}

/// Creates the next key, unless there is one already, and deletes all keys whose tokens are
/// no longer valid. Concurrent rotations create one key, as only one of them can write its
/// number.
async fn rotate_kind<K: SessionKey>(
    parameters: &Parameters,
    request: &RotateKeys,
    now: Timestamp,
) -> Result<Rotation, ParameterError> {
    let keys = KeySet::<K>::read_or_create(parameters, now).await?;
    let current = keys.current_number(now);
    if let Some((_, next)) = keys.after(current) {
        tracing::info!(kid = next.id(), "the next {} exists already", K::NAME);
        return Ok(Rotation::new(next, false));
    }
    let age_days = now.seconds_since(keys.current(now).signs_from()) / (24 * 3600);
    if request.if_older_than_days.is_some_and(|days| age_days < u64::from(days)) {
        tracing::info!(age_days, "the current {} is young enough", K::NAME);
        return Ok(Rotation { made: false, next: None, signs_from: None });
    }
    let number = current + 1;
    let (next, stored) = K::generate(number, now.plus(PUBLICATION_LEAD_SECS))?;
    if !parameters.put_session_key(K::KIND, number, &stored, false).await? {
        // A concurrent rotation has written the key of this number.
        let keys = KeySet::<K>::read_or_create(parameters, now).await?;
        let next = keys.get(number).ok_or_else(|| {
            unusable(K::KIND, "the next one exists but is not usable; delete it, and rotate again")
        })?;
        return Ok(Rotation::new(next, false));
    }
    let signs_from = next.signs_from().0;
    tracing::info!(kid = next.id(), signs_from, "created the next {}", K::NAME);
    let oldest = keys.oldest_valid(now);
    for (number, old) in keys.iter().filter(|(number, _)| *number < oldest) {
        parameters.delete_session_key(K::KIND, number).await?;
        tracing::info!(kid = old.id(), "deleted a {} that is no longer needed", K::NAME);
    }
    Ok(Rotation::new(&next, true))
}

impl Rotation {
    fn new(next: &impl SessionKey, made: bool) -> Self {
        Self { made, next: Some(next.id()), signs_from: Some(next.signs_from()) }
    }
}
