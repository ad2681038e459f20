//! Access tokens, of two independent kinds.
//!
//! Source: WeChat's documentation, "获取接口调用凭据" (get access token) and
//! "获取稳定版接口调用凭据" (get stable access token,
//! <https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken.html>).

use crate::api_error::{self, ApiError};
use crate::model::quota::Counter;
use crate::model::secret_serde::expose;
use crate::{clock, random};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::secret::Secret;

/// Lifetime of a token in seconds.
const TOKEN_TTL: i64 = 7200;
/// Seconds for which a token and its successor are both valid.
const OVERLAP: i64 = 300;
/// Minimum number of seconds between two forced refreshes.
const FORCED_REFRESH_INTERVAL: i64 = 30;
/// Maximum number of forced refreshes a day.
const MAX_FORCED_REFRESHES: u64 = 20;
/// Daily quota of `/cgi-bin/token`.
pub(crate) const LEGACY_DAILY_QUOTA: u64 = 2000;
/// Quotas of `/cgi-bin/stable_token` per minute and per day.
pub(crate) const STABLE_MINUTE_QUOTA: u64 = 10_000;
pub(crate) const STABLE_DAILY_QUOTA: u64 = 500_000;

/// The paths that issue tokens.
pub(crate) const LEGACY_PATH: &str = "/cgi-bin/token";
pub(crate) const STABLE_PATH: &str = "/cgi-bin/stable_token";

/// An app's tokens.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tokens {
    legacy: Vec<Token>,
    legacy_today: Counter,
    stable: Vec<Token>,
    stable_this_minute: Counter,
    stable_today: Counter,
    forced_today: Counter,
    forced_at: Option<i64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Token {
    #[serde(serialize_with = "expose")]
    text: Secret,
    expires_at: i64,
    /// When it becomes invalid: at its expiry, or earlier if it is revoked or replaced.
    invalid_at: i64,
    /// It is invalid, but `stable_token` still returns it.
    #[serde(default)]
    rejected: bool,
}

impl Token {
    fn new(now: i64) -> Self {
        // Recent tokens are about this long; they begin with two digits.
        Self {
            text: Secret::new(format!("98_{}", random::text(133))),
            expires_at: now + TOKEN_TTL,
            invalid_at: now + TOKEN_TTL,
            rejected: false,
        }
    }

    fn check(&self, now: i64) -> Result<(), ApiError> {
        if self.rejected {
            Err(api_error::NOT_LATEST)
        } else if now < self.invalid_at {
            Ok(())
        } else if self.invalid_at < self.expires_at {
            Err(api_error::NOT_LATEST)
        } else {
            Err(api_error::TOKEN_EXPIRED)
        }
    }
}

impl Tokens {
    /// `/cgi-bin/token`: always issues a new token. The previous one stays valid for five
    /// minutes; older ones become invalid.
    pub(crate) fn issue_legacy(&mut self, now: i64, daily: u64) -> Result<Value, ApiError> {
        if !self.legacy_today.consume(clock::day(now), daily) {
            return Err(api_error::DAILY_QUOTA);
        }
        if let Some((last, older)) = self.legacy.split_last_mut() {
            last.invalid_at = last.invalid_at.min(now + OVERLAP);
            older.iter_mut().for_each(|token| token.invalid_at = token.invalid_at.min(now));
        }
        Ok(add(&mut self.legacy, now))
    }

    /// `/cgi-bin/stable_token`: returns the same token until five minutes before its expiry,
    /// then issues a successor. A forced refresh invalidates the old token at once.
    pub(crate) fn issue_stable(
        &mut self,
        now: i64,
        force: bool,
        daily: u64,
    ) -> Result<Value, ApiError> {
        if !self.stable_this_minute.consume(clock::minute(now), STABLE_MINUTE_QUOTA) {
            return Err(api_error::MINUTE_QUOTA);
        }
        if !self.stable_today.consume(clock::day(now), daily) {
            return Err(api_error::DAILY_QUOTA);
        }
        // Within 30 seconds of the last forced refresh, `force_refresh` has no effect.
        if force && self.forced_at.is_none_or(|at| now >= at + FORCED_REFRESH_INTERVAL) {
            if !self.forced_today.consume(clock::day(now), MAX_FORCED_REFRESHES) {
                return Err(api_error::DAILY_QUOTA);
            }
            self.forced_at = Some(now);
            self.stable.iter_mut().for_each(|token| token.invalid_at = token.invalid_at.min(now));
            return Ok(add(&mut self.stable, now));
        }
        match self.stable.last() {
            Some(last) if now < last.invalid_at && last.expires_at - now > OVERLAP => {
                Ok(answer(last, now))
            }
            _ => Ok(add(&mut self.stable, now)),
        }
    }

    /// The number of calls today of a path that issues tokens; `None` for other paths.
    pub(crate) fn used(&self, path: &str, now: i64) -> Option<u64> {
        let counter = match path {
            LEGACY_PATH => &self.legacy_today,
            STABLE_PATH => &self.stable_today,
            _ => return None,
        };
        Some(counter.used(clock::day(now)))
    }

    /// Resets the daily counter of a path. The count of forced refreshes is no call quota, and
    /// stays.
    pub(crate) fn clear_quota(&mut self, path: &str) {
        match path {
            LEGACY_PATH => self.legacy_today.clear(),
            STABLE_PATH => self.stable_today.clear(),
            _ => {}
        }
    }

    /// Resets the daily counters of both paths.
    pub(crate) fn clear_quotas(&mut self) {
        self.clear_quota(LEGACY_PATH);
        self.clear_quota(STABLE_PATH);
    }

    /// Invalidates every token, as another program that requests tokens would.
    pub(crate) fn revoke(&mut self, now: i64) {
        for token in self.legacy.iter_mut().chain(&mut self.stable) {
            token.invalid_at = token.invalid_at.min(now);
        }
    }

    /// Invalidates every token, while `stable_token` still returns the last one. Only a forced
    /// refresh replaces it.
    pub(crate) fn reject(&mut self) {
        for token in self.legacy.iter_mut().chain(&mut self.stable) {
            token.rejected = true;
        }
    }

    /// The issue time, the expiry and the validity of the last token; null if there is none.
    pub(crate) fn last(&self, now: i64) -> Value {
        let last = self.legacy.iter().chain(&self.stable).max_by_key(|token| token.expires_at);
        last.map_or(Value::Null, |token| {
            json!({
                "since": token.expires_at - TOKEN_TTL,
                "until": token.expires_at,
                "valid": token.check(now).is_ok(),
            })
        })
    }

    /// Whether this token is valid; `None` if it was never issued.
    pub(crate) fn check(&self, text: &Secret, now: i64) -> Option<Result<(), ApiError>> {
        self.legacy
            .iter()
            .chain(&self.stable)
            .find(|token| token.text == *text)
            .map(|token| token.check(now))
    }
}

fn add(tokens: &mut Vec<Token>, now: i64) -> Value {
    // WeChat does not distinguish a long expired token from an unknown one.
    tokens.retain(|token| now < token.expires_at + 86_400);
    let token = Token::new(now);
    let answer = answer(&token, now);
    tokens.push(token);
    answer
}

fn answer(token: &Token, now: i64) -> Value {
    json!({ "access_token": token.text.expose(), "expires_in": token.expires_at - now })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(answer: &Value) -> Secret {
        Secret::new(answer["access_token"].as_str().unwrap())
    }

    fn check(tokens: &Tokens, token: &Secret, now: i64) -> Option<i64> {
        tokens.check(token, now).unwrap().err().map(|it| it.errcode)
    }

    #[test]
    fn stable_token_overlaps_with_its_successor() {
        let mut tokens = Tokens::default();
        let first = tokens.issue_stable(0, false, STABLE_DAILY_QUOTA).unwrap();
        assert_eq!(first["expires_in"], 7200);
        let again = tokens.issue_stable(6899, false, STABLE_DAILY_QUOTA).unwrap();
        assert_eq!(text(&again), text(&first));
        assert_eq!(again["expires_in"], 301);
        let second = tokens.issue_stable(6900, false, STABLE_DAILY_QUOTA).unwrap();
        assert_ne!(text(&second), text(&first));
        assert_eq!(second["expires_in"], 7200);
        assert_eq!(check(&tokens, &text(&first), 7199), None);
        assert_eq!(check(&tokens, &text(&first), 7200), Some(42001));
        assert_eq!(check(&tokens, &text(&second), 7200), None);
    }

    #[test]
    fn forced_refresh_invalidates_the_last_token_and_has_limits() {
        let mut tokens = Tokens::default();
        let first = tokens.issue_stable(0, false, STABLE_DAILY_QUOTA).unwrap();
        let second = tokens.issue_stable(1, true, STABLE_DAILY_QUOTA).unwrap();
        assert_ne!(text(&second), text(&first));
        assert_eq!(check(&tokens, &text(&first), 1), Some(40001));
        assert_eq!(
            text(&tokens.issue_stable(30, true, STABLE_DAILY_QUOTA).unwrap()),
            text(&second),
            "within 30 seconds"
        );
        for n in 2..=20 {
            tokens.issue_stable(n * 31, true, STABLE_DAILY_QUOTA).unwrap();
        }
        assert_eq!(
            tokens.issue_stable(21 * 31, true, STABLE_DAILY_QUOTA).unwrap_err().errcode,
            45009
        );
        assert!(tokens.issue_stable(21 * 31, false, STABLE_DAILY_QUOTA).is_ok());
        assert!(tokens.issue_stable(86_400, true, STABLE_DAILY_QUOTA).is_ok(), "a new day");
    }

    #[test]
    fn rejected_token_is_returned_until_a_forced_refresh() {
        let mut tokens = Tokens::default();
        let first = tokens.issue_stable(0, false, STABLE_DAILY_QUOTA).unwrap();
        tokens.reject();
        assert_eq!(check(&tokens, &text(&first), 1), Some(40001));
        assert_eq!(text(&tokens.issue_stable(1, false, STABLE_DAILY_QUOTA).unwrap()), text(&first));
        let second = tokens.issue_stable(1, true, STABLE_DAILY_QUOTA).unwrap();
        assert_eq!(check(&tokens, &text(&second), 1), None);
    }

    #[test]
    fn legacy_token_invalidates_the_previous_one_after_five_minutes() {
        let mut tokens = Tokens::default();
        let first = tokens.issue_legacy(0, LEGACY_DAILY_QUOTA).unwrap();
        let second = tokens.issue_legacy(10, LEGACY_DAILY_QUOTA).unwrap();
        assert_eq!(check(&tokens, &text(&first), 309), None);
        assert_eq!(check(&tokens, &text(&first), 310), Some(40001));
        let third = tokens.issue_legacy(20, LEGACY_DAILY_QUOTA).unwrap();
        assert_eq!(
            check(&tokens, &text(&first), 20),
            Some(40001),
            "only the previous one stays valid"
        );
        assert_eq!(check(&tokens, &text(&second), 319), None);
        assert_eq!(check(&tokens, &text(&third), 7219), None);
        assert_eq!(check(&tokens, &text(&third), 7220), Some(42001));
    }

    #[test]
    fn legacy_and_stable_tokens_are_independent() {
        let mut tokens = Tokens::default();
        let stable = tokens.issue_stable(0, false, STABLE_DAILY_QUOTA).unwrap();
        let legacy = tokens.issue_legacy(0, LEGACY_DAILY_QUOTA).unwrap();
        tokens.issue_legacy(1, LEGACY_DAILY_QUOTA).unwrap();
        tokens.issue_legacy(2, LEGACY_DAILY_QUOTA).unwrap();
        assert_eq!(check(&tokens, &text(&stable), 400), None);
        let legacy_now = tokens.issue_legacy(3, LEGACY_DAILY_QUOTA).unwrap();
        tokens.issue_stable(400, true, STABLE_DAILY_QUOTA).unwrap();
        assert_eq!(check(&tokens, &text(&legacy_now), 401), None);
        assert_eq!(check(&tokens, &text(&legacy), 401), Some(40001));
    }

    #[test]
    fn legacy_token_has_a_daily_quota() {
        let mut tokens = Tokens::default();
        for _ in 0..2000 {
            tokens.issue_legacy(0, LEGACY_DAILY_QUOTA).unwrap();
        }
        assert_eq!(tokens.issue_legacy(0, LEGACY_DAILY_QUOTA).unwrap_err().errcode, 45009);
    }
}
