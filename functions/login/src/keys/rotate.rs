//! Another key takes over.

use super::Keys;
use super::key::{Key, unusable};
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::parameters::{ParameterError, Parameters};

/// A new key is published this many seconds before it signs: 3 hours.
///
/// Functions that are running read the keys again every 10 minutes, the answer
/// that shows them may be kept for 10 minutes, and API Gateway keeps what it has
/// read for 2 hours.
const AHEAD: u64 = 3 * 3600;

/// How a rotation is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// Nothing is done while the key that signs is younger. A schedule also fires
    /// when it is made, and a stack may be made anew.
    #[serde(default)]
    if_older_than_days: Option<u16>,
}

/// What became of it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Rotated {
    /// Whether a key was made.
    made: bool,
    /// The id of the key that will sign, if there is one.
    next: Option<String>,
    /// From when on it does.
    signs_from: Option<Timestamp>,
}

/// Makes the next key, unless one is waiting already, and deletes those that
/// nobody needs any more: all before the one that signed before.
///
/// Two that do so at the same time make one key, as only one of them can write
/// its number.
///
/// # Errors
///
/// When the Parameter Store doesn't answer.
pub(crate) async fn rotate(
    parameters: &Parameters,
    asked: &Asked,
    now: Timestamp,
) -> Result<Rotated, ParameterError> {
    let keys = Keys::read_or_make(parameters, now).await?;
    let current = keys.signing(now);
    let waiting = keys.0.range(current + 1..).next();
    if let Some((_, next)) = waiting {
        tracing::info!(kid = next.public.kid, "a key is waiting already");
        return Ok(Rotated::told(next, false));
    }
    let age = now.seconds_since(keys.0[&current].signs_from) / (24 * 3600);
    if asked.if_older_than_days.is_some_and(|days| age < u64::from(days)) {
        tracing::info!(age, "the key that signs is young enough");
        return Ok(Rotated { made: false, next: None, signs_from: None });
    }
    let (next, stored) = Key::make(now.plus(AHEAD))?;
    if !parameters.put_session_key(current + 1, &stored).await? {
        // Somebody else was faster, and theirs has the same number.
        let theirs = Keys::read_or_make(parameters, now).await?;
        let next = theirs.0.get(&(current + 1)).ok_or_else(|| {
            unusable("the next one is there, but can't be used; delete it, and rotate again")
        })?;
        return Ok(Rotated::told(next, false));
    }
    tracing::info!(kid = next.public.kid, signs_from = next.signs_from.0, "made the next key");
    let previous = keys.0.range(..current).next_back().map_or(current, |(number, _)| *number);
    for number in keys.0.range(..previous).map(|(number, _)| *number) {
        parameters.delete_session_key(number).await?;
        tracing::info!(number, "deleted a key that has long ceased to sign");
    }
    Ok(Rotated::told(&next, true))
}

impl Rotated {
    fn told(next: &Key, made: bool) -> Self {
        Self { made, next: Some(next.public.kid.clone()), signs_from: Some(next.signs_from) }
    }
}
