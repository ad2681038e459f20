//! The fields of a push or of an answer, in all variants that WeChat sends.

use serde_json::Value;

/// WeChat's longest id has 19 digits.
const MAX_ID_CHARS: usize = 64;
/// Unknown names are cut to this many characters.
const MAX_NAME_CHARS: usize = 64;

/// The fields of a push, or of an object in it.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'p>(pub(crate) &'p Value);

/// A required field is missing, or has no usable value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MissingField(pub(crate) &'static str);

impl<'p> Fields<'p> {
    /// A string, or a number's digits: WeChat's JSON has either for the same field, XML has
    /// only strings.
    pub(crate) fn written(self, name: &str) -> Option<String> {
        written(self.0.get(name)?)
    }

    /// The same, or an empty string if it is missing.
    pub(crate) fn text(self, name: &str) -> String {
        self.written(name).unwrap_or_default()
    }

    /// The same without white space around it, unless that is empty.
    pub(crate) fn word(self, name: &str) -> Option<String> {
        let text = self.written(name)?;
        let word = text.trim();
        (!word.is_empty()).then(|| word.to_owned())
    }

    /// The same, if it is required.
    pub(crate) fn required(self, name: &'static str) -> Result<String, MissingField> {
        self.word(name).ok_or(MissingField(name))
    }

    /// Whether there is something under this name: neither null nor an empty string.
    pub(crate) fn has(self, name: &str) -> bool {
        match self.within(name).0 {
            Value::Null => false,
            Value::String(text) => !text.trim().is_empty(),
            _ => true,
        }
    }

    /// A whole number, perhaps written with decimals: `7200.0`.
    pub(crate) fn number(self, name: &str) -> Option<u64> {
        let word = self.word(name)?;
        let (whole, decimals) = word.split_once('.').unwrap_or((&word, ""));
        whole.parse().ok().filter(|_| decimals.bytes().all(|digit| digit == b'0'))
    }

    /// WeChat's id of a message, which may be part of a key in the tables.
    pub(crate) fn id(self, name: &str) -> Option<String> {
        let is_valid =
            |id: &str| id.len() <= MAX_ID_CHARS && id.bytes().all(|c| c.is_ascii_alphanumeric());
        self.word(name).filter(|id| is_valid(id))
    }

    /// The object of this name, or an empty one.
    pub(crate) fn within(self, name: &str) -> Self {
        Self(self.0.get(name).unwrap_or(&Value::Null))
    }

    /// The texts of an array: what is neither a string nor a number is left out.
    pub(crate) fn texts(self, name: &str) -> Vec<String> {
        let elements = self.within(name).0.as_array().map(Vec::as_slice).unwrap_or_default();
        elements.iter().filter_map(written).collect()
    }

    /// The elements of an array, whatever they are, if it is required.
    pub(crate) fn required_array(
        self,
        name: &'static str,
    ) -> Result<impl ExactSizeIterator<Item = Self>, MissingField> {
        let elements = self.within(name).0.as_array().ok_or(MissingField(name))?;
        Ok(elements.iter().map(Fields))
    }

    /// One object, or an array of them.
    pub(crate) fn objects(self, name: &str) -> Vec<Self> {
        match self.within(name).0 {
            Value::Array(items) => items.iter().map(Fields).collect(),
            item @ Value::Object(_) => vec![Self(item)],
            _ => Vec::new(),
        }
    }

    /// The items of a subscription-message event: inside a wrapper (XML, and JSON as observed),
    /// beside the other fields (JSON as documented), or under the wrapper's name.
    pub(crate) fn items(self) -> Vec<Self> {
        let wrappers =
            ["SubscribeMsgPopupEvent", "SubscribeMsgChangeEvent", "SubscribeMsgSentEvent"];
        let lists = wrappers.map(|wrapper| self.within(wrapper)).into_iter().chain([self]);
        lists
            .map(|fields| fields.objects("List"))
            .chain(wrappers.map(|wrapper| self.objects(wrapper)))
            .find(|items| !items.is_empty())
            .unwrap_or_default()
    }
}

fn written(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(is_true) => Some(is_true.to_string()),
        _ => None,
    }
}

/// A name of WeChat's, for logs and tables.
pub(crate) fn short_name(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Fault 22.
    #[test]
    fn field_is_a_string_or_a_number() {
        let tree = json!({ "a": "1 ", "b": 2, "c": -1, "d": " ", "e": [3], "f": null, "g": 1.5, "h": true, "i": 7200.0, "j": "7.00", "k": "7.0x" });
        let fields = Fields(&tree);
        assert_eq!(fields.written("a").as_deref(), Some("1 "));
        assert_eq!(fields.number("a"), Some(1));
        assert_eq!(fields.number("b"), Some(2));
        assert_eq!((fields.number("i"), fields.number("j")), (Some(7200), Some(7)));
        assert_eq!(
            (fields.number("c"), fields.number("g"), fields.number("k")),
            (None, None, None)
        );
        assert_eq!(fields.text("c"), "-1");
        assert_eq!(fields.word("d"), None);
        assert_eq!(fields.text("g"), "1.5");
        assert_eq!(fields.word("h").as_deref(), Some("true"));
        assert_eq!(fields.required("d"), Err(MissingField("d")));
        for absent in ["e", "f", "z"] {
            assert_eq!(fields.written(absent), None);
        }
    }

    #[test]
    fn id_that_could_break_a_key_is_ignored() {
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
    fn list_is_found_with_and_without_a_wrapper() {
        for (tree, count) in [
            (json!({ "List": {} }), 1),
            (json!({ "List": [{}, {}] }), 2),
            (json!({ "SubscribeMsgSentEvent": { "List": {} } }), 1),
            (json!({ "SubscribeMsgPopupEvent": { "List": [{}, {}] } }), 2),
            (json!({ "SubscribeMsgChangeEvent": "", "List": {} }), 1),
            (json!({ "SubscribeMsgSentEvent": [{}, {}] }), 2),
            (json!({ "SubscribeMsgPopupEvent": { "TemplateId": "T" } }), 1),
            (json!({ "List": [] }), 0),
            (json!({ "List": "" }), 0),
            (json!({}), 0),
        ] {
            assert_eq!(Fields(&tree).items().len(), count, "{tree}");
        }
    }
}
