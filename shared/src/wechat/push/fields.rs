//! Looking things up in a push, whatever WeChat's spelling of it is today.

use serde_json::Value;

/// The longest id that WeChat gives has 19 digits.
const LONGEST_ID: usize = 64;

/// The fields of a push, or of an object in it. What isn't there is empty:
/// only what an event can't do without is asked for by name.
#[derive(Clone, Copy)]
pub(super) struct Fields<'p>(pub(super) &'p Value);

impl<'p> Fields<'p> {
    /// A string or a number, as it was written: WeChat's JSON has either for the
    /// same field, XML has only strings.
    pub(super) fn written(self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// The same, or nothing at all.
    pub(super) fn text(self, name: &str) -> String {
        self.written(name).unwrap_or_default()
    }

    /// The same without white space around it, unless that leaves nothing.
    pub(super) fn word(self, name: &str) -> Option<String> {
        let text = self.written(name)?;
        let word = text.trim();
        (!word.is_empty()).then(|| word.to_owned())
    }

    /// A whole number.
    pub(super) fn number(self, name: &str) -> Option<u64> {
        self.word(name)?.parse().ok()
    }

    /// An id that WeChat gave a message. It may stand in keys of tables.
    pub(super) fn id(self, name: &str) -> Option<String> {
        let fits =
            |id: &str| id.len() <= LONGEST_ID && id.bytes().all(|c| c.is_ascii_alphanumeric());
        self.word(name).filter(|id| fits(id))
    }

    /// The object of this name; one with nothing in it if there is none.
    pub(super) fn within(self, name: &str) -> Self {
        Self(self.0.get(name).unwrap_or(&Value::Null))
    }

    /// One object or an array of them.
    pub(super) fn several(self, name: &str) -> Vec<Self> {
        match self.within(name).0 {
            Value::Array(items) => items.iter().map(Fields).collect(),
            item @ Value::Object(_) => vec![Self(item)],
            _ => Vec::new(),
        }
    }

    /// The items of an event of subscription messages: inside of a wrapper (XML,
    /// and JSON seen in the field) or beside the other fields (WeChat's
    /// documentation of JSON).
    pub(super) fn items(self) -> Vec<Self> {
        ["SubscribeMsgPopupEvent", "SubscribeMsgChangeEvent", "SubscribeMsgSentEvent"]
            .into_iter()
            .map(|wrapper| self.within(wrapper))
            .chain([self])
            .map(|fields| fields.several("List"))
            .find(|items| !items.is_empty())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Fault 22.
    #[test]
    fn a_field_is_a_string_or_a_number() {
        let tree = json!({ "a": "1 ", "b": 2, "c": -1, "d": " ", "e": [3], "f": null, "g": 1.5 });
        let fields = Fields(&tree);
        assert_eq!(fields.written("a").as_deref(), Some("1 "));
        assert_eq!(fields.number("a"), Some(1));
        assert_eq!(fields.number("b"), Some(2));
        assert_eq!(fields.number("c"), None);
        assert_eq!(fields.text("c"), "-1");
        assert_eq!(fields.word("d"), None);
        assert_eq!(fields.text("g"), "1.5");
        for absent in ["e", "f", "z"] {
            assert_eq!(fields.written(absent), None);
        }
    }

    #[test]
    fn an_id_could_stand_in_a_key() {
        let long = "1".repeat(65);
        let tree = json!({ "a": "33", "b": "3#3", "c": long, "d": 9_007_199_254_740_993_u64 });
        let fields = Fields(&tree);
        assert_eq!(fields.id("a").as_deref(), Some("33"));
        assert_eq!(fields.id("b"), None);
        assert_eq!(fields.id("c"), None);
        assert_eq!(fields.id("d").as_deref(), Some("9007199254740993"));
    }

    /// Fault 22.
    #[test]
    fn a_list_is_found_where_it_may_be() {
        for (tree, count) in [
            (json!({ "List": {} }), 1),
            (json!({ "List": [{}, {}] }), 2),
            (json!({ "SubscribeMsgSentEvent": { "List": {} } }), 1),
            (json!({ "SubscribeMsgPopupEvent": { "List": [{}, {}] } }), 2),
            (json!({ "SubscribeMsgChangeEvent": "", "List": {} }), 1),
            (json!({ "List": [] }), 0),
            (json!({ "List": "" }), 0),
            (json!({}), 0),
        ] {
            assert_eq!(Fields(&tree).items().len(), count, "{tree}");
        }
    }
}
