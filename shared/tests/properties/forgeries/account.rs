//! Accounts that WeChat calls, and what it calls them with.

use crate::random::SeededRandom;
use shared::clock::Timestamp;
use shared::secret::Secret;
use shared::wechat::callback::{Callback, EncryptionMode};
use shared::wechat::crypto::{self, EncodingAesKey};
use shared::wechat::id::AppId;
use shared::wechat::signature;
use std::ops::Range;

pub(super) const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
pub(super) const DIGITS: &[u8] = b"0123456789";
pub(super) const NOW: u64 = 1_763_690_000;
const WINDOW: u64 = 300;

/// An account, with what only it and WeChat know.
pub(super) struct Account {
    pub(super) callback: Callback,
    pub(super) token: String,
    pub(super) key: EncodingAesKey,
    pub(super) key_text: String,
    pub(super) is_json: bool,
}

/// One call, as it comes in.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    /// The query, decoded.
    pub(super) pairs: Vec<(String, String)>,
    pub(super) take: Take,
    /// Where in the body the ciphertext is.
    pub(super) encrypt: Option<Range<usize>>,
    pub(super) now: Timestamp,
}

/// What it wants.
#[derive(Clone, Debug)]
pub(super) enum Take {
    /// That its `echostr` be given back.
    UrlVerification,
    /// That its body be opened.
    Push(Vec<u8>),
}

/// A key, out of its 43 letters and digits.
pub(super) fn aes_key(text: &str) -> EncodingAesKey {
    EncodingAesKey::parse(text).expect("43 letters and digits")
}

impl Account {
    /// Tokens and keys are of every kind: where a token stands among the sorted
    /// parts depends on how it begins. Some accounts share one of the two, or
    /// both, and differ in their app ids alone.
    pub(super) fn several(random: &mut SeededRandom) -> Vec<Self> {
        let mut accounts: Vec<Self> = Vec::new();
        for number in 0..24 {
            let token = match number % 8 {
                0 => random.text(3, LETTERS),
                1 => random.text(32, LETTERS),
                2 => random.text(10, DIGITS),
                3 => format!("0{}", random.text(9, LETTERS)),
                4 => format!("z{}", random.text(12, LETTERS)),
                5 => format!("A{}", random.text(20, LETTERS)),
                6 => accounts[0].token.clone(),
                _ => random.text(16, LETTERS),
            };
            let key_text = match number % 8 {
                6 | 7 => accounts[1].key_text.clone(),
                _ => random.text(43, LETTERS),
            };
            let key = aes_key(&key_text);
            let mode = match number % 6 {
                0..=2 => EncryptionMode::Safe,
                3 | 4 => EncryptionMode::Compatible,
                _ => EncryptionMode::Plaintext,
            };
            let app_id = AppId::parse(format!("wx{}", random.text(16, b"0123456789abcdef")))
                .expect("an app id");
            // Some are in the middle of a rotation, and know a token and a key more.
            let mut tokens = vec![Secret::new(token.as_str())];
            let mut aes_keys = vec![key.clone()];
            if number % 3 == 0 {
                tokens.insert(0, Secret::new(random.text(24, LETTERS)));
                aes_keys.insert(0, aes_key(&random.text(43, LETTERS)));
            }
            let callback = Callback { app_id, mode, tokens, aes_keys, window: WINDOW };
            let is_json = random.below(2) == 0;
            accounts.push(Self { callback, token, key, key_text, is_json });
        }
        accounts
    }

    /// What WeChat calls this account with.
    pub(super) fn deliver(&self, random: &mut SeededRandom) -> Delivery {
        let now = NOW + random.below(10_000) as u64;
        let timestamp = (now - 100 + random.below(200) as u64).to_string();
        // WeChat's nonces are numbers; but for one, they are no times of today.
        let nonce = match random.below(4) {
            0 => random.text(9, DIGITS),
            1 => format!("1{}", 100_000_000 + random.below(600_000_000)),
            2 => (random.next() % 100_000_000).to_string(),
            _ => {
                let length = 1 + random.below(32);
                format!("{}x", random.text(length - 1, LETTERS))
            }
        };
        if random.below(8) == 0 {
            let mut delivery = Delivery::new(Take::UrlVerification, None, Timestamp(now));
            delivery.add("signature", &self.sign(&[&timestamp, &nonce]));
            delivery.add("timestamp", &timestamp);
            delivery.add("nonce", &nonce);
            delivery.add("echostr", &random.text(19, DIGITS));
            return delivery;
        }
        let message = self.message(random);
        let sealed =
            crypto::encrypt(&self.key, &self.callback.app_id, random.bytes(), message.as_bytes());
        let body = match self.callback.mode {
            EncryptionMode::Plaintext => message,
            EncryptionMode::Safe => self.body(&sealed),
            EncryptionMode::Compatible if self.is_json => {
                message.replacen('{', &format!("{{\"Encrypt\":\"{sealed}\","), 1)
            }
            EncryptionMode::Compatible => {
                message.replacen("<xml>", &format!("<xml><Encrypt>{sealed}</Encrypt>"), 1)
            }
        };
        let encrypt = (self.callback.mode != EncryptionMode::Plaintext).then_some(sealed.as_str());
        self.signed(&timestamp, &nonce, encrypt, body.into_bytes(), Timestamp(now))
    }

    /// A push with the signatures that WeChat puts on it.
    pub(super) fn signed(
        &self,
        timestamp: &str,
        nonce: &str,
        encrypt: Option<&str>,
        body: Vec<u8>,
        now: Timestamp,
    ) -> Delivery {
        let mut delivery = Delivery::new(Take::Push(body), encrypt, now);
        delivery.add("signature", &self.sign(&[timestamp, nonce]));
        delivery.add("timestamp", timestamp);
        delivery.add("nonce", nonce);
        delivery.add("openid", "oDemoUser0000000000000000001");
        if let Some(encrypt) = encrypt {
            delivery.add("encrypt_type", "aes");
            delivery.add("msg_signature", &self.sign(&[timestamp, nonce, encrypt]));
        }
        delivery
    }

    pub(super) fn sign(&self, parts: &[&str]) -> String {
        signature::sign(&[&[self.token.as_str()], parts].concat())
    }

    /// An envelope as it stands in a body of safe mode.
    pub(super) fn body(&self, encrypt: &str) -> String {
        if self.is_json {
            format!(r#"{{"ToUserName":"gh_0123456789ab","Encrypt":"{encrypt}"}}"#)
        } else {
            format!(
                "<xml><ToUserName><![CDATA[gh_0123456789ab]]></ToUserName><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>"
            )
        }
    }

    pub(super) fn message(&self, random: &mut SeededRandom) -> String {
        let length = random.below(120);
        let content = random.text(length, LETTERS);
        let number = random.next() >> 1;
        if self.is_json {
            format!(
                r#"{{"ToUserName":"gh_1","FromUserName":"oAnn","CreateTime":1763690000,"MsgType":"text","Content":"{content}","MsgId":{number}}}"#
            )
        } else {
            format!(
                "<xml><FromUserName>oAnn</FromUserName><CreateTime>1763690000</CreateTime><MsgType>text</MsgType>\
                 <Content>{content}</Content><MsgId>{number}</MsgId></xml>"
            )
        }
    }

    /// Whether a signature that our mode asks for holds, for a verifier who
    /// takes the parts as they stand.
    pub(super) fn holds(&self, delivery: &Delivery) -> bool {
        let (Some(timestamp), Some(nonce)) = (delivery.get("timestamp"), delivery.get("nonce"))
        else {
            return false;
        };
        let encrypt = delivery.encrypt();
        let (name, parts) = match (&delivery.take, self.callback.mode) {
            (Take::Push(_), EncryptionMode::Safe | EncryptionMode::Compatible)
                if encrypt.is_some() =>
            {
                ("msg_signature", [timestamp, nonce, encrypt.unwrap_or_default()])
            }
            // An empty part changes nothing.
            _ => ("signature", [timestamp, nonce, ""]),
        };
        delivery.get(name).is_some_and(|claimed| claimed == self.sign(&parts))
    }
}

impl Delivery {
    /// A call with nothing in its query yet, and with this ciphertext somewhere
    /// in its body.
    pub(super) fn new(take: Take, encrypt: Option<&str>, now: Timestamp) -> Self {
        let mut delivery = Self { pairs: Vec::new(), take, encrypt: None, now };
        delivery.encrypt = delivery.body().zip(encrypt).and_then(|(body, encrypt)| {
            let start = body.find(encrypt)?;
            Some(start..start + encrypt.len())
        });
        delivery
    }

    pub(super) fn add(&mut self, name: &str, value: &str) {
        self.pairs.push((name.to_owned(), value.to_owned()));
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.as_str())
    }

    /// Puts another value in the place of this one.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        for pair in self.pairs.iter_mut().filter(|pair| pair.0 == name) {
            value.clone_into(&mut pair.1);
        }
    }

    pub(super) fn body(&self) -> Option<&str> {
        match &self.take {
            Take::Push(body) => std::str::from_utf8(body).ok(),
            Take::UrlVerification => None,
        }
    }

    pub(super) fn encrypt(&self) -> Option<&str> {
        self.body()?.get(self.encrypt.clone()?)
    }

    /// What is in the body before the ciphertext, the ciphertext, and what is
    /// after it.
    pub(super) fn around_encrypt(&self) -> Option<[&str; 3]> {
        let (body, place) = (self.body()?, self.encrypt.clone()?);
        Some([&body[..place.start], &body[place.clone()], &body[place.end..]])
    }

    /// The same with another ciphertext, if it is another.
    pub(super) fn with_encrypt(&self, encrypt: &str) -> Option<Self> {
        let [before, here, after] = self.around_encrypt()?;
        let place = before.len()..before.len() + encrypt.len();
        let take = Take::Push([before, encrypt, after].concat().into_bytes());
        let pairs = self.pairs.clone();
        (here != encrypt).then_some(Self { pairs, take, encrypt: Some(place), now: self.now })
    }

    /// The same with another body, in which the ciphertext stands somewhere else
    /// or not at all.
    pub(super) fn with_body(&self, body: String, encrypt: Option<&str>) -> Self {
        let changed = Self::new(Take::Push(body.into_bytes()), encrypt, self.now);
        Self { pairs: self.pairs.clone(), ..changed }
    }
}
