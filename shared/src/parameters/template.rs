//! A message template of the business: fields with meaning, and how they fill
//! WeChat's keys in each channel.

use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// What stands in `/templates/{code}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// The fields that a notification must fill, and no others.
    pub fields: Vec<String>,
    /// The channels, in order of preference.
    pub channels: Vec<Channel>,
}

/// One way to say it.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "channel", rename_all = "snake_case", deny_unknown_fields)]
pub enum Channel {
    /// A template message of an Official Account, for its followers.
    Template {
        /// The account's alias.
        app: String,
        /// The account's own id of WeChat's template.
        template_id: String,
        /// WeChat's keys and what they show: text with `{field}` in it.
        data: BTreeMap<String, String>,
        /// Where a tap leads. May have `{field}` in it.
        #[serde(default)]
        url: Option<String>,
        /// The mini program that a tap opens.
        #[serde(default)]
        mini_program: Option<MiniProgramPage>,
    },
    /// A subscription message of a mini program, for whoever has consented.
    Subscribe {
        /// The mini program's alias.
        app: String,
        /// The mini program's own id of WeChat's template.
        template_id: String,
        /// WeChat's keys and what they show: text with `{field}` in it.
        data: BTreeMap<String, String>,
        /// The page that a tap opens. May have `{field}` in it.
        #[serde(default)]
        page: Option<String>,
        /// `developer`, `trial` or `formal`.
        #[serde(default)]
        state: Option<String>,
        /// `zh_CN`, `en_US`, `zh_HK` or `zh_TW`.
        #[serde(default)]
        lang: Option<String>,
    },
    /// A text from customer service, for whoever has been in touch lately.
    CustomerService {
        /// The app's alias.
        app: String,
        /// The text, with `{field}` in it.
        text: String,
    },
}

/// A page of a mini program.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MiniProgramPage {
    /// The mini program's alias.
    pub app: String,
    /// The page with its query. May have `{field}` in it.
    #[serde(default)]
    pub page: Option<String>,
}

/// The kind of a channel, by which a request names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// [`Channel::Template`]
    Template,
    /// [`Channel::Subscribe`]
    Subscribe,
    /// [`Channel::CustomerService`]
    CustomerService,
}

impl fmt::Display for ChannelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Template => "template",
            Self::Subscribe => "subscribe",
            Self::CustomerService => "customer_service",
        })
    }
}

impl Channel {
    /// Its kind.
    pub fn kind(&self) -> ChannelKind {
        match self {
            Self::Template { .. } => ChannelKind::Template,
            Self::Subscribe { .. } => ChannelKind::Subscribe,
            Self::CustomerService { .. } => ChannelKind::CustomerService,
        }
    }

    /// The alias of the app that speaks in it.
    pub fn app(&self) -> &str {
        match self {
            Self::Template { app, .. }
            | Self::Subscribe { app, .. }
            | Self::CustomerService { app, .. } => app,
        }
    }

    /// Every text of it that may have `{field}` in it.
    fn texts(&self) -> Vec<&str> {
        match self {
            Self::Template { data, url, mini_program, .. } => {
                let page = mini_program.as_ref().and_then(|target| target.page.as_deref());
                data.values().map(String::as_str).chain(url.as_deref()).chain(page).collect()
            }
            Self::Subscribe { data, page, .. } => {
                data.values().map(String::as_str).chain(page.as_deref()).collect()
            }
            Self::CustomerService { text, .. } => vec![text],
        }
    }
}

impl Template {
    /// Checks that no channel asks for a field that the template doesn't have.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.channels.is_empty() {
            return Err("it has no channels".to_owned());
        }
        let fields: BTreeMap<_, _> =
            self.fields.iter().map(|field| (field.clone(), String::new())).collect();
        for channel in &self.channels {
            for text in channel.texts() {
                fill(text, &fields)
                    .map_err(|error| format!("its channel {}: {error}", channel.kind()))?;
            }
        }
        Ok(())
    }
}

/// Puts the fields into a text with `{field}` in it. `{{` stands for a brace.
///
/// # Errors
///
/// When the text names a field that isn't there.
pub fn fill(text: &str, fields: &BTreeMap<String, String>) -> Result<String, UnknownField> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        if let Some(after) = after.strip_prefix('{') {
            filled.push('{');
            rest = after;
            continue;
        }
        let (name, after) = after.split_once('}').ok_or_else(|| UnknownField(after.to_owned()))?;
        filled.push_str(fields.get(name).ok_or_else(|| UnknownField(name.to_owned()))?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// A text has a `{field}` that nobody fills.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no field {{{0}}}")]
pub struct UnknownField(String);

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> BTreeMap<String, String> {
        [("product", "kettle"), ("time", "15:04")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    }

    #[test]
    fn literals_and_several_fields_in_one_text() {
        assert_eq!(fill("{product} at {time}!", &fields()).unwrap(), "kettle at 15:04!");
        assert_eq!(fill("plain", &fields()).unwrap(), "plain");
        assert_eq!(fill("{{x} {time}", &fields()).unwrap(), "{x} 15:04");
    }

    #[test]
    fn a_field_that_nobody_fills_is_named() {
        assert_eq!(fill("{prodct}", &fields()), Err(UnknownField("prodct".to_owned())));
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
    fn the_template_in_each_readme_works() {
        let readmes =
            [include_str!("../../../README.md"), include_str!("../../../README.zh-CN.md")];
        for readme in readmes {
            let mut blocks =
                readme.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
            let block = blocks.find(|block| block.contains("\"channels\": [\n")).unwrap();
            let template: Template = serde_json::from_str(block).unwrap();
            template.check().unwrap();
            assert_eq!(template.channels.len(), 3);
        }
    }

    #[test]
    fn a_misspelled_key_is_refused() {
        let channel = r#"{"channel":"subscribe","app":"m","template_id":"t","data":{},"pgae":"x"}"#;
        assert!(serde_json::from_str::<Channel>(channel).is_err());
    }
}
