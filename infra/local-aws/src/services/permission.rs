//! Enforces the policies of the functions' roles.
//!
//! The access key identifies the calling function. A call that its role doesn't
//! allow is refused as AWS refuses it, before any fault and before the service
//! sees it. Every other client (the AWS CLI, tests, with any key) is the
//! administrator. Schedules, mappings and pipes don't call through the port and
//! aren't checked here.
//!
//! The permissions that functions use are recorded, so that a policy that allows too
//! much can be found as well.
//!
//! Sources: IAM user guide ("Policy evaluation logic", "IAM JSON policy elements
//! reference"), Service Authorization Reference (which action and which resource
//! an operation needs), DynamoDB developer guide ("Using IAM policy conditions
//! for fine-grained access control").

mod authorization_request;
mod enforce;
mod pattern;
mod policy;
mod uses;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value as Json;

use super::account::ACCOUNT;
use super::refusal::Refusal;
pub use authorization_request::AuthorizationRequest;
pub(crate) use enforce::enforce;
pub use pattern::Pattern;
pub use policy::{Decision, Effect, Policy, Statement};
use uses::Uses;
pub use uses::{Unused, Use, read as read_uses};

/// The roles of all functions: a handle, cheap to clone.
#[derive(Clone, Default)]
pub struct Permissions(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// By function.
    roles: BTreeMap<String, Role>,
    /// The partition key's attribute, by table.
    keys: BTreeMap<String, String>,
    uses: Uses,
}

struct Role {
    name: String,
    policy: Policy,
}

impl Permissions {
    /// From now on, this function may do what `policy` allows and nothing else.
    pub fn grant(&self, function: &str, role: &str, policy: Policy) {
        let role = Role { name: role.to_owned(), policy };
        self.lock().roles.insert(function.to_owned(), role);
    }

    /// Registers the partition key of a table, given the properties of
    /// `AWS::DynamoDB::Table`. Conditions on keys need it.
    pub fn know_table(&self, definition: &Json) {
        let schema = definition["KeySchema"].as_array().into_iter().flatten();
        let mut parts = schema.filter(|part| part["KeyType"] == "HASH");
        let key = parts.next().and_then(|part| part["AttributeName"].as_str());
        if let (Some(table), Some(key)) = (definition["TableName"].as_str(), key) {
            self.lock().keys.insert(table.to_owned(), key.to_owned());
        }
    }

    /// Appends to this file what functions use, each use once: a line of function,
    /// action and resource. Several processes may write to one file.
    pub fn write_uses(&self, file: &Path) -> io::Result<()> {
        self.lock().uses.write_to(file)
    }

    /// What functions have used so far.
    pub fn uses(&self) -> Vec<Use> {
        self.lock().uses.all()
    }

    /// Whether this caller is a function whose role is known.
    fn binds(&self, caller: &str) -> bool {
        self.lock().roles.contains_key(caller)
    }

    /// Whether `caller` may do all that a call needs, or the message of the refusal.
    fn decide(&self, caller: &str, asked: &[AuthorizationRequest]) -> Result<(), String> {
        let mut state = self.lock();
        let State { roles, uses, .. } = &mut *state;
        let Some(role) = roles.get(caller) else { return Ok(()) };
        for asked in asked {
            let why = match role.policy.decide(asked) {
                Decision::Allowed => continue,
                Decision::NotAllowed => {
                    format!(
                        "because no identity-based policy allows the {} action",
                        asked.displayed_action()
                    )
                }
                Decision::Denied => "with an explicit deny in an identity-based policy".to_owned(),
            };
            return Err(format!(
                "User: arn:aws:sts::{ACCOUNT}:assumed-role/{}/{caller} is not authorized to perform: {} on resource: {} {why}",
                role.name,
                asked.displayed_action(),
                asked.resource,
            ));
        }
        for asked in asked {
            uses.note(caller, &asked.action, &asked.resource);
        }
        Ok(())
    }

    fn key_of(&self, table: &str) -> Option<String> {
        self.lock().keys.get(table).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The refusal, as the service writes it. SQS and Lambda answer 403, the others 400.
fn denied(message: String) -> Refusal {
    Refusal::new("AccessDeniedException", message)
}
