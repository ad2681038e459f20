//! Reads the properties of a resource and reports those that were never read.

use std::{cell::RefCell, collections::BTreeSet};

use serde_json::Value as Json;

use super::{
    document::{Entry, Node},
    error::Fault,
    intrinsics::Scope,
};

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
        match self.text(name)?.as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(self.fault(name, format!("must be true or false, not `{other}`"))),
        }
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
