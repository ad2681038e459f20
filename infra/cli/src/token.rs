//! How it goes with the apps' access tokens, as the token function tells.

use crate::deployment::Deployment;
use crate::error::{Error, Kind};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::clock::Timestamp;

/// What the token function found out about one app just now.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Found {
    pub(crate) app: String,
    /// The token that is stored.
    pub(crate) token: Option<Held>,
    /// Why WeChat gave none just now.
    pub(crate) failure: Option<Failure>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Held {
    pub(crate) expires_at: Timestamp,
    /// Seconds since WeChat handed it out.
    pub(crate) age: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Failure {
    /// WeChat's code, or a word.
    pub(crate) code: String,
    pub(crate) problem: String,
    /// The address that WeChat doesn't let in (40164).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<String>,
}

impl Failure {
    /// Whether WeChat says that the AppSecret isn't the app's.
    ///
    /// Source: WeChat's documentation, "获取稳定版接口调用凭据".
    pub(crate) fn is_of_secret(&self) -> bool {
        matches!(self.code.as_str(), "40001" | "40125" | "41004")
    }

    /// What to do about it.
    pub(crate) fn advice(&self, alias: &str) -> String {
        match (self.code.as_str(), &self.address) {
            ("40164", Some(address)) => format!(
                "add {address} to the IP list (IP白名单) in WeChat's console; the address changes \
                 unless the stage is deployed with addresses of its own (Egress)"
            ),
            ("40164", None) => {
                "add the deployment's address to the IP list (IP白名单) in WeChat's console"
                    .to_owned()
            }
            ("40001" | "40125" | "41004", _) => format!(
                "copy the AppSecret from WeChat's console, or reset it there, and enter it with \
                 `hongyan app rotate {alias} --secret`"
            ),
            ("40013" | "41002", _) => format!(
                "compare the app_id with WeChat's console; if it is wrong, `hongyan app remove {alias}` \
                 and add it again"
            ),
            ("no_secret", _) => format!("enter it with `hongyan app rotate {alias} --secret`"),
            ("no_answer" | "unreachable" | "timeout", _) => {
                "WeChat can't be reached from the function: it needs a way to the Internet (a NAT, \
                 if it runs in subnets); ask again"
                    .to_owned()
            }
            _ => "see the message above, and the log of the token function".to_owned(),
        }
    }
}

/// Has the token function ask WeChat now, for one app or for all; nothing is forced.
pub(crate) async fn check(
    deployment: &Deployment,
    alias: Option<&str>,
) -> Result<Vec<Found>, Error> {
    #[derive(Deserialize)]
    struct Answer {
        apps: Vec<Found>,
    }
    let asked = alias.map_or_else(|| json!({}), |alias| json!({ "app": alias }));
    let answer = deployment.invoke("token", &json!({ "check": asked })).await?;
    serde_json::from_value(answer).map(|Answer { apps }| apps).map_err(|_| {
        Error::new(
            Kind::Unavailable,
            "the token function doesn't say how it goes",
            "deploy functions and use a hongyan of the same version",
        )
    })
}

/// As [`check`], for one app.
pub(crate) async fn check_one(deployment: &Deployment, alias: &str) -> Result<Found, Error> {
    let found = check(deployment, Some(alias)).await?.into_iter().next();
    found.ok_or_else(|| {
        let problem = format!("the token function says nothing of {alias}");
        Error::new(Kind::Unavailable, problem, "ask again")
    })
}
