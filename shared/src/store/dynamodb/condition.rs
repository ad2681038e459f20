//! Conditions, built without naming placeholders: `attr("state").equals(string("free"))`.
//!
//! Names and values are given placeholders when a request is made of them, so that
//! none collides with another, nor with one of DynamoDB's reserved words.

use super::item::string;
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::HashMap;

/// A piece of an expression.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Text(&'static str),
    Name(String),
    Value(AttributeValue),
}

/// A condition on one item.
#[derive(Clone, Debug)]
pub(in crate::store) struct Condition {
    parts: Vec<Part>,
    /// Whether it is an `OR`, which is put into parentheses within an `AND`.
    is_or: bool,
}

/// An attribute, of which a condition is made.
#[derive(Clone, Debug)]
pub(in crate::store) struct Attribute(Vec<Part>);

/// The attribute of this name.
pub(in crate::store) fn attr(name: impl Into<String>) -> Attribute {
    Attribute(vec![Part::Name(name.into())])
}

/// An attribute of a map.
pub(in crate::store) fn nested(map: &str, name: &str) -> Attribute {
    let (map, name) = (Part::Name(map.to_owned()), Part::Name(name.to_owned()));
    Attribute(vec![map, Part::Text("."), name])
}

impl Attribute {
    pub(in crate::store) fn exists(self) -> Condition {
        self.function("attribute_exists(", None)
    }

    pub(in crate::store) fn not_exists(self) -> Condition {
        self.function("attribute_not_exists(", None)
    }

    pub(in crate::store) fn begins_with(self, prefix: &str) -> Condition {
        self.function("begins_with(", Some(string(prefix)))
    }

    /// Whether a set has this member.
    pub(in crate::store) fn contains(self, member: &str) -> Condition {
        self.function("contains(", Some(string(member)))
    }

    pub(in crate::store) fn equals(self, value: AttributeValue) -> Condition {
        self.compared(" = ", Part::Value(value))
    }

    pub(in crate::store) fn less_than(self, value: AttributeValue) -> Condition {
        self.compared(" < ", Part::Value(value))
    }

    pub(in crate::store) fn at_most(self, value: AttributeValue) -> Condition {
        self.compared(" <= ", Part::Value(value))
    }

    pub(in crate::store) fn greater_than(self, value: AttributeValue) -> Condition {
        self.compared(" > ", Part::Value(value))
    }

    pub(in crate::store) fn at_least(self, value: AttributeValue) -> Condition {
        self.compared(" >= ", Part::Value(value))
    }

    /// Whether a set has fewer members than another attribute says.
    pub(in crate::store) fn has_fewer_members_than(self, limit: &str) -> Condition {
        let mut size = vec![Part::Text("size(")];
        size.extend(self.0);
        size.push(Part::Text(")"));
        Self(size).compared(" < ", Part::Name(limit.to_owned()))
    }

    fn compared(mut self, operator: &'static str, right: Part) -> Condition {
        self.0.extend([Part::Text(operator), right]);
        Condition { parts: self.0, is_or: false }
    }

    fn function(self, name: &'static str, argument: Option<AttributeValue>) -> Condition {
        let mut parts = vec![Part::Text(name)];
        parts.extend(self.0);
        if let Some(argument) = argument {
            parts.extend([Part::Text(", "), Part::Value(argument)]);
        }
        parts.push(Part::Text(")"));
        Condition { parts, is_or: false }
    }
}

impl Condition {
    pub(in crate::store) fn and(self, other: Self) -> Self {
        let mut parts = self.in_and();
        parts.push(Part::Text(" AND "));
        parts.extend(other.in_and());
        Self { parts, is_or: false }
    }

    pub(in crate::store) fn or(mut self, other: Self) -> Self {
        self.parts.push(Part::Text(" OR "));
        self.parts.extend(other.parts);
        Self { parts: self.parts, is_or: true }
    }

    /// The opposite.
    pub(in crate::store) fn negated(self) -> Self {
        let mut parts = vec![Part::Text("NOT ("), Part::Text(")")];
        parts.splice(1..1, self.parts);
        Self { parts, is_or: false }
    }

    fn in_and(self) -> Vec<Part> {
        if !self.is_or {
            return self.parts;
        }
        let mut parts = vec![Part::Text("("), Part::Text(")")];
        parts.splice(1..1, self.parts);
        parts
    }

    pub(super) fn into_parts(self) -> Vec<Part> {
        self.parts
    }
}

/// The placeholders of one request.
#[derive(Debug, Default)]
pub(super) struct Placeholders {
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Placeholders {
    /// The text of an expression.
    pub(super) fn text(&mut self, parts: impl IntoIterator<Item = Part>) -> String {
        let mut text = String::new();
        for part in parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Name(name) => text.push_str(&self.name(&name)),
                Part::Value(value) => {
                    let placeholder = format!(":v{}", self.values.len());
                    text.push_str(&placeholder);
                    self.values.insert(placeholder, value);
                }
            }
        }
        text
    }

    /// The placeholder of an attribute's name.
    pub(super) fn name(&mut self, name: &str) -> String {
        if let Some((known, _)) = self.names.iter().find(|(_, known)| *known == name) {
            return known.clone();
        }
        let placeholder = format!("#n{}", self.names.len());
        self.names.insert(placeholder.clone(), name.to_owned());
        placeholder
    }

    /// None if the expressions have no names: DynamoDB takes no empty map.
    pub(super) fn names(&self) -> Option<HashMap<String, String>> {
        (!self.names.is_empty()).then(|| self.names.clone())
    }

    /// None if the expressions have no values.
    pub(super) fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::item::number;
    use super::*;

    fn text(condition: Condition) -> String {
        Placeholders::default().text(condition.into_parts())
    }

    #[test]
    fn or_within_and_has_parentheses_and_nothing_else_has() {
        let one = || attr("a").exists();
        let other = || attr("b").equals(number(1_u64));
        assert_eq!(text(one()), "attribute_exists(#n0)");
        assert_eq!(
            text(one().or(other()).and(one())),
            "(attribute_exists(#n0) OR #n1 = :v0) AND attribute_exists(#n0)"
        );
        assert_eq!(
            text(one().and(other()).or(one())),
            "attribute_exists(#n0) AND #n1 = :v0 OR attribute_exists(#n0)"
        );
        assert_eq!(text(one().negated().and(other())), "NOT (attribute_exists(#n0)) AND #n1 = :v0");
        assert_eq!(text(nested("a", "b").begins_with("x")), "begins_with(#n0.#n1, :v0)");
        assert_eq!(text(attr("set").has_fewer_members_than("limit")), "size(#n0) < #n1");
    }
}
