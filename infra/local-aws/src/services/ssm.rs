//! Parameter Store: parameters with their versions, in one JSON file or in memory.
//!
//! Rules and limits are those of the Systems Manager API reference and of
//! "Constraints for parameter names"; those of the advanced tier apply to
//! parameters put with it. Not here: labels, tags, policies, allowed patterns.
//! A request that needs one of them is refused rather than half obeyed.

mod api;
mod list;
mod name;
mod parameter;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use persisted::{ChangeId, Persisted};
use serde::{Deserialize, Serialize};

use super::account::now;
use super::error::Error;
use super::refusal::Refusal;
use super::refusal::answer;
pub use parameter::Kind;
use parameter::Parameter;

/// The parameters: a handle, cheap to clone.
#[derive(Clone)]
pub struct ParameterStore {
    state: Arc<Persisted<State>>,
}

#[derive(Default, Serialize, Deserialize)]
struct State {
    parameters: BTreeMap<String, Parameter>,
}

impl ParameterStore {
    /// Reads the parameters in `file`, if it is there, and keeps them there; in memory without.
    pub fn open(file: Option<PathBuf>) -> Result<Self, Error> {
        Ok(Self { state: Arc::new(Persisted::open(file, State::default())?) })
    }

    /// Puts a parameter unless it has this very value, and returns its version.
    ///
    /// The file follows by itself, at the latest when the store is closed.
    pub fn put(&self, name: &str, kind: Kind, value: &str) -> Result<u64, Error> {
        if let Some(version) = self.state.read(|state| {
            let parameter = state.parameters.get(name)?;
            let same = parameter.kind == kind && parameter.latest().value == value;
            same.then(|| parameter.latest().version)
        }) {
            return Ok(version);
        }
        let put = Put { name, kind: Some(kind), value, overwrite: true, ..Put::default() };
        let (version, _) = self.write(&put)?;
        Ok(version)
    }

    /// The value of a parameter's latest version, decrypted; `None` if there is no such parameter.
    pub fn get(&self, name: &str) -> Option<String> {
        self.state.read(|state| Some(state.parameters.get(name)?.latest().value.clone()))
    }

    /// Writes what is unwritten; later changes stay in memory.
    pub(crate) fn close(&self) {
        self.state.close();
    }

    /// Does what a client asks.
    pub(crate) async fn answer(&self, operation: &str, body: &[u8]) -> Response {
        match self.operate(operation, body).await {
            Ok(body) => answer(StatusCode::OK, "1.1", body.to_string()),
            Err(refusal) => refusal.json("1.1"),
        }
    }

    /// Puts a parameter; tells the new version, and the change to wait for.
    fn write(&self, put: &Put<'_>) -> Result<(u64, ChangeId), Refusal> {
        name::check(put.name)?;
        let (version, change) = self.state.change(|state| {
            let now = now();
            match state.parameters.get_mut(put.name) {
                Some(_) if !put.overwrite => Err(Refusal::new(
                    "ParameterAlreadyExists",
                    format!(
                        "The parameter {} already exists. To overwrite this value, set the overwrite option in the request to true.",
                        put.name
                    ),
                )),
                Some(parameter) => parameter.overwrite(put, now),
                None => {
                    let parameter = Parameter::new(put, now)?;
                    state.parameters.insert(put.name.to_owned(), parameter);
                    Ok(1)
                }
            }
        });
        Ok((version?, change))
    }
}

/// What `PutParameter` asks for.
#[derive(Default)]
struct Put<'a> {
    name: &'a str,
    kind: Option<Kind>,
    value: &'a str,
    overwrite: bool,
    description: Option<&'a str>,
    key: Option<&'a str>,
    tier: Option<&'a str>,
}
