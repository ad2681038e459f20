//! The SAM template, read for one machine.
//!
//! The template is the only place where functions, routes, schedules, tables and queues
//! are defined; this module turns it into what the other modules run. Whatever would change how the deployment behaves and is
//! not supported here is an error with its line, so that nothing is left out silently. What has no meaning on one machine
//! (roles of what isn't a function, alarms, tags, log formats) is ignored by name.
//!
//! Sources: the AWS Serverless Application Model developer guide ("AWS SAM
//! resources and properties") and the CloudFormation user guide ("Intrinsic
//! function reference", "Pseudo parameters reference").

mod cloudwatch;
mod document;
mod error;
mod event;
mod execution_role;
mod function;
mod http_api;
mod ignored_resources;
mod intrinsics;
mod mapping;
mod model;
mod parameters;
mod physical;
mod pipe;
mod policies;
mod properties;
mod role;
mod rules;
mod storage;
mod target;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use document::Node;
use intrinsics::Scope;
use physical::Resource;

pub(crate) use error::Fault;
pub use error::TemplateError;
pub use event::Every;
pub use mapping::Start;
pub use model::{
    BusTarget, Function, Pipe, Queue, QueueMapping, Rule, Schedule, StoredParameter, StreamMapping,
};
pub use target::DeploymentTarget;

pub use crate::gateway::Cors;
use crate::route::Route;

/// Everything the template says that matters on one machine.
#[derive(Clone, Debug, Default)]
pub struct Template {
    /// The functions, in the order of their logical ids.
    pub functions: Vec<Function>,
    /// The routes of the HTTP API.
    pub routes: Vec<Route>,
    /// The CORS configuration, if there is one.
    pub cors: Option<Cors>,
    /// What is invoked by the clock.
    pub schedules: Vec<Schedule>,
    /// Which table's stream goes to which function.
    pub streams: Vec<StreamMapping>,
    /// Which events of a bus go to which function.
    pub rules: Vec<Rule>,
    /// Which table's stream goes to which bus.
    pub pipes: Vec<Pipe>,
    /// Which queue goes to which function.
    pub queue_mappings: Vec<QueueMapping>,
    /// The tables, as `CreateTable` requests with `TimeToLiveSpecification`.
    pub tables: Vec<serde_json::Value>,
    /// The queues.
    pub queues: Vec<Queue>,
    /// The parameters that the template itself puts.
    pub parameters: Vec<StoredParameter>,
    /// The alarms' properties. Nothing here sounds them.
    pub alarms: Vec<serde_json::Value>,
    /// The bodies of the dashboards. Nothing here shows them.
    pub dashboards: Vec<serde_json::Value>,
}

impl Template {
    /// Reads the file at `path` for `place`.
    ///
    /// `defaults` fill parameters that the template happens to have (`Stage`,
    /// `Issuer`, …); `overrides` are requested, so one for a parameter
    /// that the template hasn't got is an error.
    pub fn read(
        path: &Path,
        target: &DeploymentTarget,
        defaults: &BTreeMap<String, String>,
        overrides: &BTreeMap<String, String>,
    ) -> Result<Self, TemplateError> {
        let read = |text: String| Self::parse(&text, target, defaults, overrides);
        text(path).and_then(read).map_err(|fault| fault.in_file(path))
    }

    /// The names of the parameters of the template at `path`.
    pub(crate) fn parameter_names(path: &Path) -> Result<BTreeSet<String>, TemplateError> {
        let root = text(path).and_then(|text| document::parse(&text));
        let root = root.map_err(|fault| fault.in_file(path))?;
        let section = root.get("Parameters").and_then(Node::as_map).unwrap_or_default();
        Ok(section.iter().map(|parameter| parameter.key.clone()).collect())
    }

    fn parse(
        text: &str,
        target: &DeploymentTarget,
        defaults: &BTreeMap<String, String>,
        overrides: &BTreeMap<String, String>,
    ) -> Result<Self, Fault> {
        let root = document::parse(text)?;
        let sections = root
            .as_map()
            .ok_or_else(|| Fault::new(root.line, "a template has sections, such as Resources"))?;
        for section in sections {
            match section.key.as_str() {
                "AWSTemplateFormatVersion"
                | "Description"
                | "Metadata"
                | "Outputs"
                | "Parameters"
                | "Rules"
                | "Conditions"
                | "Mappings"
                | "Globals"
                | "Resources" => {}
                "Transform" if section.node.as_text() == Some("AWS::Serverless-2016-10-31") => {}
                "Transform" => {
                    return Err(Fault::new(
                        section.line,
                        "Transform: only AWS::Serverless-2016-10-31 is supported",
                    ));
                }
                other => {
                    return Err(Fault::new(
                        section.line,
                        format!("the section `{other}` isn't supported on this machine"),
                    ));
                }
            }
        }
        let parameters = parameters::read(root.get("Parameters"), defaults, overrides)?;
        let scope = Scope::new(&root, parameters, resources(&root)?, target);
        rules::check(&scope, root.get("Rules"))?;
        let globals = function::globals(&root)?;

        let mut template = Self::default();
        // What there can be only one of, and who has it.
        let mut names = BTreeMap::new();
        for (id, resource) in scope.resources() {
            if let Some(condition) = &resource.condition
                && !scope.condition(condition, resource.line)?
            {
                continue;
            }
            let name = match resource.kind.as_str() {
                // This machine serves one HTTP API, whatever it is called.
                physical::HTTP_API | physical::API => Some(String::new()),
                physical::STAGE => Some("$default".to_owned()),
                physical::FUNCTION
                | physical::TABLE
                | physical::QUEUE
                | physical::PIPE
                | physical::ROLE
                | physical::PARAMETER => Some(physical::name(&scope, id, resource)?),
                _ => None,
            };
            if let Some(name) = name {
                let kind = match resource.kind.as_str() {
                    physical::API => physical::HTTP_API,
                    kind => kind,
                };
                only_one(&mut names, kind, name, id, resource.line)?;
            }
            template.add(&scope, globals.as_ref(), id, resource)?;
        }
        Ok(template)
    }

    fn add(
        &mut self,
        scope: &Scope<'_>,
        globals: Option<&Node>,
        id: &str,
        resource: &Resource,
    ) -> Result<(), Fault> {
        match resource.kind.as_str() {
            physical::FUNCTION => {
                let mut function = function::read(scope, globals, id, resource)?;
                event::read(self, scope, &mut function, globals, id, resource)?;
                self.functions.push(function);
            }
            physical::HTTP_API => http_api::read_auth(scope, id, resource).map(drop)?,
            physical::API => self.cors = http_api::api(scope, id, resource)?,
            physical::STAGE => http_api::stage(scope, id, resource)?,
            physical::AUTHORIZER => http_api::authorizer(scope, id, resource).map(drop)?,
            physical::INTEGRATION => http_api::integration(scope, id, resource)?,
            physical::ROUTE => {
                let route = http_api::route(scope, id, resource)?;
                self.add_route(route).map_err(|message| {
                    Fault::new(resource.line, format!("{id}: `RouteKey` {message}"))
                })?;
            }
            physical::TABLE => self.tables.push(storage::table(scope, id, resource)?),
            physical::QUEUE => self.queues.push(storage::queue(scope, id, resource)?),
            physical::PIPE => self.pipes.extend(pipe::read(scope, id, resource)?),
            physical::ROLE => role::read(scope, id, resource).map(drop)?,
            physical::PARAMETER => self.parameters.push(storage::parameter(scope, id, resource)?),
            physical::ALARM => self.alarms.push(cloudwatch::alarm(scope, id, resource)?),
            physical::DASHBOARD => {
                self.dashboards.push(cloudwatch::dashboard(scope, id, resource)?);
            }
            kind if ignored_resources::knows(kind) => {
                ignored_resources::check(scope, id, resource)?;
            }
            kind => {
                return Err(Fault::new(
                    resource.line,
                    format!("{id}: a resource of type {kind} isn't supported on this machine"),
                ));
            }
        }
        Ok(())
    }

    /// Adds a route, unless another would take the same requests.
    fn add_route(&mut self, route: Route) -> Result<(), String> {
        if let Some(taken) = self.routes.iter().find(|known| known.key() == route.key()) {
            return Err(format!("{route} leads to the function `{}` already", taken.function));
        }
        self.routes.push(route);
        Ok(())
    }
}

fn text(path: &Path) -> Result<String, Fault> {
    std::fs::read_to_string(path).map_err(|error| Fault::new(1, format!("can't be read: {error}")))
}

/// Notes that a resource has a name among those of its kind, or says who else has.
fn only_one<'s>(
    names: &mut BTreeMap<(&'s str, String), &'s str>,
    kind: &'s str,
    name: String,
    id: &'s str,
    line: usize,
) -> Result<(), Fault> {
    let what = if kind == physical::HTTP_API {
        "only one HTTP API is supported on this machine".to_owned()
    } else {
        format!("the name `{name}` is taken")
    };
    match names.insert((kind, name), id) {
        Some(other) => Err(Fault::new(line, format!("{id}: {what}, and there is {other}"))),
        None => Ok(()),
    }
}

fn resources(root: &Node) -> Result<BTreeMap<String, Resource>, Fault> {
    let section =
        root.get("Resources").ok_or_else(|| Fault::new(1, "the section Resources is missing"))?;
    let entries = section
        .as_map()
        .ok_or_else(|| Fault::new(section.line, "Resources: resources are expected"))?;
    let mut resources = BTreeMap::new();
    for entry in entries {
        let id = &entry.key;
        let body = entry.node.as_map().ok_or_else(|| {
            Fault::new(entry.line, format!("{id}: a resource has a Type and Properties"))
        })?;
        let mut resource = Resource {
            line: entry.line,
            kind: String::new(),
            properties: None,
            condition: None,
            depends_on: Vec::new(),
        };
        for attribute in body {
            let text = || {
                attribute.node.as_text().map(str::to_owned).ok_or_else(|| {
                    Fault::new(attribute.line, format!("{id}: `{}` must be a text", attribute.key))
                })
            };
            match attribute.key.as_str() {
                "Type" => resource.kind = text()?,
                "Properties" => resource.properties = Some(attribute.node.clone()),
                "Condition" => resource.condition = Some(text()?),
                "DependsOn" => {
                    let one = std::slice::from_ref(&attribute.node);
                    let several = attribute.node.as_list().unwrap_or(one);
                    let names = several.iter().filter_map(Node::as_text);
                    resource.depends_on = names.map(str::to_owned).collect();
                }
                "DeletionPolicy" | "UpdateReplacePolicy" | "Metadata" => {}
                other => {
                    return Err(Fault::new(
                        attribute.line,
                        format!("{id}: the attribute `{other}` isn't supported on this machine"),
                    ));
                }
            }
        }
        if resource.kind.is_empty() {
            return Err(Fault::new(entry.line, format!("{id}: `Type` is missing")));
        }
        resources.insert(id.clone(), resource);
    }
    Ok(resources)
}

#[cfg(test)]
mod tests;
