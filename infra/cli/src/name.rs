//! Names that an operator chooses.

/// An app's alias. It stands in the callback URL and in names of parameters.
pub(crate) fn alias(text: &str) -> Result<String, String> {
    simple(text).ok_or_else(|| "an alias has 1 to 64 of A-Z, a-z, 0-9, _ and -".to_owned())
}

/// A template's code, as a notification names it: the grammar is that of the send
/// function's request.
pub(crate) fn code(text: &str) -> Result<String, String> {
    simple(text).ok_or_else(|| "a template's code has 1 to 64 of A-Z, a-z, 0-9, _ and -".to_owned())
}

fn simple(text: &str) -> Option<String> {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-');
    ((1..=64).contains(&text.len()) && text.bytes().all(allowed)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_stand_in_an_address_is_refused() {
        for bad in ["", "a b", "a/b", "a#b", "店", &"x".repeat(65)] {
            assert!(alias(bad).is_err() && code(bad).is_err(), "{bad}");
        }
        assert_eq!(alias("shop-mini_2").unwrap(), "shop-mini_2");
    }

    #[test]
    fn a_code_is_what_the_send_function_takes_as_one() {
        let request = include_str!("../../../functions/send/schema/request.json");
        assert!(request.contains(r#""^[A-Za-z0-9_-]{1,64}$""#), "the grammar has changed there");
    }
}
