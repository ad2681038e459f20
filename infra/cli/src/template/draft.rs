//! A draft of a template of ours, from one of WeChat's.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// One of WeChat's templates, as the send function lists it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Listed {
    /// The channel that sends it.
    pub(crate) channel: String,
    pub(crate) template_id: String,
    pub(crate) title: String,
    pub(crate) content: String,
    pub(crate) keys: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) consent: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) values: BTreeMap<String, Vec<String>>,
}

/// A template to begin with: a field for each key, called as the key. Keys that
/// WeChat doesn't show any more are left out.
pub(crate) fn draft(app: &str, listed: &Listed) -> Value {
    let shown = listed.keys.iter().filter(|key| !matches!(key.as_str(), "first" | "remark"));
    let shown: Vec<_> = shown.collect();
    let data: Map<_, _> =
        shown.iter().map(|key| ((*key).clone(), Value::String(format!("{{{key}}}")))).collect();
    let mut channel = json!({
        "channel": listed.channel,
        "app": app,
        "template_id": listed.template_id,
        "data": data,
    });
    if listed.consent.as_deref() == Some("long_term") {
        channel["long_term"] = json!(true);
    }
    json!({ "fields": shown, "channels": [channel] })
}

/// What WeChat's template calls each key: the words before it on its line.
pub(crate) fn labels(listed: &Listed) -> BTreeMap<String, String> {
    let label = |key: &String| {
        let place = listed.content.find(&format!("{{{{{key}.DATA}}}}"))?;
        let before = listed.content.get(..place)?;
        let line = before.rsplit(['\n', '}']).next().unwrap_or_default();
        let label = line.trim().trim_end_matches([':', '：']).trim();
        (!label.is_empty()).then(|| (key.clone(), label.to_owned()))
    };
    listed.keys.iter().filter_map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::parameters::Template;

    fn listed(content: &str, keys: &[&str]) -> Listed {
        Listed {
            channel: "template".to_owned(),
            template_id: "T".to_owned(),
            title: "订单发货".to_owned(),
            content: content.to_owned(),
            keys: keys.iter().map(|&key| key.to_owned()).collect(),
            consent: None,
            values: BTreeMap::new(),
        }
    }

    #[test]
    fn a_draft_is_a_template_that_the_functions_take() {
        let shipped = listed("商品:{{thing1.DATA}}\n时间:{{time2.DATA}}\n", &["thing1", "time2"]);
        let text = draft("shop", &shipped).to_string();
        let template = Template::read(&text).unwrap();
        assert_eq!(template.fields, ["thing1", "time2"]);
        assert_eq!(template.channels[0].template_id(), Some("T"));
        let old = listed("", &["first", "keyword1", "remark"]);
        let template = Template::read(&draft("shop", &old).to_string()).unwrap();
        assert_eq!(template.fields, ["keyword1"], "what isn't shown needs no field");
        for channel in ["subscribe", "bizsend"] {
            let lasting = Listed {
                channel: channel.to_owned(),
                consent: Some("long_term".to_owned()),
                ..shipped.clone()
            };
            let text = draft("shop", &lasting).to_string();
            Template::read(&text).unwrap();
            assert!(text.contains(r#""long_term":true"#), "{text}");
        }
    }

    #[test]
    fn labels_are_the_words_before_the_keys() {
        let content =
            "{{first.DATA}}\n商品名称：{{thing1.DATA}}\n时间: {{time2.DATA}} {{thing3.DATA}}";
        let labels = labels(&listed(content, &["first", "thing1", "time2", "thing3"]));
        let expected = [("thing1", "商品名称"), ("time2", "时间")];
        assert_eq!(labels, expected.map(|(key, label)| (key.to_owned(), label.to_owned())).into());
    }
}
