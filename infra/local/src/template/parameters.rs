//! The template's parameters and the values they have on this machine.

use std::collections::BTreeMap;

use super::{
    Fault,
    document::{Node, Value},
};

/// Each parameter's value: an override, a local default, or the template's own.
///
/// `AllowedValues` is held to, since a template may lean on it. The other
/// constraints (`AllowedPattern`, lengths) guard an operator's typing and are
/// left to CloudFormation.
pub(crate) fn read(
    section: Option<&Node>,
    defaults: &BTreeMap<String, String>,
    overrides: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Node>, Fault> {
    let mut values = BTreeMap::new();
    let declared = match section {
        None => &[][..],
        Some(node) => node
            .as_map()
            .ok_or_else(|| Fault::new(node.line, "Parameters: parameters are expected"))?,
    };
    for entry in declared {
        let name = &entry.key;
        let kind = entry.node.get("Type").and_then(Node::as_text).unwrap_or_default();
        let given = overrides.get(name).or_else(|| defaults.get(name)).cloned();
        let written = || entry.node.get("Default").and_then(Node::as_text).map(str::to_owned);
        let text = given.or_else(written).ok_or_else(|| {
            Fault::new(
                entry.line,
                format!("the parameter `{name}` has no default: give it with --parameter {name}=…"),
            )
        })?;
        if let Some(allowed) = entry.node.get("AllowedValues").and_then(Node::as_list)
            && !allowed.iter().any(|value| value.as_text() == Some(&text))
        {
            return Err(Fault::new(
                entry.line,
                format!("the parameter `{name}` can't be `{text}`: see its AllowedValues"),
            ));
        }
        let node = match kind {
            "String" | "Number" => Node::text(entry.line, text),
            "CommaDelimitedList" | "List<Number>" => Node {
                line: entry.line,
                value: Value::List(
                    text.split(',')
                        .map(str::trim)
                        .filter(|item| !item.is_empty())
                        .map(|item| Node::text(entry.line, item))
                        .collect(),
                ),
            },
            // Identifiers of things in a network; here there is none, and
            // only properties without local meaning use them.
            other if other.starts_with("List<AWS::EC2::") || other.starts_with("AWS::EC2::") => {
                Node::text(entry.line, text)
            }
            other => {
                return Err(Fault::new(
                    entry.line,
                    format!(
                        "the parameter `{name}` has the type {other}, which isn't supported on this machine"
                    ),
                ));
            }
        };
        values.insert(name.clone(), node);
    }
    match overrides.keys().find(|name| !values.contains_key(*name)) {
        None => Ok(values),
        Some(name) => Err(Fault::new(
            section.map_or(1, |node| node.line),
            format!("there is no parameter `{name}` to set"),
        )),
    }
}
