//! Whether each app has an access token, and if not, why.

use super::finding::Finding;
use crate::deployment::{About, Deployment};
use crate::moment::span;
use crate::token::{self, Found};
use shared::clock::Timestamp;

const CHECK: &str = "access_token";
/// WeChat hands out the successor in a token's last 300 seconds, and somebody looks
/// every minute: with less than this many left it is overdue.
const OVERDUE: u64 = 200;

pub(super) async fn check(deployment: &Deployment, about: &About) -> Vec<Finding> {
    match token::check(deployment, None).await {
        Ok(found) => found.iter().map(|found| finding(found, about, Timestamp::now())).collect(),
        Err(error) => vec![Finding::of_error(CHECK, None, error)],
    }
}

fn finding(found: &Found, about: &About, now: Timestamp) -> Finding {
    let app = Some(found.app.as_str());
    let left = found.token.as_ref().map_or(0, |token| token.expires_at.seconds_since(now));
    if let Some(failure) = &found.failure {
        let meanwhile = match left {
            0 => "there is none".to_owned(),
            left => format!("the one that is stored lasts {} more", span(left)),
        };
        let advice = match &failure.address {
            Some(address) if !about.addresses.is_empty() && !about.addresses.contains(address) => {
                format!(
                    "WeChat sees {address}, and the deployment's addresses are {}: add all of them to \
                     the IP list (IP白名单) in WeChat's console, and see why the function doesn't call \
                     from its own",
                    about.addresses.join(", ")
                )
            }
            _ => failure.advice(&found.app),
        };
        return Finding::failed(CHECK, app, format!("{} ({meanwhile})", failure.problem), advice);
    }
    let age = found.token.as_ref().map_or(0, |token| token.age);
    let words = format!("{} old, lasts {} more", span(age), span(left));
    if left < OVERDUE {
        let remedy = "its successor is overdue; see whether the token function's schedule is on, and its log";
        return Finding::warning(CHECK, app, words, remedy);
    }
    Finding::ok(CHECK, app, words)
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;
    use serde_json::json;

    fn about(addresses: &[&str]) -> About {
        serde_json::from_value(json!({ "api": "https://x", "addresses": addresses })).unwrap()
    }

    fn found(failure: &serde_json::Value) -> Found {
        serde_json::from_value(json!({
            "app": "shop", "failure": failure,
            "token": { "generation": 3, "expires_at": 8000, "age": 60 } }))
        .unwrap()
    }

    #[test]
    fn a_token_that_is_not_renewed_in_time_is_told() {
        let state = |now| finding(&found(&json!(null)), &about(&[]), Timestamp(now)).state;
        assert_eq!(state(7700), State::Ok);
        assert_eq!(state(7801), State::Warning);
    }

    #[test]
    fn the_address_that_is_not_let_in_is_named() {
        let refused = found(
            &json!({ "code": "40164", "problem": "p", "address": "203.0.113.9", "permanent": false }),
        );
        let remedy = |about: &About| finding(&refused, about, Timestamp(7000)).remedy.unwrap();
        assert!(remedy(&about(&[])).contains("add 203.0.113.9 to the IP list"));
        assert!(remedy(&about(&["203.0.113.9"])).contains("add 203.0.113.9 to the IP list"));
        let other = remedy(&about(&["198.51.100.1"]));
        assert!(other.contains("203.0.113.9") && other.contains("198.51.100.1"), "{other}");
    }
}
