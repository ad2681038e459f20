//! Random values, from the operating system.

use crate::error::{Error, ErrorKind};

/// Random bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| {
        let problem = "this machine's random number generator fails";
        Error::new(ErrorKind::Unavailable, problem, "use another machine")
    })?;
    Ok(bytes)
}

/// A notification id that nothing else uses.
pub(crate) fn notification_id() -> Result<String, Error> {
    Ok(format!("operator-{:016x}", u64::from_be_bytes(bytes()?)))
}

/// Digits, like the nonces of WeChat.
pub(crate) fn nonce() -> Result<String, Error> {
    Ok(u64::from_be_bytes(bytes()?).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    #[test]
    fn notification_id_is_random_and_valid() {
        let (one, other) = (notification_id().unwrap(), notification_id().unwrap());
        assert!(one != other && parse::request_id(&one).is_ok(), "{one} {other}");
    }
}
