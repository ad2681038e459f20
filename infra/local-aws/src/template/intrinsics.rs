//! Works out `Ref`, `Fn::Sub` and their kin as CloudFormation would, with the
//! names and addresses that things have on this machine.

use std::{cell::RefCell, collections::BTreeMap};

use super::{
    document::{Entry, Node, Value},
    error::Fault,
    physical::{self, Resource},
    target::DeploymentTarget,
};

/// Everything an expression may speak of.
pub(crate) struct Scope<'a> {
    pub(crate) target: &'a DeploymentTarget,
    parameters: BTreeMap<String, Node>,
    conditions: Option<&'a Node>,
    mappings: Option<&'a Node>,
    resources: BTreeMap<String, Resource>,
    /// What is being worked out right now, to notice circles.
    under_way: RefCell<Vec<String>>,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(
        root: &'a Node,
        parameters: BTreeMap<String, Node>,
        resources: BTreeMap<String, Resource>,
        target: &'a DeploymentTarget,
    ) -> Self {
        Self {
            target,
            parameters,
            conditions: root.get("Conditions"),
            mappings: root.get("Mappings"),
            resources,
            under_way: RefCell::default(),
        }
    }

    /// The resource with this logical id, for `Ref` and `Fn::GetAtt`.
    pub(crate) fn resource(&self, id: &str) -> Option<&Resource> {
        self.resources.get(id)
    }

    /// All resources, by logical id.
    pub(crate) fn resources(&self) -> impl Iterator<Item = (&String, &Resource)> {
        self.resources.iter()
    }

    /// The logical id of an HTTP API that the template makes, if it makes one.
    pub(crate) fn http_api(&self) -> Result<Option<&str>, Fault> {
        match self.made(physical::HTTP_API)? {
            None => self.made(physical::API),
            found => Ok(found),
        }
    }

    /// Whether the template makes something of this type.
    pub(crate) fn has(&self, kind: &str) -> Result<bool, Fault> {
        Ok(self.made(kind)?.is_some())
    }

    /// The logical id of the first thing of this type that the template makes.
    fn made(&self, kind: &str) -> Result<Option<&str>, Fault> {
        Ok(self.made_of(kind)?.first().map(|(id, _)| *id))
    }

    /// Whether the template makes a function of this name.
    pub(crate) fn has_function(&self, name: &str) -> Result<bool, Fault> {
        for (id, resource) in self.made_of(physical::FUNCTION)? {
            if physical::name(self, id, resource)? == name {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Everything of this type that the template makes, by logical id.
    pub(crate) fn made_of(&self, kind: &str) -> Result<Vec<(&str, &Resource)>, Fault> {
        let mut made = Vec::new();
        for (id, resource) in self.resources.iter().filter(|(_, resource)| resource.kind == kind) {
            match &resource.condition {
                Some(condition) if !self.condition(condition, resource.line)? => {}
                _ => made.push((id.as_str(), resource)),
            }
        }
        Ok(made)
    }

    /// The node with every expression in it worked out. `None` stands for
    /// `AWS::NoValue`: the property is as good as absent.
    pub(crate) fn resolve(&self, node: &Node) -> Result<Option<Node>, Fault> {
        if let Some((name, argument)) = node.intrinsic() {
            return self.call(name, argument, node.line);
        }
        let value = match &node.value {
            Value::Scalar { .. } => return Ok(Some(node.clone())),
            Value::List(items) => Value::List(
                items
                    .iter()
                    .filter_map(|item| self.resolve(item).transpose())
                    .collect::<Result<_, _>>()?,
            ),
            Value::Map(entries) => {
                let mut resolved = Vec::with_capacity(entries.len());
                for Entry { key, line, node } in entries {
                    if let Some(node) = self.resolve(node)? {
                        resolved.push(Entry { key: key.clone(), line: *line, node });
                    }
                }
                Value::Map(resolved)
            }
        };
        Ok(Some(Node { line: node.line, value }))
    }

    /// Follows an `Fn::If` at the top of a node and leaves the rest as it is,
    /// so that what isn't read is never evaluated.
    pub(crate) fn choose(&self, node: &Node) -> Result<Option<Node>, Fault> {
        match node.intrinsic() {
            Some(("Fn::If", argument)) => {
                let chosen = self.branch(argument)?;
                self.choose(&chosen.clone())
            }
            Some(_) => self.resolve(node),
            None => Ok(Some(node.clone())),
        }
    }

    /// Whether the condition of this name holds.
    pub(crate) fn condition(&self, name: &str, line: usize) -> Result<bool, Fault> {
        let expression = self
            .conditions
            .and_then(|conditions| conditions.get(name))
            .ok_or_else(|| Fault::new(line, format!("the condition `{name}` isn't defined")))?;
        self.without_circles(format!("Conditions.{name}"), line, || self.truth(expression))
    }

    /// Whether a condition holds, of `Conditions` or of `Rules`.
    pub(crate) fn truth(&self, node: &Node) -> Result<bool, Fault> {
        let line = node.line;
        let terms = |argument: &Node| -> Result<Vec<bool>, Fault> {
            list(argument)?.iter().map(|term| self.truth(term)).collect()
        };
        match node.intrinsic() {
            Some(("Condition", name)) => self.condition(text(name)?, line),
            Some(("Fn::And", argument)) => Ok(terms(argument)?.into_iter().all(|term| term)),
            Some(("Fn::Or", argument)) => Ok(terms(argument)?.into_iter().any(|term| term)),
            Some(("Fn::Not", argument)) => match terms(argument)?.as_slice() {
                [term] => Ok(!term),
                _ => Err(Fault::new(line, "Fn::Not takes one condition")),
            },
            Some(("Fn::Equals", argument)) => match list(argument)? {
                [left, right] => {
                    let side = |node: &Node| Ok(self.resolve(node)?.map(|node| plain_text(&node)));
                    Ok(side(left)? == side(right)?)
                }
                _ => Err(Fault::new(line, "Fn::Equals takes two values")),
            },
            Some((name @ ("Fn::Contains" | "Fn::EachMemberIn"), argument)) => {
                let [left, right] = list(argument)? else {
                    return Err(Fault::new(line, format!("{name} takes two values")));
                };
                let (left, right) = (self.present(left)?, self.present(right)?);
                Ok(match name {
                    "Fn::Contains" => texts(&left)?.contains(&text(&right)?),
                    _ => {
                        let among = texts(&right)?;
                        texts(&left)?.iter().all(|member| among.contains(member))
                    }
                })
            }
            _ => Err(Fault::new(
                line,
                "isn't a condition (Fn::Equals, Fn::And, Fn::Or, Fn::Not, Condition; in Rules also Fn::Contains, Fn::EachMemberIn)",
            )),
        }
    }

    fn call(&self, name: &str, argument: &Node, line: usize) -> Result<Option<Node>, Fault> {
        match name {
            "Ref" => self.reference(text(argument)?, line),
            "Fn::GetAtt" => {
                let path = match &argument.value {
                    Value::Scalar { text, .. } => text.clone(),
                    Value::List(parts) => {
                        parts.iter().map(text).collect::<Result<Vec<_>, _>>()?.join(".")
                    }
                    Value::Map(_) => {
                        return Err(Fault::new(line, "Fn::GetAtt takes a name and an attribute"));
                    }
                };
                self.attribute(&path, line).map(|value| Some(Node::text(line, value)))
            }
            "Fn::Sub" => self.substitute(argument, line).map(|value| Some(Node::text(line, value))),
            "Fn::Join" => match list(argument)? {
                [separator, items] => {
                    let items = self.present(items)?;
                    let parts = list(&items)?.iter().map(text).collect::<Result<Vec<_>, _>>()?;
                    Ok(Some(Node::text(line, parts.join(text(separator)?))))
                }
                _ => Err(Fault::new(line, "Fn::Join takes a separator and a list")),
            },
            "Fn::Split" => match list(argument)? {
                [separator, whole] => {
                    let whole = self.present(whole)?;
                    let parts = text(&whole)?.split(text(separator)?);
                    let items = parts.map(|part| Node::text(line, part)).collect();
                    Ok(Some(Node { line, value: Value::List(items) }))
                }
                _ => Err(Fault::new(line, "Fn::Split takes a separator and a text")),
            },
            "Fn::Select" => match list(argument)? {
                [index, items] => {
                    let (index, items) = (self.present(index)?, self.present(items)?);
                    let item = text(&index)?
                        .parse()
                        .ok()
                        .and_then(|index: usize| list(&items).ok()?.get(index));
                    item.cloned()
                        .map(Some)
                        .ok_or_else(|| Fault::new(line, "Fn::Select finds nothing at this index"))
                }
                _ => Err(Fault::new(line, "Fn::Select takes an index and a list")),
            },
            "Fn::FindInMap" => match list(argument)? {
                [map, top, second] => {
                    let (top, second) = (self.present(top)?, self.present(second)?);
                    let found = self.mappings.and_then(|maps| {
                        maps.get(text(map).ok()?)?.get(text(&top).ok()?)?.get(text(&second).ok()?)
                    });
                    found
                        .cloned()
                        .map(Some)
                        .ok_or_else(|| Fault::new(line, "Fn::FindInMap finds no such entry"))
                }
                _ => Err(Fault::new(line, "Fn::FindInMap takes a map and two keys")),
            },
            "Fn::If" => self.resolve(self.branch(argument)?),
            other => Err(Fault::new(line, format!("{other} isn't supported on this machine"))),
        }
    }

    fn branch<'n>(&self, argument: &'n Node) -> Result<&'n Node, Fault> {
        match list(argument)? {
            [name, then, otherwise] => {
                Ok(if self.condition(text(name)?, name.line)? { then } else { otherwise })
            }
            _ => Err(Fault::new(argument.line, "Fn::If takes a condition and two values")),
        }
    }

    fn present(&self, node: &Node) -> Result<Node, Fault> {
        self.resolve(node)?.ok_or_else(|| Fault::new(node.line, "AWS::NoValue has no place here"))
    }

    fn reference(&self, name: &str, line: usize) -> Result<Option<Node>, Fault> {
        if name == "AWS::NoValue" {
            return Ok(None);
        }
        if let Some(value) = self.target.pseudo_parameter(name) {
            return Ok(Some(Node::text(line, value)));
        }
        if let Some(value) = self.parameters.get(name) {
            return Ok(Some(Node { line, value: value.value.clone() }));
        }
        let value =
            self.without_circles(name.to_owned(), line, || physical::reference(self, name, line))?;
        Ok(Some(Node::text(line, value)))
    }

    fn attribute(&self, path: &str, line: usize) -> Result<String, Fault> {
        let (id, attribute) = path.split_once('.').ok_or_else(|| {
            Fault::new(line, format!("`{path}` names no attribute (Resource.Attribute)"))
        })?;
        self.without_circles(path.to_owned(), line, || {
            physical::attribute(self, id, attribute, line)
        })
    }

    fn substitute(&self, argument: &Node, line: usize) -> Result<String, Fault> {
        let (pattern, variables) = match &argument.value {
            Value::Scalar { text, .. } => (text.as_str(), None),
            Value::List(parts) => match parts.as_slice() {
                [pattern, variables] => (text(pattern)?, Some(variables)),
                _ => return Err(Fault::new(line, "Fn::Sub takes a text and its variables")),
            },
            Value::Map(_) => return Err(Fault::new(line, "Fn::Sub takes a text")),
        };
        let mut result = String::new();
        let mut rest = pattern;
        while let Some(start) = rest.find("${") {
            let end = rest[start..]
                .find('}')
                .ok_or_else(|| Fault::new(line, "Fn::Sub: `${` is never closed"))?;
            result.push_str(&rest[..start]);
            let name = rest[start + 2..start + end].trim();
            rest = &rest[start + end + 1..];
            if let Some(literal) = name.strip_prefix('!') {
                result.push_str(&format!("${{{literal}}}"));
            } else if let Some(variable) = variables.and_then(|variables| variables.get(name)) {
                result.push_str(text(&self.present(variable)?)?);
            } else if name.contains('.') {
                result.push_str(&self.attribute(name, line)?);
            } else {
                let value = self
                    .reference(name, line)?
                    .ok_or_else(|| Fault::new(line, "AWS::NoValue has no place in a text"))?;
                result.push_str(text(&value)?);
            }
        }
        result.push_str(rest);
        Ok(result)
    }

    fn without_circles<T>(
        &self,
        name: String,
        line: usize,
        work: impl FnOnce() -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if self.under_way.borrow().contains(&name) {
            return Err(Fault::new(line, format!("`{name}` is defined by itself")));
        }
        self.under_way.borrow_mut().push(name);
        let result = work();
        self.under_way.borrow_mut().pop();
        result
    }
}

fn text(node: &Node) -> Result<&str, Fault> {
    node.as_text().ok_or_else(|| Fault::new(node.line, "a text is expected here"))
}

fn list(node: &Node) -> Result<&[Node], Fault> {
    node.as_list().ok_or_else(|| Fault::new(node.line, "a list is expected here"))
}

fn texts(node: &Node) -> Result<Vec<&str>, Fault> {
    list(node)?.iter().map(text).collect()
}

/// CloudFormation compares values as text: `true` equals `"true"`.
fn plain_text(node: &Node) -> String {
    node.as_text().map_or_else(|| node.json().to_string(), str::to_owned)
}
