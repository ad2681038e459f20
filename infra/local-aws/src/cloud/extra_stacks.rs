//! Extra stacks: each from a template of its own, beside the first one.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use super::{Error, Options, STAGE, bind};
use crate::template::{DeploymentTarget, Template};

/// An extra stack, with what is not merged into everything else.
pub(super) struct ExtraStack {
    /// Its name.
    pub(super) stack: String,
    /// What its template says.
    pub(super) template: Template,
    /// Where its HTTP API answers, if it has one.
    pub(super) api: Option<(TcpListener, SocketAddr)>,
}

/// The values of parameters for each template: a value goes to all that have the
/// parameter, and one that none has to the first, which refuses it.
pub(super) fn parameters(options: &Options) -> Result<Vec<BTreeMap<String, String>>, Error> {
    let paths = std::iter::once(&options.template).chain(&options.extra_stacks);
    let known: Vec<BTreeSet<String>> =
        paths.map(|path| Template::parameter_names(path)).collect::<Result<_, _>>()?;
    let all: BTreeSet<_> = known.iter().flatten().collect();
    let of = |(at, names): (usize, &BTreeSet<String>)| {
        let own = |name: &String| names.contains(name) || (at == 0 && !all.contains(name));
        let given = options.parameters.iter().filter(|(name, _)| own(name));
        given.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    Ok(known.iter().enumerate().map(of).collect())
}

/// Reads the template at `path`. Its target is the first stack's, but for its name and
/// its HTTP API; `apis` is the number of HTTP APIs of earlier extra stacks.
pub(super) fn read(
    path: &Path,
    apis: usize,
    options: &Options,
    first: &DeploymentTarget,
    parameters: &BTreeMap<String, String>,
) -> Result<ExtraStack, Error> {
    let name = stack_name(path);
    let mut target = DeploymentTarget {
        stack: format!("{name}-{STAGE}"),
        api_id: name.clone(),
        ..first.clone()
    };
    let defaults = &options.parameter_defaults;
    let read = |target: &DeploymentTarget| Template::read(path, target, defaults, parameters);
    let mut template = read(&target)?;
    let mut api = None;
    if !template.routes.is_empty() {
        let next = u16::try_from(apis + 1).unwrap_or(u16::MAX);
        let port = options.http_port.checked_add(next).filter(|_| options.http_port > 0);
        let (listener, address) = bind("an HTTP API", port.unwrap_or_default(), "--http-port")?;
        target.http = format!("http://{address}");
        template = read(&target)?;
        api = Some((listener, address));
    }
    let folder = std::path::absolute(path).unwrap_or_default();
    for function in &mut template.functions {
        if !options.binaries.join(&function.binary).is_file() {
            function.folder = built(folder.parent().unwrap_or(path), &function.code);
        }
    }
    Ok(ExtraStack { stack: name, template, api })
}

/// What a template's stack is called: as its folder, or as its file if that isn't
/// just called `template`.
pub(super) fn stack_name(path: &Path) -> String {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let text =
        |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    match text(whole.file_stem()).as_str() {
        "template" => text(whole.parent().and_then(Path::file_name)),
        stem => stem.to_owned(),
    }
}

/// The folder where cargo puts what runs on this machine, by where cargo-lambda puts
/// what is deployed: `target/debug`, if `CodeUri` leads to `target/lambda/…`.
fn built(template: &Path, code: &str) -> Option<PathBuf> {
    let (target, _) = code.split_once("target/lambda/")?;
    Some(template.join(target).join("target/debug"))
}

/// Adds what another template says to what is run together.
pub(super) fn merge(all: &mut Template, path: &Path, own: Template) -> Result<(), Error> {
    let taken = names(all);
    if let Some((what, name)) = names(&own).into_iter().find(|named| taken.contains(named)) {
        return Err(Error::Taken { path: path.to_owned(), what, name });
    }
    all.functions.extend(own.functions);
    all.schedules.extend(own.schedules);
    all.rules.extend(own.rules);
    all.streams.extend(own.streams);
    all.pipes.extend(own.pipes);
    all.queue_mappings.extend(own.queue_mappings);
    all.tables.extend(own.tables);
    all.queues.extend(own.queues);
    all.parameters.extend(own.parameters);
    Ok(())
}

/// What there can be only one of, by its kind and its name.
fn names(template: &Template) -> BTreeSet<(&'static str, String)> {
    let mut names = BTreeSet::new();
    for function in &template.functions {
        names.insert(("function", function.name.clone()));
        // By its binary a function is found, and called in the log.
        names.insert(("binary", function.binary.clone()));
    }
    names.extend(template.queues.iter().map(|queue| ("queue", queue.name.clone())));
    let table = |table: &serde_json::Value| table["TableName"].as_str().map(str::to_owned);
    names.extend(template.tables.iter().filter_map(table).map(|name| ("table", name)));
    names.extend(template.pipes.iter().map(|pipe| ("pipe", pipe.name.clone())));
    names.extend(template.parameters.iter().map(|it| ("parameter", it.name.clone())));
    names
}
