//! Access tokens: two kinds that know nothing of each other.
//!
//! Source: WeChat's documentation, "获取接口调用凭据" (get access token) and
//! "获取稳定版接口调用凭据" (get stable access token).

use crate::api::Call;
use crate::app::App;
use crate::quota::Counter;
use crate::refusal::{self, Refusal};
use crate::world::World;
use crate::{clock, endpoint, random, whitelist};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::secret::Secret;

/// How long a token lives, in seconds.
const LIFE: i64 = 7200;
/// How long the last token and the one before it are both good, in seconds.
const OVERLAP: i64 = 300;
/// How long to wait between two forced refreshes, in seconds.
const FORCE_GAP: i64 = 30;
/// How often a day a refresh may be forced.
const FORCED_A_DAY: u64 = 20;
/// How often `/cgi-bin/token` may be called in a day.
pub(crate) const LEGACY_A_DAY: u64 = 2000;
/// How often `/cgi-bin/stable_token` may be called in a minute and in a day.
pub(crate) const STABLE_A_MINUTE: u64 = 10_000;
pub(crate) const STABLE_A_DAY: u64 = 500_000;
/// Where either kind is handed out.
pub(crate) const LEGACY: &str = "/cgi-bin/token";
pub(crate) const STABLE: &str = "/cgi-bin/stable_token";

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
    #[serde(serialize_with = "crate::world::expose")]
    text: Secret,
    /// When it has lived its time.
    expires_at: i64,
    /// When it stops to work; earlier than that if a successor has ended it.
    dies_at: i64,
    /// It is refused, and handed out all the same.
    #[serde(default)]
    spoiled: bool,
}

impl Token {
    fn new(now: i64) -> Self {
        // Recent tokens are about this long; they begin with two digits.
        Self {
            text: Secret::new(format!("98_{}", random::text(133))),
            expires_at: now + LIFE,
            dies_at: now + LIFE,
            spoiled: false,
        }
    }

    fn check(&self, now: i64) -> Result<(), Refusal> {
        if self.spoiled {
            Err(refusal::NOT_LATEST)
        } else if now < self.dies_at {
            Ok(())
        } else if self.dies_at < self.expires_at {
            Err(refusal::NOT_LATEST)
        } else {
            Err(refusal::TOKEN_EXPIRED)
        }
    }
}

impl Tokens {
    /// `/cgi-bin/token`: always a new one. The one before stays good for five
    /// minutes, all older ones end.
    fn legacy(&mut self, now: i64, daily: u64) -> Result<Value, Refusal> {
        if !self.legacy_today.take(clock::day(now), daily) {
            return Err(refusal::DAILY_QUOTA);
        }
        if let Some((last, older)) = self.legacy.split_last_mut() {
            last.dies_at = last.dies_at.min(now + OVERLAP);
            older.iter_mut().for_each(|token| token.dies_at = token.dies_at.min(now));
        }
        Ok(add(&mut self.legacy, now))
    }

    /// `/cgi-bin/stable_token`: the same one until five minutes before its end,
    /// when a successor appears beside it. Forcing ends it at once.
    fn stable(&mut self, now: i64, force: bool, daily: u64) -> Result<Value, Refusal> {
        if !self.stable_this_minute.take(clock::minute(now), STABLE_A_MINUTE) {
            return Err(refusal::MINUTE_QUOTA);
        }
        if !self.stable_today.take(clock::day(now), daily) {
            return Err(refusal::DAILY_QUOTA);
        }
        // Forcing again within 30 seconds does what not forcing does.
        if force && self.forced_at.is_none_or(|at| now >= at + FORCE_GAP) {
            if !self.forced_today.take(clock::day(now), FORCED_A_DAY) {
                return Err(refusal::DAILY_QUOTA);
            }
            self.forced_at = Some(now);
            self.stable.iter_mut().for_each(|token| token.dies_at = token.dies_at.min(now));
            return Ok(add(&mut self.stable, now));
        }
        match self.stable.last() {
            Some(last) if now < last.dies_at && last.expires_at - now > OVERLAP => {
                Ok(answer(last, now))
            }
            _ => Ok(add(&mut self.stable, now)),
        }
    }

    /// How often a path that hands tokens out was called today, if it does.
    pub(crate) fn used(&self, path: &str, now: i64) -> Option<u64> {
        let counter = match path {
            LEGACY => &self.legacy_today,
            STABLE => &self.stable_today,
            _ => return None,
        };
        Some(counter.used(clock::day(now)))
    }

    /// Lets the day's calls of a path begin anew. How often a refresh was forced is
    /// no call's quota, and stays.
    pub(crate) fn clear_quota(&mut self, path: &str) {
        match path {
            LEGACY => self.legacy_today.clear(),
            STABLE => self.stable_today.clear(),
            _ => {}
        }
    }

    /// The same for all paths.
    pub(crate) fn clear_quotas(&mut self) {
        self.clear_quota(LEGACY);
        self.clear_quota(STABLE);
    }

    /// Ends every token at once, as a leak or another program would.
    pub(crate) fn revoke(&mut self, now: i64) {
        for token in self.legacy.iter_mut().chain(&mut self.stable) {
            token.dies_at = token.dies_at.min(now);
        }
    }

    /// Refuses every token from now on, and goes on handing the last one out: what
    /// only a forced refresh mends.
    pub(crate) fn spoil(&mut self) {
        for token in self.legacy.iter_mut().chain(&mut self.stable) {
            token.spoiled = true;
        }
    }

    /// What may be told of the token that was handed out last: when, until when, and
    /// whether it is good for anything. Null if there is none.
    pub(crate) fn last(&self, now: i64) -> Value {
        let last = self.legacy.iter().chain(&self.stable).max_by_key(|token| token.expires_at);
        last.map_or(Value::Null, |token| {
            json!({
                "since": token.expires_at - LIFE,
                "until": token.expires_at,
                "good": token.check(now).is_ok(),
            })
        })
    }

    fn find(&self, text: &Secret) -> Option<&Token> {
        self.legacy.iter().chain(&self.stable).find(|token| token.text == *text)
    }
}

fn add(tokens: &mut Vec<Token>, now: i64) -> Value {
    // A day after its end it is as unknown as one that never was.
    tokens.retain(|token| now < token.expires_at + 86_400);
    let token = Token::new(now);
    let answer = answer(&token, now);
    tokens.push(token);
    answer
}

fn answer(token: &Token, now: i64) -> Value {
    json!({ "access_token": token.text.expose(), "expires_in": token.expires_at - now })
}

/// Answers `GET /cgi-bin/token`.
pub(crate) fn issue(call: &mut Call<'_>) -> Result<Value, Refusal> {
    if call.parameter("grant_type") != Some("client_credential") {
        return Err(refusal::INVALID_GRANT);
    }
    let app = authenticate(call, parameter(call, "appid"), parameter(call, "secret"))?;
    let app = &mut call.world.apps[app];
    let daily = endpoint::daily(app, LEGACY, LEGACY_A_DAY);
    app.tokens.legacy(call.now, daily)
}

/// Answers `POST /cgi-bin/stable_token`.
pub(crate) fn issue_stable(call: &mut Call<'_>) -> Result<Value, Refusal> {
    if call.text("grant_type") != Some("client_credential") {
        return Err(refusal::INVALID_GRANT);
    }
    let force = match call.body.get("force_refresh") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(force)) => *force,
        Some(_) => return Err(refusal::DATA_FORMAT),
    };
    let text = |name| call.text(name).map(str::to_owned);
    let app = authenticate(call, text("appid"), text("secret"))?;
    let app = &mut call.world.apps[app];
    let daily = endpoint::daily(app, STABLE, STABLE_A_DAY);
    app.tokens.stable(call.now, force, daily)
}

fn parameter(call: &Call<'_>, name: &str) -> Option<String> {
    call.parameter(name).map(str::to_owned)
}

/// Finds the app that proves itself with its secret, from an address that may.
pub(crate) fn authenticate(
    call: &mut Call<'_>,
    app_id: Option<String>,
    secret: Option<String>,
) -> Result<usize, Refusal> {
    let app_id = app_id.ok_or(refusal::APPID_MISSING)?;
    let secret = Secret::new(secret.ok_or(refusal::SECRET_MISSING)?);
    let at = call
        .world
        .apps
        .iter()
        .position(|app| app.app_id.as_str() == app_id)
        .ok_or(refusal::INVALID_APPID)?;
    let app = &call.world.apps[at];
    if app.secret != secret {
        return Err(refusal::INVALID_SECRET);
    }
    call.app = Some(app.alias.clone());
    whitelist::check(call, app, true)?;
    Ok(at)
}

/// Finds the app whose token this is. Which of its three codes WeChat gives for
/// which dead token isn't written anywhere; these are the sandbox's choice:
/// 40014 for what can't be a token, 42001 for one that has lived its time, 40001
/// for the rest.
pub(crate) fn holder(world: &World, text: &str, now: i64) -> Result<usize, Refusal> {
    let possible = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    if text.len() < 16 || !text.bytes().all(possible) {
        return Err(refusal::INVALID_TOKEN);
    }
    let secret = Secret::new(text);
    let found = |app: &App| app.tokens.find(&secret).map(|token| token.check(now));
    for (at, app) in world.apps.iter().enumerate() {
        if let Some(check) = found(app) {
            return check.map(|()| at);
        }
    }
    Err(refusal::NOT_LATEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(answer: &Value) -> Secret {
        Secret::new(answer["access_token"].as_str().unwrap())
    }

    fn check(tokens: &Tokens, token: &Secret, now: i64) -> Option<i64> {
        tokens.find(token).unwrap().check(now).err().map(|it| it.errcode)
    }

    #[test]
    fn a_stable_token_overlaps_with_its_successor() {
        let mut tokens = Tokens::default();
        let first = tokens.stable(0, false, STABLE_A_DAY).unwrap();
        assert_eq!(first["expires_in"], 7200);
        let again = tokens.stable(6899, false, STABLE_A_DAY).unwrap();
        assert_eq!(text(&again), text(&first));
        assert_eq!(again["expires_in"], 301);
        let second = tokens.stable(6900, false, STABLE_A_DAY).unwrap();
        assert_ne!(text(&second), text(&first));
        assert_eq!(second["expires_in"], 7200);
        assert_eq!(check(&tokens, &text(&first), 7199), None);
        assert_eq!(check(&tokens, &text(&first), 7200), Some(42001));
        assert_eq!(check(&tokens, &text(&second), 7200), None);
    }

    #[test]
    fn forcing_ends_the_last_one_at_once_and_has_limits() {
        let mut tokens = Tokens::default();
        let first = tokens.stable(0, false, STABLE_A_DAY).unwrap();
        let second = tokens.stable(1, true, STABLE_A_DAY).unwrap();
        assert_ne!(text(&second), text(&first));
        assert_eq!(check(&tokens, &text(&first), 1), Some(40001));
        assert_eq!(
            text(&tokens.stable(30, true, STABLE_A_DAY).unwrap()),
            text(&second),
            "within 30 seconds"
        );
        for n in 2..=20 {
            tokens.stable(n * 31, true, STABLE_A_DAY).unwrap();
        }
        assert_eq!(tokens.stable(21 * 31, true, STABLE_A_DAY).unwrap_err().errcode, 45009);
        assert!(tokens.stable(21 * 31, false, STABLE_A_DAY).is_ok());
        assert!(tokens.stable(86_400, true, STABLE_A_DAY).is_ok(), "a new day");
    }

    #[test]
    fn a_spoiled_token_is_handed_out_until_another_is_forced() {
        let mut tokens = Tokens::default();
        let first = tokens.stable(0, false, STABLE_A_DAY).unwrap();
        tokens.spoil();
        assert_eq!(check(&tokens, &text(&first), 1), Some(40001));
        assert_eq!(text(&tokens.stable(1, false, STABLE_A_DAY).unwrap()), text(&first));
        let second = tokens.stable(1, true, STABLE_A_DAY).unwrap();
        assert_eq!(check(&tokens, &text(&second), 1), None);
    }

    #[test]
    fn a_legacy_token_ends_the_one_before_after_five_minutes() {
        let mut tokens = Tokens::default();
        let first = tokens.legacy(0, LEGACY_A_DAY).unwrap();
        let second = tokens.legacy(10, LEGACY_A_DAY).unwrap();
        assert_eq!(check(&tokens, &text(&first), 309), None);
        assert_eq!(check(&tokens, &text(&first), 310), Some(40001));
        let third = tokens.legacy(20, LEGACY_A_DAY).unwrap();
        assert_eq!(check(&tokens, &text(&first), 20), Some(40001), "only the one before is kept");
        assert_eq!(check(&tokens, &text(&second), 319), None);
        assert_eq!(check(&tokens, &text(&third), 7219), None);
        assert_eq!(check(&tokens, &text(&third), 7220), Some(42001));
    }

    #[test]
    fn the_two_kinds_know_nothing_of_each_other() {
        let mut tokens = Tokens::default();
        let stable = tokens.stable(0, false, STABLE_A_DAY).unwrap();
        let legacy = tokens.legacy(0, LEGACY_A_DAY).unwrap();
        tokens.legacy(1, LEGACY_A_DAY).unwrap();
        tokens.legacy(2, LEGACY_A_DAY).unwrap();
        assert_eq!(check(&tokens, &text(&stable), 400), None);
        let legacy_now = tokens.legacy(3, LEGACY_A_DAY).unwrap();
        tokens.stable(400, true, STABLE_A_DAY).unwrap();
        assert_eq!(check(&tokens, &text(&legacy_now), 401), None);
        assert_eq!(check(&tokens, &text(&legacy), 401), Some(40001));
    }

    #[test]
    fn the_legacy_endpoint_has_a_daily_limit() {
        let mut tokens = Tokens::default();
        for _ in 0..2000 {
            tokens.legacy(0, LEGACY_A_DAY).unwrap();
        }
        assert_eq!(tokens.legacy(0, LEGACY_A_DAY).unwrap_err().errcode, 45009);
    }
}
