//! The key by which the list of erased people is hashed.

use crate::retries::PARAMETER_CONSISTENCY;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use shared::parameters::{ParameterError, Parameters};
use shared::secret::Secret;
use zeroize::Zeroizing;

/// Reads the key, or creates it. Concurrent invocations agree on one key, as only one of them
/// can write it.
pub(crate) async fn read_or_create(parameters: &Parameters) -> Result<Secret, ParameterError> {
    if let Some(stored) = parameters.erasure_key().await? {
        return Ok(stored);
    }
    let mut bytes = Zeroizing::new([0; 32]);
    aws_lc_rs::rand::fill(bytes.as_mut_slice()).map_err(|_| unusable("generating it failed"))?;
    let made = Secret::new(STANDARD.encode(bytes.as_slice()));
    if parameters.put_first_erasure_key(&made).await? {
        tracing::info!("created the key of the list of erased people");
        return Ok(made);
    }
    let stored = PARAMETER_CONSISTENCY.poll(|| parameters.erasure_key()).await?;
    stored.ok_or_else(|| {
        unusable("it exists, but the Parameter Store does not return it yet; try again")
    })
}

fn unusable(problem: &str) -> ParameterError {
    ParameterError::Invalid { name: "/erasure/keys/1".to_owned(), problem: problem.to_owned() }
}
