//! Items and their attributes.

use crate::clock::Timestamp;
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::HashMap;

/// An item, or the key of one, as DynamoDB gives it.
pub(in crate::store) type Item = HashMap<String, AttributeValue>;

pub(in crate::store) fn item_of<const N: usize>(attributes: [(&str, AttributeValue); N]) -> Item {
    attributes.map(|(name, value)| (name.to_owned(), value)).into()
}

pub(in crate::store) fn string(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A set of strings. DynamoDB has no empty sets.
pub(in crate::store) fn string_set<const N: usize>(texts: [&str; N]) -> AttributeValue {
    AttributeValue::Ss(texts.map(str::to_owned).to_vec())
}

pub(in crate::store) fn number(number: impl Into<u64>) -> AttributeValue {
    AttributeValue::N(number.into().to_string())
}

pub(in crate::store) fn boolean(value: bool) -> AttributeValue {
    AttributeValue::Bool(value)
}

pub(in crate::store) fn binary(bytes: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(bytes.into().into())
}

pub(in crate::store) fn get_string<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

pub(in crate::store) fn get_number<T: std::str::FromStr>(item: &Item, name: &str) -> Option<T> {
    item.get(name).and_then(|value| value.as_n().ok()).and_then(|text| text.parse().ok())
}

pub(in crate::store) fn get_time(item: &Item, name: &str) -> Option<Timestamp> {
    get_number(item, name).map(Timestamp)
}

pub(in crate::store) fn get_bool(item: &Item, name: &str) -> Option<bool> {
    item.get(name).and_then(|value| value.as_bool().ok()).copied()
}

/// The members of a set; none if there is no such set.
pub(in crate::store) fn get_set(item: &Item, name: &str) -> Vec<String> {
    item.get(name).and_then(|value| value.as_ss().ok()).cloned().unwrap_or_default()
}
