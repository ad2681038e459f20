//! Long lists, a page at a time, and what is filtered out of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::parameter::Parameter;
use crate::services::refusal::Refusal;

/// Which page is wanted.
pub(super) struct Page<'a> {
    /// How many at most.
    pub(super) size: usize,
    /// The place after which it begins: a name, or a version.
    pub(super) after: Option<String>,
    /// What the answer calls its list.
    pub(super) list: &'a str,
}

impl<'a> Page<'a> {
    /// Reads `MaxResults` and `NextToken`. `most` is the operation's limit, and what it takes for none.
    pub(super) fn read(
        list: &'a str,
        wanted: Option<i64>,
        most: usize,
        token: Option<&str>,
    ) -> Result<Self, Refusal> {
        let size = match wanted {
            None => most,
            Some(size) => usize::try_from(size)
                .ok()
                .filter(|size| (1..=most).contains(size))
                .ok_or_else(|| Refusal::validation(format!("MaxResults is 1 to {most}")))?,
        };
        let invalid = || Refusal::new("InvalidNextToken", "The specified token isn't valid.");
        let after = token
            .filter(|token| !token.is_empty())
            .map(|token| {
                let bytes = STANDARD.decode(token).map_err(|_| invalid())?;
                String::from_utf8(bytes).map_err(|_| invalid())
            })
            .transpose()?;
        Ok(Self { size, after, list })
    }

    /// The answer: the first of `rest`, and the token if there are more. Each comes with its place.
    pub(super) fn page(&self, rest: impl Iterator<Item = (String, Value)>) -> Value {
        let mut rest = rest.peekable();
        let mut page = Vec::new();
        let mut last = None;
        for (place, value) in rest.by_ref().take(self.size) {
            last = Some(place);
            page.push(value);
        }
        let mut answer = json!({ self.list: page });
        if let (Some(last), Some(_)) = (last, rest.peek()) {
            answer["NextToken"] = json!(STANDARD.encode(last));
        }
        answer
    }
}

/// A filter, as requests carry it. The older `Filters` have no option: one of the values must be equal.
#[derive(Deserialize)]
pub(super) struct Filter {
    #[serde(rename = "Key")]
    key: String,
    #[serde(rename = "Option")]
    option: Option<String>,
    #[serde(rename = "Values", default)]
    values: Vec<String>,
}

impl Filter {
    /// Refuses a filter that `keys` doesn't name, or an option that its key doesn't have.
    pub(super) fn check(&self, keys: &[&str]) -> Result<(), Refusal> {
        if !keys.contains(&self.key.as_str()) {
            return Err(Refusal::new(
                "InvalidFilterKey",
                format!("no filter {} here: {} are", self.key, keys.join(", ")),
            ));
        }
        let options: &[&str] = match self.key.as_str() {
            "Path" => &["Recursive", "OneLevel"],
            "Name" => &["Equals", "BeginsWith", "Contains"],
            _ => &["Equals", "BeginsWith"],
        };
        match &self.option {
            Some(option) if !options.contains(&option.as_str()) => Err(Refusal::new(
                "InvalidFilterOption",
                format!("the filter {} has the options {}", self.key, options.join(", ")),
            )),
            _ if self.values.is_empty() => Err(Refusal::new(
                "InvalidFilterValue",
                format!("the filter {} needs a value", self.key),
            )),
            _ => Ok(()),
        }
    }

    /// Whether a parameter passes.
    pub(super) fn passes(&self, name: &str, parameter: &Parameter) -> bool {
        let option = self.option.as_deref();
        if self.key == "Path" {
            return self.values.iter().any(|path| under(name, path, option == Some("Recursive")));
        }
        let kind = parameter.kind.to_string();
        let actual = match self.key.as_str() {
            "Name" => name,
            "Type" => &kind,
            "Tier" => parameter.latest().tier(),
            "DataType" => "text",
            _ => match &parameter.key {
                Some(key) => key,
                None => return false,
            },
        };
        self.values.iter().any(|value| match option {
            Some("BeginsWith") => actual.starts_with(value.as_str()),
            Some("Contains") => actual.contains(value.as_str()),
            _ => actual == value,
        })
    }
}

/// Whether a name stands in the hierarchy below `path`, at any depth or right below it.
pub(super) fn under(name: &str, path: &str, recursive: bool) -> bool {
    let path = path.trim_end_matches('/');
    let Some(rest) = name.strip_prefix(path).and_then(|rest| rest.strip_prefix('/')) else {
        return false;
    };
    recursive || !rest.contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_covers_whole_parts_only() {
        assert!(under("/a/b", "/a", false));
        assert!(under("/a/b", "/a/", false));
        assert!(!under("/a/b/c", "/a", false));
        assert!(under("/a/b/c", "/a", true));
        assert!(!under("/ab", "/a", true));
        assert!(!under("/a", "/a", true));
        assert!(under("/a", "/", false));
        assert!(!under("a", "/", true));
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repeat() {
        let all: Vec<String> = (10..35).map(|number| number.to_string()).collect();
        let mut token: Option<String> = None;
        let mut sizes = Vec::new();
        let mut seen = Vec::new();
        loop {
            let page = Page::read("Names", Some(10), 10, token.as_deref()).unwrap();
            let rest =
                all.iter().filter(|name| page.after.as_ref().is_none_or(|after| *name > after));
            let answer = page.page(rest.map(|name| (name.clone(), json!(name))));
            let names: Vec<String> = serde_json::from_value(answer["Names"].clone()).unwrap();
            sizes.push(names.len());
            seen.extend(names);
            let Some(next) = answer["NextToken"].as_str() else { break };
            token = Some(next.to_owned());
        }
        assert_eq!(sizes, [10, 10, 5]);
        assert_eq!(seen, all);
    }
}
