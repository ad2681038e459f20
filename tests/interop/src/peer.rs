//! A foreign implementation, in a process of its own.
//!
//! It is a script that reads one request per line, in JSON, and answers each
//! with one line.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The folder that `make` installs the foreign implementations into.
#[derive(Clone, Debug)]
pub struct Environment(PathBuf);

/// A foreign implementation that is running. It ends when this is dropped.
#[derive(Debug)]
pub struct Peer {
    /// What it calls itself, with its version.
    pub name: String,
    /// What it runs on, with its version.
    pub runtime: String,
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// A foreign implementation could not be asked. This says nothing about ours.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The script could not be started.
    #[error(
        "{program} does not start: {source}; run this by way of make, which installs what is needed"
    )]
    Start {
        /// What was to be started.
        program: String,
        /// Why it didn't.
        source: io::Error,
    },
    /// The script has ended, or its pipe is broken.
    #[error("{script} ended while it was asked; what it wrote before stands above")]
    Ended {
        /// The script.
        script: String,
    },
    /// The answer is of another shape than asked for.
    #[error("asked to {work}, {script} answered {answer}: {source}")]
    Shape {
        /// The script.
        script: String,
        /// What it was asked to do.
        work: String,
        /// What it said.
        answer: String,
        /// What is wrong with that.
        source: serde_json::Error,
    },
    /// The foreign implementation raised an error.
    #[error("{0}")]
    Raised(String),
}

impl Environment {
    /// What `make` has installed in `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// Starts a script in Python.
    ///
    /// # Errors
    ///
    /// When Python doesn't start, or the script not with it.
    pub fn python(&self, script: &Path) -> Result<Peer, PeerError> {
        Peer::start(self.with_python(script), script)
    }

    /// Starts a script in Node.js.
    ///
    /// # Errors
    ///
    /// When Node.js doesn't start, or the script not with it.
    pub fn node(&self, script: &Path) -> Result<Peer, PeerError> {
        Peer::start(self.with_node(script), script)
    }

    /// What starts a script in Python, whatever it does then.
    #[must_use]
    pub fn with_python(&self, script: &Path) -> Command {
        let mut command = Command::new(self.0.join("python/bin/python"));
        // Isolated: a script may bear the name of the package that it imports.
        command.arg("-I").arg(script);
        command
    }

    /// What starts a script in Node.js, whatever it does then.
    #[must_use]
    pub fn with_node(&self, script: &Path) -> Command {
        let mut command = Command::new("node");
        // Old packages use what Node.js has come to advise against.
        command.arg("--no-deprecation").arg(script);
        command.env("NODE_PATH", self.0.join("node/node_modules"));
        command
    }

    /// Starts a program in Rust.
    ///
    /// # Errors
    ///
    /// When it doesn't start.
    pub fn rust(&self, name: &str) -> Result<Peer, PeerError> {
        let program = self.0.join("rust/debug").join(name);
        Peer::start(Command::new(&program), &program)
    }

    /// Starts a program in Go: `folder/name`.
    ///
    /// # Errors
    ///
    /// When it doesn't start.
    pub fn go(&self, name: &str) -> Result<Peer, PeerError> {
        let program = self.0.join("go").join(name);
        Peer::start(Command::new(&program), &program)
    }

    /// Starts a program in Java: the class with this name.
    ///
    /// # Errors
    ///
    /// When Java doesn't start, or the class not with it.
    pub fn java(&self, class: &str) -> Result<Peer, PeerError> {
        let java = self.0.join("java");
        let path = format!("{0}/classes:{0}/libraries/*", java.display());
        let mut command = Command::new("java");
        command.args(["-cp", &path, class]);
        Peer::start(command, Path::new(class))
    }
}

impl Peer {
    /// What it calls itself, without its version.
    pub fn short_name(&self) -> &str {
        self.name.split(' ').next().unwrap_or_default()
    }

    fn start(mut command: Command, script: &Path) -> Result<Self, PeerError> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|source| PeerError::Start { program, source })?;
        let requests = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("piped, by the lines above"));
        let name = script.display().to_string();
        let mut peer = Self { name, runtime: String::new(), child, requests, answers };
        let identity: Value = peer.request("identify", json!({}))?;
        let text = |name: &str| identity[name].as_str().unwrap_or_default().to_owned();
        (peer.name, peer.runtime) = (text("peer"), text("runtime"));
        Ok(peer)
    }

    /// Asks for some work, which `request` describes further, and waits for it.
    ///
    /// # Errors
    ///
    /// When the foreign implementation raises an error, or can't be asked.
    pub fn request<T: DeserializeOwned>(
        &mut self,
        work: &str,
        mut request: Value,
    ) -> Result<T, PeerError> {
        request["do"] = work.into();
        let line = self.exchange(&request).map_err(|_| self.ended())?;
        let answer: Value = serde_json::from_str(&line).map_err(|_| self.ended())?;
        if let Some(error) = answer["error"].as_str() {
            return Err(PeerError::Raised(error.to_owned()));
        }
        serde_json::from_value(answer).map_err(|source| PeerError::Shape {
            script: self.name.clone(),
            work: work.to_owned(),
            answer: line.trim().to_owned(),
            source,
        })
    }

    fn exchange(&mut self, request: &Value) -> io::Result<String> {
        let requests = self.requests.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(requests, "{request}")?;
        requests.flush()?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(line)
    }

    fn ended(&self) -> PeerError {
        PeerError::Ended { script: self.name.clone() }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.runtime)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The end of its input is the end of a script.
        self.requests = None;
        let _ = self.child.wait();
    }
}
