//! Checks that each app has a fresh access token.

use super::finding::Finding;
use crate::deployment::{Deployment, DeploymentInfo};
use crate::timestamp::format_duration;
use crate::token_check::{TokenCheck, check_tokens};
use shared::clock::Timestamp;

const CHECK: &str = "access_token";
/// Seconds before expiry. WeChat issues the next token in the last 300 seconds, and the
/// token function runs every minute, so less than this means that the refresh is overdue.
const OVERDUE_SECS: u64 = 200;

pub(super) async fn check(deployment: &Deployment, info: &DeploymentInfo) -> Vec<Finding> {
    match check_tokens(deployment, None).await {
        Ok(checks) => checks.iter().map(|check| finding(check, info, Timestamp::now())).collect(),
        Err(error) => vec![Finding::from_error(CHECK, None, error)],
    }
}

fn finding(check: &TokenCheck, info: &DeploymentInfo, now: Timestamp) -> Finding {
    let app = Some(check.app.as_str());
    let left = check.token.as_ref().map_or(0, |token| token.expires_at.seconds_since(now));
    if let Some(failure) = &check.failure {
        let stored = match left {
            0 => "none is stored".to_owned(),
            left => format!("the stored one expires in {}", format_duration(left)),
        };
        let advice = match &failure.address {
            Some(address) if !info.addresses.is_empty() && !info.addresses.contains(address) => {
                format!(
                    "WeChat sees {address}, but the deployment's addresses are {}: add all of them to \
                     the IP list (IP白名单) in WeChat's console, and find out why the function uses \
                     another",
                    info.addresses.join(", ")
                )
            }
            _ => failure.advice(&check.app),
        };
        return Finding::failed(CHECK, app, format!("{} ({stored})", failure.problem), advice);
    }
    let age = check.token.as_ref().map_or(0, |token| token.age);
    let found = format!("{} old, expires in {}", format_duration(age), format_duration(left));
    if left < OVERDUE_SECS {
        let advice = "its refresh is overdue; check the token function's schedule and log";
        return Finding::warning(CHECK, app, found, advice);
    }
    Finding::ok(CHECK, app, found)
}

#[cfg(test)]
mod tests {
    use super::super::finding::FindingState;
    use super::*;
    use serde_json::json;

    fn info(addresses: &[&str]) -> DeploymentInfo {
        serde_json::from_value(json!({ "api": "https://x", "addresses": addresses })).unwrap()
    }

    fn token_check(failure: &serde_json::Value) -> TokenCheck {
        serde_json::from_value(json!({
            "app": "shop", "failure": failure,
            "token": { "generation": 3, "expires_at": 8000, "age": 60 } }))
        .unwrap()
    }

    #[test]
    fn token_is_a_warning_when_its_refresh_is_overdue() {
        let check = token_check(&json!(null));
        let state = |now| finding(&check, &info(&[]), Timestamp(now)).state;
        assert_eq!(state(7700), FindingState::Ok);
        assert_eq!(state(7801), FindingState::Warning);
    }

    #[test]
    fn rejected_address_is_in_the_advice() {
        let rejected = token_check(
            &json!({ "code": "40164", "problem": "p", "address": "203.0.113.9", "permanent": false }),
        );
        let advice =
            |info: &DeploymentInfo| finding(&rejected, info, Timestamp(7000)).advice.unwrap();
        assert!(advice(&info(&[])).contains("add 203.0.113.9 to the IP list"));
        assert!(advice(&info(&["203.0.113.9"])).contains("add 203.0.113.9 to the IP list"));
        let other = advice(&info(&["198.51.100.1"]));
        assert!(other.contains("203.0.113.9") && other.contains("198.51.100.1"), "{other}");
    }
}
