//! YAML as CloudFormation reads it: every scalar keeps its spelling, every
//! node its line, and the short forms (`!Ref x`) become the long ones.

use saphyr::{MarkedYaml, ScalarStyle, Tag, YamlData, YamlLoader};
use serde_json::Value as Json;

use super::error::Fault;

/// A node of the template, and the line it starts on.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Counted from 1, as editors do.
    pub(crate) line: usize,
    /// What stands there.
    pub(crate) value: Value,
}

/// What a node can be.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A single value. `plain` means written without quotes, so that it may
    /// also be a number, a boolean or nothing.
    Scalar { text: String, plain: bool },
    /// `[a, b]`
    List(Vec<Node>),
    /// `{ a: b }`
    Map(Vec<Entry>),
}

/// A key and what belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    /// The line of the key; its value may start on the next.
    pub(crate) line: usize,
    pub(crate) node: Node,
}

/// Reads a whole file.
pub(crate) fn parse(text: &str) -> Result<Node, Fault> {
    let mut loader = YamlLoader::<MarkedYaml<'_>>::default();
    // CloudFormation reads `2010-09-09` and `1.10` as what they look like.
    loader.early_parse(false);
    let loaded = saphyr_events(text, &mut loader);
    if let Some(error) = loaded.err().or_else(|| loader.error().cloned()) {
        return Err(Fault::new(error.marker().line(), format!("isn't YAML: {}", error.info())));
    }
    let mut documents = loader.into_documents().into_iter();
    match (documents.next(), documents.next()) {
        (Some(document), None) => convert(&document),
        (None, _) => Err(Fault::new(1, "is empty")),
        (Some(_), Some(second)) => {
            Err(Fault::new(second.span.start.line(), "holds a second document; one is expected"))
        }
    }
}

fn saphyr_events<'input>(
    text: &'input str,
    loader: &mut YamlLoader<'input, MarkedYaml<'input>>,
) -> Result<(), saphyr::ScanError> {
    saphyr_parser::Parser::new_from_str(text).load(loader, true)
}

fn convert(yaml: &MarkedYaml<'_>) -> Result<Node, Fault> {
    let line = yaml.span.start.line();
    let value = match &yaml.data {
        YamlData::Representation(text, style, tag) => {
            let scalar = Node {
                line,
                value: Value::Scalar {
                    text: text.to_string(),
                    plain: *style == ScalarStyle::Plain && tag.is_none(),
                },
            };
            return match tag {
                Some(tag) => short_form(tag, scalar),
                None => Ok(scalar),
            };
        }
        YamlData::Sequence(items) => {
            Value::List(items.iter().map(convert).collect::<Result<_, _>>()?)
        }
        YamlData::Mapping(entries) => {
            let mut map = Vec::with_capacity(entries.len());
            for (key, node) in entries {
                let key_line = key.span.start.line();
                let Value::Scalar { text, .. } = convert(key)?.value else {
                    return Err(Fault::new(key_line, "a key must be a name"));
                };
                map.push(Entry { key: text, line: key_line, node: convert(node)? });
            }
            Value::Map(map)
        }
        YamlData::Tagged(tag, inner) => return short_form(tag, convert(inner)?),
        YamlData::Value(_) | YamlData::Alias(_) | YamlData::BadValue => {
            return Err(Fault::new(line, "can't be understood as YAML"));
        }
    };
    Ok(Node { line, value })
}

/// `!Sub x` is `{ Fn::Sub: x }`; `Ref` and `Condition` have no `Fn::`.
fn short_form(tag: &Tag, inner: Node) -> Result<Node, Fault> {
    if tag.is_yaml_core_schema() {
        return Ok(inner);
    }
    let line = inner.line;
    if tag.handle != "!" {
        return Err(Fault::new(line, format!("the tag {tag} is unknown")));
    }
    let key = match tag.suffix.as_str() {
        "Ref" | "Condition" => tag.suffix.clone(),
        name => format!("Fn::{name}"),
    };
    Ok(Node { line, value: Value::Map(vec![Entry { key, line, node: inner }]) })
}

impl Node {
    /// A node that stands for text worked out from the node at `line`.
    pub(crate) fn text(line: usize, text: impl Into<String>) -> Self {
        Self { line, value: Value::Scalar { text: text.into(), plain: false } }
    }

    /// The text of a scalar.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The entries of a map.
    pub(crate) fn as_map(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            Value::Scalar { .. } | Value::List(_) => None,
        }
    }

    /// The items of a list.
    pub(crate) fn as_list(&self) -> Option<&[Self]> {
        match &self.value {
            Value::List(items) => Some(items),
            Value::Scalar { .. } | Value::Map(_) => None,
        }
    }

    /// Whether nothing is written here (`Key:` or `~`).
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// The value of `key` in a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// The name and argument of an intrinsic function, if this is one.
    pub(crate) fn intrinsic(&self) -> Option<(&str, &Self)> {
        match self.as_map()? {
            [only]
                if only.key == "Ref" || only.key == "Condition" || only.key.starts_with("Fn::") =>
            {
                Some((&only.key, &only.node))
            }
            _ => None,
        }
    }

    /// The same as JSON. A plain scalar that reads as a number or a boolean
    /// becomes one.
    pub(crate) fn json(&self) -> Json {
        match &self.value {
            Value::List(items) => items.iter().map(Self::json).collect(),
            Value::Map(entries) => {
                entries.iter().map(|entry| (entry.key.clone(), entry.node.json())).collect()
            }
            Value::Scalar { text, plain: true } => match text.as_str() {
                "" | "~" | "null" => Json::Null,
                "true" => Json::Bool(true),
                "false" => Json::Bool(false),
                _ => text
                    .parse::<i64>()
                    .map(Json::from)
                    .or_else(|_| text.parse::<f64>().map(Json::from))
                    .unwrap_or_else(|_| Json::from(text.as_str())),
            },
            Value::Scalar { text, .. } => Json::from(text.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_become_long_ones_and_scalars_keep_their_spelling() {
        let node = parse("a: !Ref x\nb: !Sub [\"${y}\", {y: 010}]\nc: 2010-09-09\n").unwrap();
        assert_eq!(
            node.json(),
            serde_json::json!({
                "a": {"Ref": "x"},
                "b": {"Fn::Sub": ["${y}", {"y": 10}]},
                "c": "2010-09-09"
            })
        );
        assert_eq!(node.get("c").unwrap().line, 3);
    }

    #[test]
    fn a_mistake_is_reported_with_its_line() {
        assert_eq!(parse("a: 1\nb: [1\nc: 2\n").unwrap_err().line, 3);
        assert_eq!(parse("a: 1\na: 2\n").unwrap_err().line, 2);
        assert_eq!(parse("a: !!str 1\nb: !<tag:example.com,2000:x> 1\n").unwrap_err().line, 2);
        assert!(parse("").unwrap_err().message.contains("empty"));
    }
}
