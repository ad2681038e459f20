//! Reads the properties of a resource and reports those that were never read.

use std::{cell::RefCell, collections::BTreeSet};

use serde_json::Value as Json;

use super::{
    document::{Entry, Node},
    error::Fault,
    intrinsics::Scope,
    physical::{Resource, STREAM_LABEL},
};

/// Resource types, a line each, and their properties that authorise, describe, monitor,
/// encrypt or place something, which one machine neither needs nor can honour.
const IGNORED: &str = include_str!("ignored_properties.txt");

/// The properties of this type in that list; none if the type isn't in it.
pub(crate) fn ignored(kind: &str) -> Option<impl Iterator<Item = &'static str>> {
    let mut lines = IGNORED.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(known, _)| *known == kind).map(|(_, properties)| properties.split(' '))
}

/// A set of properties that must all be either read or ignored by name.
///
/// [`Properties::finish`] reports the others, so that no property that changes what a
/// deployment does is silently ignored.
pub(crate) struct Properties<'s> {
    /// `SendFunction`, or `SendFunction.Events.Queue`.
    owner: String,
    scope: &'s Scope<'s>,
    line: usize,
    entries: Vec<Entry>,
    seen: RefCell<BTreeSet<String>>,
}

impl<'s> Properties<'s> {
    /// The properties in `node`; none at all if it is absent.
    pub(crate) fn new(
        owner: impl Into<String>,
        scope: &'s Scope<'s>,
        node: Option<&Node>,
        line: usize,
    ) -> Result<Self, Fault> {
        let owner = owner.into();
        let node = node.map(|node| scope.choose(node)).transpose()?.flatten();
        let entries = match node {
            None => Vec::new(),
            Some(node) if node.is_null() => Vec::new(),
            Some(node) => node
                .as_map()
                .ok_or_else(|| {
                    Fault::new(node.line, format!("{owner}: properties are expected here"))
                })?
                .to_vec(),
        };
        Ok(Self { owner, scope, line, entries, seen: RefCell::default() })
    }

    /// The properties of a resource.
    pub(crate) fn for_resource(
        scope: &'s Scope<'s>,
        id: &str,
        resource: &Resource,
    ) -> Result<Self, Fault> {
        let properties = Self::new(id, scope, resource.properties.as_ref(), resource.line)?;
        properties.ignore_without_meaning(&resource.kind);
        Ok(properties)
    }

    /// Where these properties belong.
    pub(crate) fn owner(&self) -> &str {
        &self.owner
    }

    /// The line of a property, or of the whole if it isn't there.
    pub(crate) fn line(&self, name: &str) -> usize {
        self.entries.iter().find(|entry| entry.key == name).map_or(self.line, |entry| entry.line)
    }

    /// An error about one property.
    pub(crate) fn fault(&self, name: &str, message: impl std::fmt::Display) -> Fault {
        Fault::new(self.line(name), format!("{}: `{name}` {message}", self.owner))
    }

    /// The property, worked out.
    pub(crate) fn node(&self, name: &str) -> Result<Option<Node>, Fault> {
        self.seen.borrow_mut().insert(name.to_owned());
        let entry = self.entries.iter().find(|entry| entry.key == name);
        let node = entry.map(|entry| self.scope.resolve(&entry.node)).transpose()?.flatten();
        Ok(node.filter(|node| !node.is_null()))
    }

    /// A text.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Fault> {
        let Some(node) = self.node(name)? else { return Ok(None) };
        node.as_text()
            .map(|text| Some(text.to_owned()))
            .ok_or_else(|| self.fault(name, "must be a text"))
    }

    /// A text that has to be there.
    pub(crate) fn required(&self, name: &str) -> Result<String, Fault> {
        self.text(name)?.ok_or_else(|| self.fault(name, "is missing"))
    }

    /// Refuses any other text than this one.
    pub(crate) fn only(&self, name: &str, supported: &str) -> Result<(), Fault> {
        match self.text(name)? {
            Some(other) if other != supported => Err(self.only_supports(name, supported)),
            _ => Ok(()),
        }
    }

    /// Requires this text.
    pub(crate) fn require(&self, name: &str, supported: &str) -> Result<(), Fault> {
        self.required(name)?;
        self.only(name, supported)
    }

    /// An error: only this is supported.
    pub(crate) fn only_supports(&self, name: &str, supported: &str) -> Fault {
        self.fault(name, format!("isn't supported on this machine unless it is {supported}"))
    }

    /// One of several texts, as what it stands for.
    pub(crate) fn one_of<T: Copy>(
        &self,
        name: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, Fault> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match choices.iter().find(|(choice, _)| *choice == text) {
            Some((_, meaning)) => Ok(Some(*meaning)),
            None => {
                let choices: Vec<_> = choices.iter().map(|(choice, _)| *choice).collect();
                let choices = choices.join(" or ");
                Err(self.fault(name, format!("must be {choices}, not `{text}`")))
            }
        }
    }

    /// The name at the end of an ARN of the given service that stands in this template;
    /// `what` names it in the error.
    pub(crate) fn name_in_arn(
        &self,
        name: &str,
        (service, prefix): (&str, &str),
        what: &str,
    ) -> Result<String, Fault> {
        let arn = self.required(name)?;
        let found = arn.strip_prefix(&self.scope.target.arn(service, prefix));
        let found = found.map(|name| name.trim_end_matches(STREAM_LABEL).to_owned());
        found
            .filter(|found| !found.is_empty())
            .ok_or_else(|| self.fault(name, format!("must be the {what}")))
    }

    /// The queue of this template whose ARN stands here.
    pub(crate) fn queue(&self, name: &str) -> Result<String, Fault> {
        self.name_in_arn(name, ("sqs", ""), "Arn of a queue in this template")
    }

    /// The table of this template whose stream's ARN stands here.
    pub(crate) fn table_of_stream(&self, name: &str) -> Result<String, Fault> {
        self.name_in_arn(name, ("dynamodb", "table/"), "StreamArn of a table in this template")
    }

    /// A whole number between two bounds, both allowed.
    pub(crate) fn number(&self, name: &str, least: i64, most: i64) -> Result<Option<i64>, Fault> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match text.parse::<i64>() {
            Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(self.fault(
                name,
                format!("must be a whole number from {least} to {most}, not `{text}`"),
            )),
        }
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, Fault> {
        self.one_of(name, &[("true", true), ("false", false)])
    }

    /// A list of texts.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<String>, Fault> {
        let Some(node) = self.node(name)? else { return Ok(Vec::new()) };
        let items = node.as_list().ok_or_else(|| self.fault(name, "must be a list"))?;
        let texts = items.iter().map(|item| item.as_text().map(str::to_owned));
        texts.collect::<Option<_>>().ok_or_else(|| self.fault(name, "must be a list of texts"))
    }

    /// Anything, as JSON.
    pub(crate) fn json(&self, name: &str) -> Result<Option<Json>, Fault> {
        Ok(self.node(name)?.map(|node| node.json()))
    }

    /// Anything that has to be there, as JSON.
    pub(crate) fn required_json(&self, name: &str) -> Result<Json, Fault> {
        self.json(name)?.ok_or_else(|| self.fault(name, "is missing"))
    }

    /// Properties within a property that has to be there. The caller finishes them as well.
    pub(crate) fn required_section(&self, name: &str) -> Result<Self, Fault> {
        self.section(name)?.ok_or_else(|| self.fault(name, "is missing"))
    }

    /// Properties within a property. The caller finishes them as well.
    pub(crate) fn section(&self, name: &str) -> Result<Option<Self>, Fault> {
        self.seen.borrow_mut().insert(name.to_owned());
        let Some(entry) = self.entries.iter().find(|entry| entry.key == name) else {
            return Ok(None);
        };
        let owner = format!("{}.{name}", self.owner);
        Self::new(owner, self.scope, Some(&entry.node), entry.line).map(Some)
    }

    /// The names in here, for maps whose keys are free (events, variables).
    pub(crate) fn names(&self) -> Vec<String> {
        self.entries.iter().map(|entry| entry.key.clone()).collect()
    }

    /// Properties that mean nothing on one machine (permissions, tags, …).
    pub(crate) fn ignore(&self, names: &[&str]) {
        self.seen.borrow_mut().extend(names.iter().map(|name| (*name).to_owned()));
    }

    /// Those of resources of this type that mean nothing on one machine.
    pub(crate) fn ignore_without_meaning(&self, kind: &str) {
        self.seen.borrow_mut().extend(ignored(kind).into_iter().flatten().map(str::to_owned));
    }

    /// Ends the reading: a property that was neither read nor ignored is an
    /// error that names it.
    pub(crate) fn finish(self) -> Result<(), Fault> {
        let seen = self.seen.borrow();
        match self.entries.iter().find(|entry| !seen.contains(&entry.key)) {
            None => Ok(()),
            Some(entry) => Err(Fault::new(
                entry.line,
                format!(
                    "{}: the property `{}` isn't supported on this machine",
                    self.owner, entry.key
                ),
            )),
        }
    }
}
