//! The points at which functions are killed: before and after every call that they make.
//!
//! A function touches the world by calls only, so that their boundaries are all the
//! points at which a crash makes a difference, and the binaries that are killed are the
//! ones that are deployed, with nothing compiled into them.

use crate::world::World;
use local_aws::services::Fault;
use serde_json::json;
use std::time::Duration;
use tokio::sync::watch;

/// Calls of AWS: function, service, operation, what is named (if that tells two calls
/// apart), and whether it changes something. Of what changes nothing there is one point.
const CALLS: [(&str, &str, &str, &str, bool); 38] = [
    ("callback", "ssm", "GetParametersByPath", "", false),
    ("callback", "ssm", "GetParameter", "", false),
    ("callback", "dynamodb", "DescribeTimeToLive", "", false),
    ("callback", "dynamodb", "PutItem", "hongyan-local-events", true),
    ("events", "ssm", "GetParametersByPath", "", false),
    ("events", "ssm", "GetParameter", "", false),
    ("events", "dynamodb", "DescribeTimeToLive", "", false),
    ("events", "dynamodb", "Query", "hongyan-local-users", false),
    ("events", "dynamodb", "Scan", "hongyan-local-events", false),
    ("events", "dynamodb", "GetItem", "hongyan-local-events", false),
    ("events", "dynamodb", "GetItem", "hongyan-local-users", false),
    ("events", "dynamodb", "TransactWriteItems", "hongyan-local-users", true),
    ("events", "dynamodb", "UpdateItem", "hongyan-local-users", true),
    ("events", "dynamodb", "UpdateItem", "hongyan-local-events", true),
    ("events", "dynamodb", "UpdateItem", "hongyan-local-notifications", true),
    ("events", "lambda", "Invoke", "", true),
    ("login", "ssm", "GetParametersByPath", "", false),
    ("login", "dynamodb", "DescribeTimeToLive", "", false),
    ("login", "dynamodb", "Query", "hongyan-local-mappings", false),
    ("login", "dynamodb", "GetItem", "hongyan-local-mappings", false),
    ("login", "dynamodb", "GetItem", "hongyan-local-users", false),
    ("login", "dynamodb", "TransactWriteItems", "hongyan-local-users", true),
    ("login", "dynamodb", "UpdateItem", "hongyan-local-users", true),
    ("send", "ssm", "GetParametersByPath", "", false),
    ("send", "ssm", "GetParameter", "", false),
    ("send", "dynamodb", "DescribeTimeToLive", "", false),
    ("send", "dynamodb", "Query", "hongyan-local-mappings", false),
    ("send", "dynamodb", "Query", "hongyan-local-users", false),
    ("send", "dynamodb", "Query", "hongyan-local-notifications", false),
    ("send", "dynamodb", "GetItem", "hongyan-local-notifications", false),
    ("send", "dynamodb", "UpdateItem", "hongyan-local-notifications", true),
    ("send", "dynamodb", "TransactWriteItems", "hongyan-local-users", true),
    ("send", "lambda", "Invoke", "", true),
    ("token", "ssm", "GetParametersByPath", "", false),
    ("token", "ssm", "GetParameter", "", false),
    ("token", "ssm", "PutParameter", "", true),
    ("token", "dynamodb", "GetItem", "hongyan-local-notifications", false),
    ("token", "dynamodb", "UpdateItem", "hongyan-local-notifications", true),
];

/// What is called by a process that starts.
const STARTING: [&str; 2] = ["GetParametersByPath", "DescribeTimeToLive"];

/// What a world sees once, before anybody dies: the first login makes the first key. Who
/// makes it together with others is a scenario of `keys`.
const ONCE: [(&str, &str); 2] = [("login", "ssm:GetParameter"), ("login", "ssm:PutParameter")];

/// Calls of WeChat, and who makes them.
const PATHS: [(&str, &[&str]); 6] = [
    ("/cgi-bin/user/info", &["events"]),
    ("/cgi-bin/message/custom/send", &["events", "send"]),
    ("/cgi-bin/message/template/send", &["send"]),
    ("/cgi-bin/message/subscribe/send", &["send"]),
    ("/sns/jscode2session", &["login"]),
    ("/cgi-bin/stable_token", &["token"]),
];

/// How long WeChat delays a call, below the timeout of four seconds.
const HELD: Duration = Duration::from_secs(3);
/// Longer than a call takes to be applied in the sandbox.
const EFFECT: Duration = Duration::from_millis(30);

/// A call, and whether it was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Point {
    Aws { function: &'static str, call: [&'static str; 3], after: bool },
    WeChat { path: &'static str, functions: &'static [&'static str], after: bool },
}

impl Point {
    /// All there are.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for (function, service, operation, resource, writes) in CALLS {
            let call = [service, operation, resource];
            all.push(Self::Aws { function, call, after: false });
            if writes {
                all.push(Self::Aws { function, call, after: true });
            }
        }
        for (path, functions) in PATHS {
            all.extend([false, true].map(|after| Self::WeChat { path, functions, after }));
        }
        all
    }

    /// WeChat holds one call of a path at a time: the path, if this is one.
    pub(crate) fn path(self) -> Option<&'static str> {
        match self {
            Self::Aws { .. } => None,
            Self::WeChat { path, .. } => Some(path),
        }
    }

    /// Kills the function that makes the call, when it is made. False if none did before all
    /// was `over`.
    pub(crate) async fn kill(self, world: &World, mut over: watch::Receiver<bool>) -> bool {
        let over = async {
            // Who doesn't say so is gone, and that is the end as well.
            let _ = over.wait_for(|over| *over).await;
        };
        match self {
            Self::Aws { function, call: [service, operation, resource], after } => {
                let mut fault = Fault::new(service, operation).by(world.cloud.function(function));
                if !resource.is_empty() {
                    fault = fault.on(resource);
                }
                fault.after = after;
                // Some calls are made at start.
                if STARTING.contains(&operation) {
                    kill(world, &[function]).await;
                }
                let fault = world.cloud.aws.faults.inject(fault.hold().once()).unwrap();
                let is_made = tokio::select! {
                    () = fault.holds(1) => true,
                    () = over => false,
                };
                if is_made {
                    kill(world, &[function]).await;
                    // A call that is released before its caller's death is noticed is applied.
                    fault.holds(0).await;
                }
                fault.cancel();
                is_made
            }
            Self::WeChat { path, functions, after } => {
                let held = u64::try_from(HELD.as_millis()).unwrap();
                let fault = json!({ "path": path, "delay_ms": held, "after": after });
                world.wechat.fault(fault).await;
                let arrival = async {
                    while world.wechat.get("faults").await.to_string().contains(path) {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                };
                let is_made = tokio::select! {
                    () = arrival => true,
                    () = over => false,
                };
                if is_made {
                    if after {
                        tokio::time::sleep(EFFECT).await;
                    }
                    kill(world, functions).await;
                }
                is_made
            }
        }
    }
}

/// What functions have called that is no point.
pub(crate) fn uncovered(world: &World) -> Vec<String> {
    let mut uncovered = Vec::new();
    for used in world.cloud.aws.permissions.uses() {
        let is_point = CALLS.iter().any(|(function, service, operation, resource, _)| {
            let action = format!("{service}:{operation}");
            // Lambda calls the permission for it otherwise, and DynamoDB asks for the
            // permission of each part of a transaction.
            let is_called = used.action.starts_with(&action)
                || (*operation == "TransactWriteItems"
                    && ["Put", "Update", "Delete", "ConditionCheck"]
                        .iter()
                        .any(|part| used.action == format!("dynamodb:{part}Item")));
            let is_named = *operation == "TransactWriteItems" || used.resource.contains(resource);
            world.cloud.function(function) == used.function && is_called && is_named
        });
        let is_once = ONCE.iter().any(|(function, action)| {
            world.cloud.function(function) == used.function && *action == used.action
        });
        let is_elsewhere = used.function == world.cloud.function("followers");
        if !is_point && !is_once && !is_elsewhere {
            uncovered.push(format!("{used:?}"));
        }
    }
    uncovered
}

async fn kill(world: &World, functions: &[&str]) {
    for function in functions {
        world.cloud.kill(&world.cloud.function(function)).await.unwrap();
    }
}
