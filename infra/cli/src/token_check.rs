//! Whether WeChat issues access tokens, as the token function reports.

use crate::deployment::Deployment;
use crate::error::{Error, ErrorKind};
use serde::Deserialize;
use serde_json::json;
use shared::clock::Timestamp;

/// The result for one app.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct TokenCheck {
    pub(crate) app: String,
    /// The stored token.
    pub(crate) token: Option<TokenInfo>,
    /// Why WeChat issued none.
    pub(crate) failure: Option<TokenFailure>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct TokenInfo {
    pub(crate) expires_at: Timestamp,
    /// In seconds.
    pub(crate) age: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct TokenFailure {
    /// WeChat's error code, or a word.
    pub(crate) code: String,
    pub(crate) problem: String,
    /// The address that WeChat rejects (40164).
    pub(crate) address: Option<String>,
}

#[derive(Debug, Deserialize)]
struct TokenChecks {
    apps: Vec<TokenCheck>,
}

impl TokenFailure {
    /// Whether WeChat rejects the AppSecret.
    ///
    /// Source: WeChat, "获取稳定版接口调用凭据",
    /// <https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken.html>.
    pub(crate) fn is_wrong_secret(&self) -> bool {
        matches!(self.code.as_str(), "40001" | "40125" | "41004")
    }

    pub(crate) fn advice(&self, alias: &str) -> String {
        match (self.code.as_str(), &self.address) {
            _ if self.is_wrong_secret() => format!(
                "copy the AppSecret from WeChat's console, or reset it there, and enter it with \
                 `hongyan app rotate {alias} --secret`"
            ),
            ("40164", Some(address)) => format!(
                "add {address} to the IP list (IP白名单) in WeChat's console; the address changes \
                 unless the stage has fixed ones (parameter Egress)"
            ),
            ("40164", None) => {
                "add the deployment's address to the IP list (IP白名单) in WeChat's console"
                    .to_owned()
            }
            ("40013" | "41002", _) => format!(
                "compare the app_id with WeChat's console; if it is wrong, `hongyan app remove {alias}` \
                 and add it again"
            ),
            ("no_secret", _) => format!("enter it with `hongyan app rotate {alias} --secret`"),
            ("no_answer" | "unreachable" | "timeout", _) => {
                "the function can't reach WeChat: it needs a route to the Internet (a NAT gateway \
                 if it runs in subnets); try again"
                    .to_owned()
            }
            _ => "see the message above, and the log of the token function".to_owned(),
        }
    }
}

/// Has the token function request a token from WeChat now, for one app or for all, without
/// forcing a refresh.
pub(crate) async fn check_tokens(
    deployment: &Deployment,
    alias: Option<&str>,
) -> Result<Vec<TokenCheck>, Error> {
    let apps = alias.map_or_else(|| json!({}), |alias| json!({ "app": alias }));
    let checks: TokenChecks = deployment.invoke("token", &json!({ "check": apps })).await?;
    Ok(checks.apps)
}

/// Like [`check_tokens`], for one app.
pub(crate) async fn check_token(deployment: &Deployment, alias: &str) -> Result<TokenCheck, Error> {
    let check = check_tokens(deployment, Some(alias)).await?.into_iter().next();
    check.ok_or_else(|| {
        let problem = format!("the token function's response has no {alias}");
        Error::new(ErrorKind::Unavailable, problem, "try again")
    })
}
