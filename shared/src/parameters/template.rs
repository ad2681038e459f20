//! A message template of the business: fields with meaning, and how they fill
//! WeChat's keys in each channel.

use crate::json::Json;
use crate::wechat::field::FieldType;
use crate::wechat::text::{character_problem, id_problem};
use serde::Deserialize;

mod channel;
mod channel_check;
mod field_source;
mod fill;
mod link;
mod text_use;

pub use channel::{
    Channel, ChannelKind, CustomerService, MessageLanguage, MiniProgramPage, MiniProgramState,
};
pub use field_source::{FieldSource, InvalidValue};
pub use fill::{Fields, Unfillable, UnknownField, fill};
pub use text_use::fill_as;

/// Maximum number of a template's fields.
pub const MAX_FIELDS: usize = 100;
/// Maximum number of characters in a field's name.
pub const MAX_FIELD_NAME_LENGTH: usize = 64;
/// Maximum size of a template: the Parameter Store takes no larger one.
const MAX_BYTES: usize = 8 * 1024;
/// Maximum number of a template's channels.
const MAX_CHANNELS: usize = 20;

/// What stands in `/templates/{code}`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// The fields that a notification must fill, and no others.
    #[cfg_attr(feature = "schema", schemars(extend(
        "maxItems" = MAX_FIELDS,
        "uniqueItems" = true,
    )))]
    pub fields: Vec<String>,
    /// The channels, in order of preference.
    #[cfg_attr(feature = "schema", schemars(extend("minItems" = 1, "maxItems" = MAX_CHANNELS)))]
    pub channels: Vec<Channel>,
}

impl Template {
    /// Reads what stands in `/templates/{code}`. It has no secrets, so the
    /// problem may quote it.
    ///
    /// Fails when it isn't a template, or one that could never be sent: what is wrong, by
    /// line or channel.
    pub fn read(text: &str) -> Result<Self, String> {
        if text.len() > MAX_BYTES {
            return Err(format!("it has more than {MAX_BYTES} bytes"));
        }
        let json = Json::parse(text).map_err(|error| error.to_string())?;
        for (place, text) in json.texts() {
            if let Some(problem) = character_problem(text) {
                return Err(format!("{}: {problem}", place.escape_debug()));
            }
        }
        let template: Self = json.read().map_err(|error| error.to_string())?;
        template.check()?;
        Ok(template)
    }

    /// Checks that no channel asks for a field that the template doesn't have,
    /// or fills one of WeChat's keys with what it never takes.
    fn check(&self) -> Result<(), String> {
        if self.channels.is_empty() {
            return Err("it has no channels".to_owned());
        }
        if self.channels.len() > MAX_CHANNELS {
            return Err(format!("it has more than {MAX_CHANNELS} channels"));
        }
        if self.fields.len() > MAX_FIELDS {
            return Err(format!("it has more than {MAX_FIELDS} fields"));
        }
        for (at, field) in self.fields.iter().enumerate() {
            if field.chars().count() > MAX_FIELD_NAME_LENGTH {
                return Err(format!(
                    "fields[{at}]: a field's name has at most {MAX_FIELD_NAME_LENGTH} characters"
                ));
            }
            if let Some(problem) = id_problem(field) {
                return Err(format!("fields[{at}]: {problem}"));
            }
            if self.fields[..at].contains(field) {
                return Err(format!("fields[{at}]: {field} stands twice"));
            }
        }
        let empty = self.fields.iter().map(|field| (field.clone(), String::new())).collect();
        for channel in &self.channels {
            channel
                .check(&empty)
                .map_err(|problem| format!("its channel {}: {problem}", channel.kind()))?;
        }
        Ok(())
    }

    /// The aliases of all apps that it names: those that send, and those that a tap opens.
    pub fn aliases(&self) -> impl Iterator<Item = &str> {
        self.channels.iter().flat_map(|channel| {
            let target = channel.target().map(|target| target.app.as_str());
            [Some(channel.app()), target].into_iter().flatten()
        })
    }

    /// The keys of which only WeChat knows what they may show: their values are
    /// sent unchecked. Each with the channel that has it.
    pub fn unchecked(&self) -> Vec<(&Channel, &str)> {
        let data = self.channels.iter().filter_map(|channel| Some((channel, channel.data()?)));
        let keys = data.flat_map(|(channel, (data, message))| {
            data.keys().map(move |key| (channel, key.as_str(), FieldType::for_key(key, message)))
        });
        keys.filter(|(.., kind)| {
            matches!(kind, FieldType::Unknown | FieldType::Listed | FieldType::OptionalListed)
        })
        .map(|(channel, key, _)| (channel, key))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_field_is_named() {
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
    fn template_has_a_maximum_of_everything() {
        let read = |fields: &[String], channels: usize| {
            let channel = r#"{"channel":"customer_service","app":"s","text":"t"}"#;
            let channels = vec![channel; channels].join(",");
            Template::read(&format!(r#"{{"fields":{fields:?},"channels":[{channels}]}}"#))
        };
        let fields = |number| (0..number).map(|at| format!("f{at}")).collect::<Vec<_>>();
        assert!(read(&fields(MAX_FIELDS), MAX_CHANNELS).is_ok());
        assert_eq!(read(&fields(101), 1).unwrap_err(), "it has more than 100 fields");
        assert_eq!(read(&[], 21).unwrap_err(), "it has more than 20 channels");
        assert!(read(&["x".repeat(64)], 1).is_ok());
        assert!(read(&["x".repeat(65)], 1).unwrap_err().starts_with("fields[0]: "));
        assert_eq!(read(&["x".repeat(9_000)], 1).unwrap_err(), "it has more than 8192 bytes");
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

    /// Fault 91.
    #[test]
    fn template_that_can_never_work_is_refused_with_a_hint() {
        let read = |more: &str| {
            let channel =
                r#""channel":"subscribe","app":"m","template_id":"t","data":{"thing1":"{a}"}"#;
            let channel = if more.contains(r#""channel""#) { "" } else { channel };
            Template::read(&format!(r#"{{"fields":["a"],"channels":[{{{channel}{more}}}]}}"#))
        };
        for good in [
            r#","state":"trial","lang":"zh_TW","page":"/pages/a.html?id={a}""#,
            r#","page":"{a}""#,
            r#"{"channel":"bizsend","app":"s","template_id":"t","data":{},"page":"https://a.example/{a}"}"#
                .trim_matches(['{', '}']),
        ] {
            assert!(read(good).is_ok(), "{good}: {:?}", read(good));
        }
        let message =
            |message: &str| format!(r#""channel":"customer_service","app":"s",{message}"#);
        let template = |more: &str| {
            format!(
                r#""channel":"template","app":"s","template_id":"t","data":{{"thing1":"{{a}}"}},{more}"#
            )
        };
        for (bad, words) in [
            (
                r#","state":"release""#.to_owned(),
                "unknown variant `release`, expected one of `developer`, `trial`, `formal`",
            ),
            (r#","lang":"zh-CN""#.to_owned(), "unknown variant `zh-CN`, expected one of `zh_CN`"),
            (r#","page":"https://example.com/""#.to_owned(), "page: its page is a web address"),
            (r#","page":"pages/a b""#.to_owned(), "page: its page has white space"),
            (
                r#","page":"a","page":"b""#.to_owned(),
                r#"channels[0]: the name "page" stands twice"#,
            ),
            (template(r#""url":"example.com/a b""#), "url: its url must begin with"),
            (
                template(r#""url":"https://example.com{a}""#),
                "url: the field {a} could change the host",
            ),
            (
                template(r#""mini_program":{"app":"m ","page":"p"}"#),
                "mini_program.app: it has white space",
            ),
            (
                template(r#""mini_program":{"app":"m","page":"http://a"}"#),
                "mini_program.page: its page is a web",
            ),
            (
                template(r#""template_id":"t ""#).replacen(r#""template_id":"t","#, "", 1),
                "template_id: it has white space",
            ),
            (
                template("").trim_end_matches(',').replace("thing1", "thing1\\t"),
                r#"the key "thing1\t": it has white space"#,
            ),
            (
                template("").trim_end_matches(',').replace("thing1", "time2 "),
                r#"the key "time2 ": it has white space"#,
            ),
            (
                template("").trim_end_matches(',').replace(r#""app":"s""#, r#""app":" s""#),
                "app: it has white space",
            ),
            (
                template("").trim_end_matches(',').replace("{a}", "{a}\\u000b"),
                "channels[0].data.thing1: it has the control character U+000B",
            ),
            (
                message(r#""text":"a\u0000""#),
                "channels[0].text: it has the control character U+0000",
            ),
            (message(r#""text":"<a href='https://a.example{a}'>x</a>""#), "could change the host"),
            (message(r#""image":{"media_id":"M "}"#), "it has white space"),
            (message(r#""link":{"title":"t","url":"a.example/{a}"}"#), "its url must begin"),
            (
                message(r#""link":{"title":"t","url":"https://a.example/","thumb_url":"x"}"#),
                "its url must begin",
            ),
            (
                message(
                    r#""mini_program_page":{"title":"t","page":"https://a/","thumb_media_id":"M"}"#,
                ),
                "its page is a web",
            ),
        ] {
            let problem = read(&bad).unwrap_err();
            assert!(problem.contains(words), "{bad}: {problem}");
        }
        for (fields, words) in [
            (r#"["a","a"]"#, "fields[1]: a stands twice"),
            (r#"["a "]"#, "fields[0]: it has white space"),
            (r#"[""]"#, "fields[0]: it is empty"),
        ] {
            let problem = Template::read(&format!(
                r#"{{"fields":{fields},"channels":[{{"channel":"customer_service","app":"s","text":"t"}}]}}"#
            ));
            assert!(problem.as_ref().is_err_and(|it| it.contains(words)), "{fields}: {problem:?}");
        }
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
