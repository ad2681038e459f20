//! Reads types from a [`Json`], stricter than `serde_json` does: no struct from a list, no
//! number from a text, and errors that name neither Rust's types nor a value.

use super::Json;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer,
    Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use std::fmt;

/// By this name a [`TextOrNumber`] asks for a number as it is written.
const TEXT_OR_NUMBER: &str = "$shared::TextOrNumber";

/// A value, as serde reads it.
#[derive(Clone, Copy)]
pub(super) struct Strict<'de>(pub(super) &'de Json);

/// What is wrong with a value.
#[derive(Debug)]
pub(super) struct Problem(String);

impl std::error::Error for Problem {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Problem {
    fn custom<T: fmt::Display>(problem: T) -> Self {
        Self(problem.to_string())
    }

    // What is unexpected may be personal, and what is expected may be a type of Rust's.
    fn invalid_type(_: Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self("has the wrong type".to_owned())
    }

    fn invalid_value(_: Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self("has a value that it can't have".to_owned())
    }

    fn invalid_length(_: usize, _: &dyn de::Expected) -> Self {
        Self("has the wrong length".to_owned())
    }
}

fn must_be<T>(what: &str) -> Result<T, Problem> {
    Err(Problem(format!("must be {what}")))
}

/// Requires one kind of value where a type asks for it by name.
macro_rules! only {
    ($($method:ident => $pattern:pat, $what:literal;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
            match self.0 {
                $pattern => self.deserialize_any(visitor),
                _ => must_be($what),
            }
        })*
    };
}

macro_rules! integers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
            let Json::Number(digits) = self.0 else { return must_be("a whole number") };
            if let Ok(number) = digits.parse() {
                visitor.visit_u64(number)
            } else if let Ok(number) = digits.parse() {
                visitor.visit_i64(number)
            } else {
                must_be("a whole number within its limits")
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Strict<'de> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.0 {
            Json::Null => visitor.visit_unit(),
            Json::Bool(value) => visitor.visit_bool(*value),
            Json::String(text) => visitor.visit_borrowed_str(text),
            Json::Array(elements) => {
                let mut elements = SeqDeserializer::new(elements.iter().map(Strict));
                let value = visitor.visit_seq(&mut elements)?;
                elements.end()?;
                Ok(value)
            }
            Json::Object(members) => {
                let members = members.iter().map(|(name, value)| (name.as_str(), Strict(value)));
                visitor.visit_map(MapDeserializer::new(members))
            }
            Json::Number(digits) => {
                if let Ok(number) = digits.parse() {
                    visitor.visit_u64(number)
                } else if let Ok(number) = digits.parse() {
                    visitor.visit_i64(number)
                } else {
                    visitor.visit_f64(finite(digits)?)
                }
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.0 {
            Json::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match self.0 {
            _ if name != TEXT_OR_NUMBER => visitor.visit_newtype_struct(self),
            Json::String(text) => visitor.visit_borrowed_str(text),
            Json::Number(digits) => {
                finite(digits)?;
                visitor.visit_borrowed_str(digits)
            }
            // As WeChat's own API takes it.
            value if value.get("value").is_some() => must_be(
                r#"a text or a number; give what stands under "value" alone, as the template makes WeChat's form of it"#,
            ),
            _ => must_be("a text or a number"),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match self.0 {
            Json::String(name) => visitor.visit_enum(Variant { name, content: None }),
            Json::Object(members) => match members.as_slice() {
                [(name, content)] => visitor.visit_enum(Variant { name, content: Some(content) }),
                _ => must_be("an object with one name in it"),
            },
            _ => must_be("a text, or an object with one name in it"),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_unit()
    }

    only! {
        deserialize_bool => Json::Bool(_), "true or false";
        deserialize_char => Json::String(_), "a text";
        deserialize_str => Json::String(_), "a text";
        deserialize_string => Json::String(_), "a text";
        deserialize_identifier => Json::String(_), "a text";
        deserialize_f32 => Json::Number(_), "a number";
        deserialize_f64 => Json::Number(_), "a number";
        deserialize_seq => Json::Array(_), "a list";
        deserialize_map => Json::Object(_), "an object";
    }

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    forward_to_deserialize_any! { i128 u128 bytes byte_buf unit unit_struct tuple tuple_struct }
}

/// Most readers take a larger number for infinity.
fn finite(digits: &str) -> Result<f64, Problem> {
    digits
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
        .ok_or_else(|| Problem("is a larger number than a JSON number can be".to_owned()))
}

impl<'de> IntoDeserializer<'de, Problem> for Strict<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// A variant of an enum: its name, or `{"name": content}`.
struct Variant<'de> {
    name: &'de str,
    content: Option<&'de Json>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Problem;
    type Variant = VariantContent<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, VariantContent<'de>), Problem> {
        Ok((seed.deserialize(self.name.into_deserializer())?, VariantContent(self.content)))
    }
}

struct VariantContent<'de>(Option<&'de Json>);

impl<'de> VariantContent<'de> {
    fn value(self) -> Result<Strict<'de>, Problem> {
        self.0
            .map(Strict)
            .ok_or_else(|| Problem("must be an object with this name in it".to_owned()))
    }
}

impl<'de> VariantAccess<'de> for VariantContent<'de> {
    type Error = Problem;

    fn unit_variant(self) -> Result<(), Problem> {
        match self.0 {
            None | Some(Json::Null) => Ok(()),
            Some(_) => must_be("null, or its name alone"),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Problem> {
        seed.deserialize(self.value()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Problem> {
        self.value()?.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        self.value()?.deserialize_map(visitor)
    }
}

/// A text of `MAX` characters at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundedText<const MAX: usize>(String);

impl<const MAX: usize> std::ops::Deref for BoundedText<MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for BoundedText<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.chars().count() > MAX {
            return Err(D::Error::custom(format!("has more than {MAX} characters")));
        }
        Ok(Self(text))
    }
}

/// A text, or a number as it is written: `12.50` stays `12.50`, and `1e2` stays `1e2`.
#[derive(Clone, PartialEq, Eq)]
pub struct TextOrNumber(pub String);

impl<'de> Deserialize<'de> for TextOrNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = TextOrNumber;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a number")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(TextOrNumber(text.to_owned()))
            }
            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<Self::Value, D::Error> {
                deserializer.deserialize_str(self)
            }
        }
        deserializer.deserialize_newtype_struct(TEXT_OR_NUMBER, Reader)
    }
}
