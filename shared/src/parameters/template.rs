//! A message template of the business: fields with meaning, and how they fill
//! WeChat's keys in each channel.

use crate::wechat::field::FieldType;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use std::collections::BTreeMap;

mod channel;
mod field_source;

pub use channel::{Channel, ChannelKind, CustomerService, MiniProgramPage};
pub use field_source::{FieldSource, InvalidValue};

/// What stands in `/templates/{code}`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// The fields that a notification must fill, and no others.
    pub fields: Vec<String>,
    /// The channels, in order of preference.
    pub channels: Vec<Channel>,
}

impl Template {
    /// Reads what stands in `/templates/{code}`. It has no secrets, so the
    /// problem may quote it.
    ///
    /// Fails when it isn't a template, or one that could never be sent: what is wrong, by
    /// line or channel.
    pub fn read(text: &str) -> Result<Self, String> {
        let template: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        template.check()?;
        Ok(template)
    }

    /// Checks that no channel asks for a field that the template doesn't have,
    /// or fills one of WeChat's keys with what it never takes.
    fn check(&self) -> Result<(), String> {
        if self.channels.is_empty() {
            return Err("it has no channels".to_owned());
        }
        let fields: BTreeMap<_, _> =
            self.fields.iter().map(|field| (field.clone(), String::new())).collect();
        // A field may be the whole of an address.
        let samples: BTreeMap<_, _> =
            self.fields.iter().map(|field| (field.clone(), "https://".to_owned())).collect();
        for channel in &self.channels {
            for text in channel.texts() {
                fill(text, &fields)
                    .map_err(|error| format!("its channel {}: {error}", channel.kind()))?;
            }
            if let Channel::CustomerService(CustomerService { message, .. }) = channel
                && let Some(problem) = message
                    .map(|text| fill(text, &samples), |text| fill_address(text, &samples))
                    .ok()
                    .and_then(|message| message.problem())
            {
                return Err(format!("its channel {}: {problem}", channel.kind()));
            }
            if let Some((data, message)) = channel.data() {
                for (key, content) in data {
                    content
                        .check(key, message)
                        .map_err(|error| format!("its channel {}: {error}", channel.kind()))?;
                }
            }
        }
        Ok(())
    }

    /// The keys of which only WeChat knows what they may show: their values are
    /// sent unchecked. Each with the channel that has it.
    pub fn unchecked(&self) -> Vec<(&Channel, &str)> {
        let data = self.channels.iter().filter_map(|channel| Some((channel, channel.data()?)));
        let keys = data.flat_map(|(channel, (data, message))| {
            data.keys().map(move |key| (channel, key.as_str(), FieldType::for_key(key, message)))
        });
        keys.filter(|(.., kind)| matches!(kind, FieldType::Unknown | FieldType::Listed))
            .map(|(channel, key, _)| (channel, key))
            .collect()
    }
}

/// Puts the fields into a text with `{field}` in it. `{{` stands for a brace.
///
/// Fails when the text names a field that isn't there.
pub fn fill(text: &str, fields: &BTreeMap<String, String>) -> Result<String, UnknownField> {
    pieces(text)
        .map(|piece| match piece {
            Piece::Literal(text) => Ok(text),
            Piece::Field(name) => {
                fields.get(name).map(String::as_str).ok_or_else(|| UnknownField(name.to_owned()))
            }
        })
        .collect()
}

/// What stands for itself in a part of an address (RFC 3986, "Unreserved
/// Characters").
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Puts the fields into an address, of the web or of a mini program's page.
///
/// They are percent-encoded, so that `?name={product}` has one parameter whatever
/// the product is called; only a field that is the whole address is taken as it is.
///
/// Fails when the address names a field that isn't there.
pub fn fill_address(
    address: &str,
    fields: &BTreeMap<String, String>,
) -> Result<String, UnknownField> {
    let mut all = pieces(address);
    if let (Some(Piece::Field(_)), None) = (all.next(), all.next()) {
        return fill(address, fields);
    }
    let encoded = |(name, value): (&String, &String)| {
        (name.clone(), utf8_percent_encode(value, UNRESERVED).to_string())
    };
    fill(address, &fields.iter().map(encoded).collect())
}

/// The fields that a text names, each once.
fn fields_of(text: &str) -> impl Iterator<Item = &str> {
    let mut seen = Vec::new();
    pieces(text).filter_map(move |piece| match piece {
        Piece::Field(name) if !seen.contains(&name) => {
            seen.push(name);
            Some(name)
        }
        Piece::Field(_) | Piece::Literal(_) => None,
    })
}

/// A piece of a text with `{field}` in it.
enum Piece<'a> {
    Literal(&'a str),
    Field(&'a str),
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, after) = match rest.strip_prefix('{') {
            None if rest.is_empty() => return None,
            None => {
                let (literal, after) = rest.split_at(rest.find('{').unwrap_or(rest.len()));
                (Piece::Literal(literal), after)
            }
            Some(after) if after.starts_with('{') => {
                let (brace, after) = after.split_at(1);
                (Piece::Literal(brace), after)
            }
            // An unclosed one is an unknown field.
            Some(after) => {
                let (name, after) = after.split_once('}').unwrap_or((after, ""));
                (Piece::Field(name), after)
            }
        };
        rest = after;
        Some(piece)
    })
}

/// A text has a `{field}` that isn't one of the template's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no field {{{0}}}")]
pub struct UnknownField(String);

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> BTreeMap<String, String> {
        [("product", "kettle"), ("time", "15:04")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    }

    #[test]
    fn text_may_have_literals_and_several_fields() {
        assert_eq!(fill("{product} at {time}!", &fields()).unwrap(), "kettle at 15:04!");
        assert_eq!(fill("plain", &fields()).unwrap(), "plain");
        assert_eq!(fill("{{x} {time}", &fields()).unwrap(), "{x} 15:04");
        assert_eq!(fill("{{{time}", &fields()).unwrap(), "{15:04");
        assert_eq!(fill("", &fields()).unwrap(), "");
    }

    /// Fault 77.
    #[test]
    fn field_cannot_change_the_address_around_it() {
        let fields = BTreeMap::from([("name".to_owned(), "茶 & milk?a=b/c#~".to_owned())]);
        assert_eq!(
            fill_address("https://example.com/?name={name}&x=1", &fields).unwrap(),
            "https://example.com/?name=%E8%8C%B6%20%26%20milk%3Fa%3Db%2Fc%23~&x=1"
        );
        assert_eq!(fill_address("{name}", &fields).unwrap(), fields["name"]);
        assert_eq!(fill_address("pages/index", &fields).unwrap(), "pages/index");
        let named: Vec<_> = fields_of("{b} {{x} {a}{b}").collect();
        assert_eq!(named, ["b", "a"]);
    }

    #[test]
    fn unknown_field_is_named() {
        assert_eq!(fill("{prodct}", &fields()), Err(UnknownField("prodct".to_owned())));
        assert_eq!(fill("at {time", &BTreeMap::new()), Err(UnknownField("time".to_owned())));
        let template: Template = serde_json::from_str(
            r#"{"fields":["a"],"channels":[{"channel":"customer_service","app":"shop","text":"{b}"}]}"#,
        )
        .unwrap();
        assert_eq!(
            template.check().unwrap_err(),
            "its channel customer_service: there is no field {b}"
        );
    }

    #[test]
    fn the_template_of_the_documentation_works() {
        let pages = [
            include_str!("../../../docs/configuration.md"),
            include_str!("../../../docs/configuration.zh-CN.md"),
        ];
        for page in pages {
            let mut blocks =
                page.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
            let block = blocks.find(|block| block.contains("\"channels\": [\n")).unwrap();
            let template: Template = serde_json::from_str(block).unwrap();
            template.check().unwrap();
            assert_eq!(template.channels.len(), 3);
        }
    }

    #[test]
    fn customer_service_channel_has_exactly_one_message() {
        let read = |message: &str| {
            let text = format!(
                r#"{{"fields":["a"],"channels":[{{"channel":"customer_service","app":"shop"{message}}}]}}"#
            );
            Template::read(&text)
        };
        for message in [
            r#","text":"{a}""#,
            r#","image":{"media_id":"M"}"#,
            r#","link":{"title":"{a}","url":"https://example.test/{a}"}"#,
            r#","news":{"title":"{a}","url":"https://example.test/{a}"}"#,
            r#","mini_program_page":{"title":"{a}","page":"p?x={a}","thumb_media_id":"M"}"#,
            r#","menu":{"head":"{a}?","items":[{"id":"1","content":"{a}"}]}"#,
        ] {
            read(message).unwrap();
            let unknown = read(&message.replace("{a}", "{b}"));
            assert_eq!(unknown.is_err(), message.contains("{a}"), "{message}");
        }
        for wrong in ["", r#","text":"{a}","image":{"media_id":"M"}"#] {
            let problem = read(wrong).unwrap_err();
            assert!(problem.contains("has one of text, image"), "{problem}");
        }
        let problem = read(r#","txt":"{a}""#).unwrap_err();
        assert!(problem.contains("unknown variant `txt`"), "{problem}");
        let problem = read(r#","news":{"title":"{a}","url":"example.test"}"#).unwrap_err();
        assert!(problem.contains("its url must begin"), "{problem}");
    }

    fn template_with(channel: &str, data: &str) -> Result<Template, serde_json::Error> {
        serde_json::from_str(&format!(
            r#"{{"fields":["a"],"channels":[{{"channel":"{channel}","app":"x","template_id":"t","data":{data}}}]}}"#
        ))
    }

    #[test]
    fn key_that_can_never_be_filled_is_named_with_its_channel() {
        let error = template_with("subscribe", r#"{"time2":{"text":"{a}","truncate":true}}"#);
        let error = error.unwrap().check().unwrap_err();
        assert!(error.starts_with("its channel subscribe: the key time2 can't be cut"), "{error}");
        let error =
            template_with("template", r#"{"thing1":{"text":"{a}","truncated":true}}"#).unwrap_err();
        assert!(error.to_string().starts_with("thing1: unknown field `truncated`"), "{error}");
        template_with("template", r#"{"thing1":"{a}","keyword2":{"text":"{a}","truncate":true}}"#)
            .unwrap()
            .check()
            .unwrap();
    }

    #[test]
    fn unchecked_keys_are_listed() {
        let data = r#"{"thing1":"{a}","const2":"{a}","short_thing3":"{a}","name":"{a}"}"#;
        let unchecked = |template: Template| {
            template.unchecked().iter().map(|(_, key)| (*key).to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(unchecked(template_with("template", data).unwrap()), ["const2", "name"]);
        assert_eq!(
            unchecked(template_with("subscribe", data).unwrap()),
            ["const2", "short_thing3"]
        );
    }

    #[test]
    fn misspelled_name_is_rejected() {
        let channel = r#"{"channel":"subscribe","app":"m","template_id":"t","data":{},"pgae":"x"}"#;
        assert!(serde_json::from_str::<Channel>(channel).is_err());
    }
}
