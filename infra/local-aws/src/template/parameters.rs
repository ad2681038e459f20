//! The template's parameters and the values they have on this machine.

use std::collections::BTreeMap;

use super::{
    document::{Entry, Node, Value},
    error::Fault,
};
use regex_lite::Regex;

/// Each parameter's value: an override, a local default, or the template's own.
///
/// `AllowedValues`, `AllowedPattern`, `MinValue` and `MaxValue` are held to, so that
/// what CloudFormation would refuse is refused here. A `defaults` of this machine's
/// own has its own reasons.
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
        let chosen = overrides.get(name);
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
        if chosen.is_some() || !defaults.contains_key(name) {
            constrain(entry, kind, &text)?;
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

/// Refuses a value as CloudFormation does ("Parameters section": a pattern has to
/// fit the whole value, and of a list each member).
fn constrain(entry: &Entry, kind: &str, text: &str) -> Result<(), Fault> {
    let name = &entry.key;
    let refused = |why: String| {
        Err(Fault::new(entry.line, format!("the parameter `{name}` can't be `{text}`: {why}")))
    };
    let written = |constraint: &str| entry.node.get(constraint).and_then(Node::as_text);
    if kind == "Number" {
        let Ok(number) = text.parse::<f64>() else {
            return refused("it must be a number".to_owned());
        };
        let bound = |constraint| written(constraint).and_then(|bound| bound.parse::<f64>().ok());
        if let Some(least) = bound("MinValue").filter(|least| number < *least) {
            return refused(format!("it must be at least {least}"));
        }
        if let Some(most) = bound("MaxValue").filter(|most| number > *most) {
            return refused(format!("it must be at most {most}"));
        }
    }
    let Some(pattern) = written("AllowedPattern") else { return Ok(()) };
    let regex = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
        Fault::new(entry.line, format!("the AllowedPattern of `{name}` can't be read: {error}"))
    })?;
    let members: Vec<_> = if kind == "CommaDelimitedList" {
        text.split(',').map(str::trim).collect()
    } else {
        vec![text]
    };
    match members.iter().all(|member| regex.is_match(member)) {
        true => Ok(()),
        false => refused(format!("it must be like {pattern}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::document;
    use crate::template::tests::map;

    const SMALL: &str = "\
Days: { Type: Number, Default: 30, MinValue: 15, MaxValue: 99 }
Stage: { Type: String, Default: prod, AllowedPattern: '[a-z]+' }
Origins: { Type: CommaDelimitedList, Default: '', AllowedPattern: '^(https://[a-z.]+)?$' }
";

    #[test]
    fn a_value_that_cloudformation_would_refuse_is_refused() {
        let section = document::parse(SMALL).unwrap();
        let given = |given: &[(&str, &str)]| read(Some(&section), &map(&[]), &map(given));
        for fine in [
            &[][..],
            &[
                ("Days", "15"),
                ("Stage", "local"),
                ("Origins", "https://a.example, https://b.example"),
            ],
        ] {
            given(fine).unwrap();
        }
        for (name, value, line, why) in [
            ("Days", "14", 1, "it must be at least 15"),
            ("Days", "100", 1, "it must be at most 99"),
            ("Days", "many", 1, "it must be a number"),
            ("Stage", "local2", 2, "it must be like [a-z]+"),
            ("Stage", "", 2, "it must be like"),
            ("Origins", "https://a.example,b.example", 3, "it must be like"),
        ] {
            let fault = given(&[(name, value)]).unwrap_err();
            assert!(fault.message.contains(why), "{}: expected {why}", fault.message);
            assert_eq!(fault.line, line, "{}", fault.message);
        }
        let own = map(&[("Stage", "local2")]);
        read(Some(&section), &own, &map(&[])).unwrap();
    }
}
