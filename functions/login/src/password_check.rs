//! The check of a login's password, and the limits of how often one may be wrong.
//!
//! As a rule the password is looked at before the code is exchanged, so that a wrong one
//! doesn't use the code up. When an account has had too many wrong ones, it is the other way
//! round: a guess costs a login to WeChat each time, and each WeChat user has few of them. The
//! owner has a login and the password, so no one can lock them out.

use crate::account::{Password, Username, verify};
use crate::app::App;
use crate::error::LoginError;
use shared::clock::Timestamp;
use shared::metric;
use shared::secret::Secret;
use shared::store::{AttemptKey, CountedAttempt, RateLimit};
use std::net::IpAddr;

/// A password that a login brings.
pub(crate) struct PasswordCheck<'a> {
    app: &'a App,
    /// The mini program.
    alias: &'a str,
    username: &'a Username,
    password: &'a Password,
    now: Timestamp,
    /// The attempts as which it was counted.
    counted: Vec<CountedAttempt>,
    /// The account's stored hash, once the password has been found to be right.
    hash: Option<Secret>,
}

impl<'a> PasswordCheck<'a> {
    /// Counts the attempt, and checks the password unless the account has had too many wrong
    /// ones. Whether or not there is such an account makes no difference.
    pub(crate) async fn begin(
        app: &'a App,
        alias: &'a str,
        (username, password): (&'a Username, &'a Password),
        address: &str,
        now: Timestamp,
    ) -> Result<Self, LoginError> {
        let counted = Vec::new();
        let mut check = Self { app, alias, username, password, now, counted, hash: None };
        let network = network(address);
        check.count(&AttemptKey::pair(username.as_str(), &network)).await?;
        check.count(&AttemptKey::network(&network)).await?;
        let account = AttemptKey::account(username.as_str());
        match app.password_attempts.count(&account, now).await? {
            RateLimit::Allowed(attempt) => {
                check.counted.push(attempt);
                check.verify().await?;
            }
            RateLimit::Limited { wait } => tracing::warn!(
                app = alias,
                wait,
                "an account has had too many wrong passwords: until the wait is over, its logins are exchanged at WeChat before the password is looked at"
            ),
        }
        Ok(check)
    }

    /// The stored hash of the account, if the password is right. It is called once WeChat has
    /// said whose the code is: `wechat_user` counts their attempts. None for a repeated login,
    /// as the first one with the same code had the right password.
    pub(crate) async fn finish(
        mut self,
        wechat_user: Option<AttemptKey>,
    ) -> Result<Secret, LoginError> {
        if let Some(hash) = self.hash {
            return Ok(hash);
        }
        if let Some(key) = wechat_user {
            self.count(&key).await?;
        }
        self.verify().await
    }

    async fn count(&mut self, key: &AttemptKey) -> Result<(), LoginError> {
        match self.app.password_attempts.count(key, self.now).await? {
            RateLimit::Allowed(attempt) => {
                self.counted.push(attempt);
                Ok(())
            }
            RateLimit::Limited { wait } => {
                metric::WRONG_PASSWORDS.record(1, [self.alias]);
                Err(LoginError::TooManyPasswords { wait })
            }
        }
    }

    async fn verify(&mut self) -> Result<Secret, LoginError> {
        let Some(hash) = verify(&self.app.mappings, self.username, self.password).await? else {
            metric::WRONG_PASSWORDS.record(1, [self.alias]);
            return Err(LoginError::WrongPassword);
        };
        for attempt in std::mem::take(&mut self.counted) {
            self.app.password_attempts.take_back(&attempt).await?;
        }
        self.hash = Some(hash.clone());
        Ok(hash)
    }
}

/// What counts as one client: an IPv4 address, or the first 64 bits of an IPv6 address,
/// as a client can choose the others freely (RFC 4291, section 2.5.4).
fn network(address: &str) -> String {
    match address.parse() {
        Ok(IpAddr::V6(address)) if address.to_ipv4_mapped().is_none() => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Ok(address) => address.to_canonical().to_string(),
        Err(_) => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_network_counts_as_one_client() {
        assert_eq!(network("203.0.113.9"), "203.0.113.9");
        assert_eq!(network("::ffff:203.0.113.9"), "203.0.113.9");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2:ffff::"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("somewhere"), "somewhere");
    }
}
