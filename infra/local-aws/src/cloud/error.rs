//! What keeps the cloud from starting, and a function from answering.

use std::{io, path::PathBuf};

use serde_json::Value as Json;

use crate::{services, template::TemplateError};

/// Why the cloud doesn't start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A port is taken.
    #[error(
        "port {port} for {what} can't be used ({source}): stop what uses it, or choose another with {option}"
    )]
    Port {
        /// What it was for.
        what: &'static str,
        /// The port.
        port: u16,
        /// The option that chooses another.
        option: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The template.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Two templates make something of one name.
    #[error("{}: there is a {what} called {name} already, of another template: call it otherwise", path.display())]
    Taken {
        /// The later template.
        path: PathBuf,
        /// What kind of thing it is.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A function isn't built.
    #[error("{}, the binary of {function}, doesn't exist: build it (`cargo build --workspace`), or say where it is with --binaries", path.display())]
    Binary {
        /// The function's logical id.
        function: String,
        /// Where it should be.
        path: PathBuf,
    },
    /// DynamoDB, SSM or SQS.
    #[error(transparent)]
    Aws(#[from] services::Error),
    /// The runner itself.
    #[error("the runner can't {doing}: {source}")]
    Runner {
        /// What it wanted to do.
        doing: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The client for this machine's own doors.
    #[error("no HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// Why an invocation has no answer.
#[derive(Debug, thiserror::Error)]
pub enum InvokeFailure {
    /// There is no such function.
    #[error("there is no function {0} in the template")]
    NotFound(String),
    /// As many as may run at once do.
    #[error("{0} is throttled: its reserved concurrency is used up")]
    Throttled(String),
    /// It failed.
    #[error("{function} failed: {error}")]
    Failed {
        /// The function.
        function: String,
        /// `{"errorType": …, "errorMessage": …}`
        error: Json,
    },
    /// It answered with something that isn't JSON.
    #[error("{0} answered with something that isn't JSON")]
    NotJson(String),
}
