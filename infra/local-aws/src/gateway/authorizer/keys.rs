//! The keys that an issuer publishes, found by discovery.

use std::{collections::BTreeMap, fmt::Display, time::Duration};

use aws_lc_rs::{rsa::PublicKeyComponents, signature::RSA_PKCS1_2048_8192_SHA256};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value as Json;
use tokio::{sync::Mutex, time::Instant};

use super::Denied;
use crate::http::HttpClient;

/// API Gateway caches keys for two hours at most.
const KEYS_TTL: Duration = Duration::from_secs(2 * 3600);

/// Minimum time before an unknown key id is looked up again: clients can make them up.
const MIN_REFRESH_INTERVAL: Duration = Duration::from_secs(5);

/// API Gateway waits 1.5 seconds for each of the two pages. Here functions are
/// built without optimisation, and several may be starting on a busy machine.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
const AWS_FETCH_TIMEOUT: Duration = Duration::from_millis(1500);

/// The keys of one issuer.
pub(crate) struct Keys {
    issuer: String,
    http: HttpClient,
    cached: Mutex<Option<CachedKeys>>,
}

struct CachedKeys {
    keys: BTreeMap<String, Key>,
    read_at: Duration,
}

/// An RSA key.
#[derive(Clone)]
pub(crate) struct Key(PublicKeyComponents<Vec<u8>>);

impl Key {
    /// Whether `signature` is RSASSA-PKCS1-v1_5 with SHA-256 over `message`, by
    /// a key of at least 2048 bits.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
    }

    /// Reads one key of a key set (RFC 7517); none if it is for something else.
    fn read(key: &Json) -> Option<(String, Self)> {
        let is = |name: &str, value: &str| key.get(name).is_none_or(|found| found == value);
        if key["kty"] != "RSA" || !is("use", "sig") || !is("alg", "RS256") {
            return None;
        }
        let part = |name: &str| BASE64_URL_SAFE_NO_PAD.decode(key[name].as_str()?).ok();
        let components = PublicKeyComponents { n: part("n")?, e: part("e")? };
        Some((key["kid"].as_str()?.to_owned(), Self(components)))
    }
}

impl Keys {
    /// Nothing is asked of the issuer before a token is to be verified.
    pub(crate) fn new(issuer: &str) -> Result<Self, reqwest::Error> {
        Ok(Self {
            issuer: issuer.to_owned(),
            // Addresses are given whole.
            http: HttpClient::new(String::new())?,
            cached: Mutex::default(),
        })
    }

    /// The key of this id. The issuer is asked when nothing is known or it is too
    /// old, and for an id that isn't known, if it hasn't been just now.
    pub(crate) async fn find(&self, kid: &str, now: Duration) -> Result<Key, Denied> {
        let mut cached = self.cached.lock().await;
        let age = cached.as_ref().map(|cached| now.saturating_sub(cached.read_at));
        let known = cached.as_ref().is_some_and(|cached| cached.keys.contains_key(kid));
        if age.is_none_or(|age| age > KEYS_TTL || (age > MIN_REFRESH_INTERVAL && !known)) {
            match self.read().await {
                Ok(keys) => *cached = Some(CachedKeys { keys, read_at: now }),
                Err(problem) => {
                    tracing::warn!("the keys of {} can't be read: {problem}", self.issuer);
                    if age.is_none_or(|age| age > KEYS_TTL) {
                        return Err(Denied::Invalid("OIDC discovery endpoint communication error"));
                    }
                }
            }
        }
        let key = cached.as_ref().and_then(|cached| cached.keys.get(kid)).cloned();
        key.ok_or(Denied::Invalid("the token's key is not one of the issuer's"))
    }

    async fn read(&self) -> Result<BTreeMap<String, Key>, String> {
        let page = format!("{}/.well-known/openid-configuration", self.issuer);
        let discovery = self.get(&page).await?;
        if discovery["issuer"] != self.issuer {
            return Err(format!("{page} is about another issuer"));
        }
        let page = discovery["jwks_uri"].as_str().ok_or(format!("{page} has no jwks_uri"))?;
        let found = self.get(page).await?;
        let keys = found["keys"].as_array().ok_or(format!("{page} has no keys"))?;
        Ok(keys.iter().filter_map(Key::read).collect())
    }

    async fn get(&self, page: &str) -> Result<Json, String> {
        let text = |error: &dyn Display| error.to_string();
        let started = Instant::now();
        let answer = tokio::time::timeout(FETCH_TIMEOUT, self.http.get(page)).await;
        let answer = answer.map_err(|_| format!("GET {page} takes too long"))?;
        let answer = answer.map_err(|error| text(&error))?;
        let took = started.elapsed();
        if took > AWS_FETCH_TIMEOUT {
            tracing::warn!("{page} took {} ms; API Gateway waits 1500", took.as_millis());
        }
        Ok(answer)
    }
}
