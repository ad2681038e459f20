//! Creates the next key, and deletes old ones.

use super::key::{Key, unusable};
use super::key_set::Keys;
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::parameters::{ParameterError, Parameters};

/// Seconds between the publication of a key and its first signature: 3 hours.
///
/// Execution environments read the keys again every 10 minutes, the key set may be cached
/// for 10 minutes, and API Gateway caches it for 2 hours.
const PUBLICATION_LEAD_SECS: u64 = 3 * 3600;

/// The parameters of the command `rotate_keys`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateKeys {
    /// Do nothing while the current key is younger. The schedule also fires when a stack
    /// is created.
    #[serde(default)]
    if_older_than_days: Option<u16>,
}

/// The result of a rotation.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Rotation {
    /// Whether a key was created.
    made: bool,
    /// The id of the key that will sign, if there is one.
    next: Option<String>,
    /// The time from which on it will.
    signs_from: Option<Timestamp>,
}

/// Creates the next key, unless there is one already, and deletes all keys before the
/// previous one. Concurrent rotations create one key, as only one of them can write its
/// number.
pub(crate) async fn rotate(
    parameters: &Parameters,
    request: &RotateKeys,
    now: Timestamp,
) -> Result<Rotation, ParameterError> {
    let keys = Keys::read_or_create(parameters, now).await?;
    let current = keys.current_number(now);
    if let Some(next) = keys.after(current) {
        tracing::info!(kid = next.public.kid, "the next signing key exists already");
        return Ok(Rotation::new(next, false));
    }
    let age_days = now.seconds_since(keys.current(now).signs_from) / (24 * 3600);
    if request.if_older_than_days.is_some_and(|days| age_days < u64::from(days)) {
        tracing::info!(age_days, "the current signing key is young enough");
        return Ok(Rotation { made: false, next: None, signs_from: None });
    }
    let (next, stored) = Key::generate(now.plus(PUBLICATION_LEAD_SECS))?;
    if !parameters.put_session_key(current + 1, &stored).await? {
        // A concurrent rotation has written the key of this number.
        let keys = Keys::read_or_create(parameters, now).await?;
        let next = keys.get(current + 1).ok_or_else(|| {
            unusable("the next one exists but is not usable; delete it, and rotate again")
        })?;
        return Ok(Rotation::new(next, false));
    }
    tracing::info!(kid = next.public.kid, signs_from = next.signs_from.0, "created the next key");
    for number in keys.numbers_before(keys.previous_number(current).unwrap_or(current)) {
        parameters.delete_session_key(number).await?;
        tracing::info!(number, "deleted a signing key that is no longer published");
    }
    Ok(Rotation::new(&next, true))
}

impl Rotation {
    fn new(next: &Key, made: bool) -> Self {
        Self { made, next: Some(next.public.kid.clone()), signs_from: Some(next.signs_from) }
    }
}
