//! The claims that `make test` holds against changed samples, for libFuzzer to
//! try. Each panics when it is broken.

#[path = "../../shared/tests/properties/answer.rs"]
mod of_answer;
#[path = "../../shared/tests/properties/decrypt.rs"]
mod of_decrypt;
#[path = "../../shared/tests/properties/envelope.rs"]
mod of_envelope;
#[path = "../../shared/tests/properties/push.rs"]
mod of_push;
#[path = "../../shared/tests/properties/query.rs"]
mod of_query;

/// The grammar of the query.
pub fn query(data: &[u8]) {
    of_query::query(data);
}

/// The scanner for the ciphertext.
pub fn envelope(data: &[u8]) {
    of_envelope::envelope(data);
}

/// Sealing and opening.
pub fn decrypt(data: &[u8]) {
    of_decrypt::decrypt(data);
}

/// A push in XML.
pub fn xml(data: &[u8]) {
    of_push::xml(data);
}

/// A push in JSON.
pub fn json(data: &[u8]) {
    of_push::json(data);
}

/// An answer of WeChat's API.
pub fn answer(data: &[u8]) {
    of_answer::answer(data);
}
