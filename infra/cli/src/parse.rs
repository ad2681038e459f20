//! Parsers of arguments, with the grammars of the functions.

/// Maximum length of an account's name, in characters.
const MAX_ACCOUNT_LENGTH: usize = 64;

/// An app's alias, part of its callback URL and of the names of parameters.
pub(crate) fn alias(text: &str) -> Result<String, String> {
    simple_name(text).ok_or_else(|| "an alias has 1 to 64 of A-Z, a-z, 0-9, _ and -".to_owned())
}

/// A template's code.
pub(crate) fn template_code(text: &str) -> Result<String, String> {
    simple_name(text)
        .ok_or_else(|| "a template's code has 1 to 64 of A-Z, a-z, 0-9, _ and -".to_owned())
}

fn simple_name(text: &str) -> Option<String> {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-');
    ((1..=64).contains(&text.len()) && text.bytes().all(allowed)).then(|| text.to_owned())
}

/// The id of a request to the send function.
pub(crate) fn request_id(text: &str) -> Result<String, String> {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || b"._:/-".contains(&c);
    if (1..=128).contains(&text.len()) && text.bytes().all(allowed) {
        return Ok(text.to_owned());
    }
    Err("an id has 1 to 128 letters, digits, or any of . _ : / -".to_owned())
}

/// The id of a notification: its request's id, followed by # and the recipient's index if
/// the request has several recipients.
pub(crate) fn notification_id(text: &str) -> Result<String, String> {
    let (id, index) = match text.split_once('#') {
        Some((id, index)) => (id, Some(index)),
        None => (text, None),
    };
    request_id(id)?;
    let is_index =
        |index: &str| (1..=3).contains(&index.len()) && index.bytes().all(|c| c.is_ascii_digit());
    if index.is_some_and(|index| !is_index(index)) {
        return Err("the recipient's index, from 0 to 999, must follow #".to_owned());
    }
    Ok(text.to_owned())
}

/// A person's internal id.
pub(crate) fn user_id(text: &str) -> Result<String, String> {
    if text.len() == 32 && text.bytes().all(is_lower_hex) {
        return Ok(text.to_owned());
    }
    Err("an internal id has 32 hexadecimal digits, as a login returns it; \
         `hongyan account look-up account=…` prints it"
        .to_owned())
}

/// A lowercase hexadecimal digit.
pub(crate) fn is_lower_hex(c: u8) -> bool {
    c.is_ascii_digit() || (b'a'..=b'f').contains(&c)
}

/// The name of an account.
pub(crate) fn account_name(text: &str) -> Result<String, String> {
    if (1..=MAX_ACCOUNT_LENGTH).contains(&text.chars().count()) && !text.contains('#') {
        return Ok(text.to_owned());
    }
    Err(format!("an account's name has 1 to {MAX_ACCOUNT_LENGTH} characters, and no #"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEND_REQUEST: &str = include_str!("../../../functions/send/schema/request.json");

    #[test]
    fn alias_and_code_are_rejected_when_not_valid_in_a_url() {
        for bad in ["", "a b", "a/b", "a#b", "店", &"x".repeat(65)] {
            assert!(alias(bad).is_err() && template_code(bad).is_err(), "{bad}");
        }
        assert_eq!(alias("shop-mini_2").unwrap(), "shop-mini_2");
    }

    #[test]
    fn grammars_are_those_of_the_send_function() {
        for grammar in [r#""^[A-Za-z0-9_-]{1,64}$""#, "^[A-Za-z0-9._:/-]{1,128}$"] {
            assert!(SEND_REQUEST.contains(grammar), "{grammar} has changed there");
        }
    }

    #[test]
    fn notification_id_names_no_other_row_of_its_table() {
        for id in ["order-17", "order-17#0", "a:b/c#999"] {
            assert!(notification_id(id).is_ok(), "{id}");
        }
        for bad in
            ["", "#0", "a#", "a#1000", "a#x", "a#1#2", "message#wx1#3", "token_refresh#shop", "a b"]
        {
            assert!(notification_id(bad).is_err(), "{bad}");
        }
    }
}
