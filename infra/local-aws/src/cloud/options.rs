//! What to start, and where.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{logs::Logs, observer::TrafficObserver};

/// What to start, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// The SAM template.
    pub template: PathBuf,
    /// The name of the first stack; by default that of the template's folder (or of its
    /// file, if that isn't called `template`), followed by `-local`.
    pub stack: Option<String>,
    /// Templates of further stacks. Each is called as its folder (or its file, if that
    /// isn't called `template`).
    pub extra_stacks: Vec<PathBuf>,
    /// The folder of the functions' binaries. Those of extra stacks may also be in the
    /// `target/debug` beside the `target/lambda` that a `CodeUri` leads to.
    pub binaries: PathBuf,
    /// The port of the HTTP API; 0 for a free one. HTTP APIs of extra stacks have
    /// the ports after it, in that order.
    pub http_port: u16,
    /// The port of AWS; 0 for a free one.
    pub aws_port: u16,
    /// Names by which callers may address every port, besides `localhost` and IP addresses.
    pub host_names: Vec<String>,
    /// Where data is kept over restarts; memory if nowhere.
    pub data: Option<PathBuf>,
    /// Values of the templates' parameters. One goes to all templates that have the
    /// parameter; a parameter that no template has is an error.
    pub parameters: BTreeMap<String, String>,
    /// Values for parameters that [`Options::parameters`] doesn't set, in templates that
    /// have them.
    pub parameter_defaults: BTreeMap<String, String>,
    /// The file to which is appended what functions use of what they may; see [`Permissions::write_uses`].
    ///
    /// [`Permissions::write_uses`]: crate::services::permission::Permissions::write_uses
    pub uses: Option<PathBuf>,
    /// Where the functions' logs go.
    pub logs: Logs,
    /// Whether the functions log in JSON, as they do on AWS, rather than for reading.
    pub json_logs: bool,
    /// Environment variables of all functions, besides those of the template.
    pub environment: BTreeMap<String, String>,
    /// Whether each invocation has a trace id of its own, as on AWS, or none.
    pub traces: bool,
    /// Observers of what functions are invoked with, answer, and ask of AWS.
    pub observers: Vec<TrafficObserver>,
    /// How many processes a function may have at most. An invocation beyond
    /// them waits; one beyond the template's reserved concurrency is throttled.
    pub environments: usize,
    /// How much longer than its timeout an invocation may take before its process is
    /// killed, and a request before the HTTP API gives up. Zero on AWS; tests that aren't
    /// about time set more, so that they don't depend on how busy the machine is. The
    /// deadline that the function sees stays that of its timeout.
    pub timeout_grace: Duration,
    /// How long a process may have nothing to do before it is stopped.
    pub idle: Duration,
}

impl Options {
    /// Free ports, data in memory, no logs, binaries beside this program's own.
    pub fn new(template: impl Into<PathBuf>) -> Self {
        Self {
            template: template.into(),
            stack: None,
            extra_stacks: Vec::new(),
            binaries: beside_this_program(),
            http_port: 0,
            aws_port: 0,
            host_names: Vec::new(),
            data: None,
            parameters: BTreeMap::new(),
            parameter_defaults: BTreeMap::new(),
            uses: None,
            logs: Logs::silent(),
            json_logs: false,
            environment: BTreeMap::new(),
            traces: true,
            observers: Vec::new(),
            environments: 10,
            timeout_grace: Duration::ZERO,
            idle: Duration::from_secs(600),
        }
    }
}

/// The folder of this program; for a test, the one above, where cargo puts binaries.
fn beside_this_program() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let folder = program.parent().unwrap_or(Path::new("."));
    let above =
        folder.parent().filter(|_| folder.ends_with("deps") || folder.ends_with("examples"));
    above.unwrap_or(folder).to_owned()
}
