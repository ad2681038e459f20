//! Drafts a notification template from one of WeChat's.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A template at WeChat, as the send function lists it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct WeChatTemplate {
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

/// A template with a field for each key, named like the key. Leaves out the keys that
/// WeChat no longer shows.
pub(crate) fn draft(app: &str, template: &WeChatTemplate) -> Value {
    let shown = template.keys.iter().filter(|key| !matches!(key.as_str(), "first" | "remark"));
    let shown: Vec<_> = shown.collect();
    let data: Map<_, _> =
        shown.iter().map(|key| ((*key).clone(), Value::String(format!("{{{key}}}")))).collect();
    let mut channel = json!({
        "channel": template.channel,
        "app": app,
        "template_id": template.template_id,
        "data": data,
    });
    if template.consent.as_deref() == Some("long_term") {
        channel["long_term"] = json!(true);
    }
    json!({ "fields": shown, "channels": [channel] })
}

/// The label of each key: the text before it on its line.
pub(crate) fn labels(template: &WeChatTemplate) -> BTreeMap<String, String> {
    let label = |key: &String| {
        let start = template.content.find(&format!("{{{{{key}.DATA}}}}"))?;
        let before = template.content.get(..start)?;
        let line = before.rsplit(['\n', '}']).next().unwrap_or_default();
        let label = line.trim().trim_end_matches([':', '：']).trim();
        (!label.is_empty()).then(|| (key.clone(), label.to_owned()))
    };
    template.keys.iter().filter_map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::parameters::Template;

    fn template(content: &str, keys: &[&str]) -> WeChatTemplate {
        WeChatTemplate {
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
    fn draft_is_a_valid_template() {
        let shipped = template("商品:{{thing1.DATA}}\n时间:{{time2.DATA}}\n", &["thing1", "time2"]);
        let text = draft("shop", &shipped).to_string();
        let parsed = Template::read(&text).unwrap();
        assert_eq!(parsed.fields, ["thing1", "time2"]);
        assert_eq!(parsed.channels[0].template_id(), Some("T"));
        let old = template("", &["first", "keyword1", "remark"]);
        let parsed = Template::read(&draft("shop", &old).to_string()).unwrap();
        assert_eq!(parsed.fields, ["keyword1"], "WeChat doesn't show the others");
        for channel in ["subscribe", "bizsend"] {
            let long_term = WeChatTemplate {
                channel: channel.to_owned(),
                consent: Some("long_term".to_owned()),
                ..shipped.clone()
            };
            let text = draft("shop", &long_term).to_string();
            Template::read(&text).unwrap();
            assert!(text.contains(r#""long_term":true"#), "{text}");
        }
    }

    #[test]
    fn labels_are_the_texts_before_the_keys() {
        let content =
            "{{first.DATA}}\n商品名称：{{thing1.DATA}}\n时间: {{time2.DATA}} {{thing3.DATA}}";
        let labels = labels(&template(content, &["first", "thing1", "time2", "thing3"]));
        let expected = [("thing1", "商品名称"), ("time2", "时间")];
        assert_eq!(labels, expected.map(|(key, label)| (key.to_owned(), label.to_owned())).into());
    }
}
