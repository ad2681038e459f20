//! What WeChat's error codes mean: who can do something about one, and when.
//!
//! Source: the error tables of WeChat's API pages and its page "全局返回码"
//! (global return codes).

use serde::Deserialize;
use std::fmt;

/// WeChat's answer to a call that it did not carry out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// WeChat's `errcode`; never 0.
    pub code: i64,
    /// WeChat's `errmsg`. Free text: to be shown, not to be branched on.
    pub message: String,
    /// What WeChat's support asks for to find the call again.
    pub rid: Option<String>,
}

impl Refusal {
    /// Finds a refusal in an answer: an `errcode` that isn't 0.
    ///
    /// # Errors
    ///
    /// When the answer isn't a JSON object, or its `errcode` is no number.
    pub(crate) fn in_answer(body: &[u8]) -> Result<Option<Self>, serde_json::Error> {
        #[derive(Deserialize)]
        struct Answer {
            errcode: Option<Number>,
            errmsg: Option<String>,
        }
        /// WeChat writes numbers; the sheet of errors asks to expect strings too.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Number {
            Plain(i64),
            Quoted(String),
        }
        let answer: Answer = serde_json::from_slice(body)?;
        let code = match answer.errcode {
            None => return Ok(None),
            Some(Number::Plain(code)) => code,
            Some(Number::Quoted(code)) => code.parse().map_err(serde::de::Error::custom)?,
        };
        let message = answer.errmsg.unwrap_or_default();
        let rid = message.split_once("rid:").map(|(_, rid)| rid.trim().to_owned());
        Ok((code != 0).then_some(Self { code, message, rid }))
    }

    /// What can be done about it.
    pub fn class(&self) -> Class {
        match self.code {
            -1 | 20001 | 200001 | 43108 | 268_487_001 | 268_487_002 => Class::Retry,
            45009 | 45011 | 45047 | 48006 => Class::Quota,
            40001 | 40014 | 42001 => Class::Token,
            40003 | 40226 | 43004 | 43019 | 43101 | 45015 | 46004 | 48002 | 50005 | 70000
            | 41028 | 41029 => Class::Unreachable,
            40002 | 40013 | 40090 | 40125 | 40164 | 40243 | 41002 | 41004 | 43107 | 48001
            | 48004 | 50001 | 50002 | 50004 | 50007 | 61004 | 61007 | 61016 | 61024 | 89503
            | 89506 | 89507 => Class::Configuration,
            _ => Class::Fault,
        }
    }

    /// What to do about it, for the person who reads the outcome.
    pub fn advice(&self) -> &'static str {
        match self.code {
            40001 | 40014 | 42001 => "the access token is dead; the token function replaces it",
            40003 => "the openid belongs to another app, or to nobody",
            40029 => "the code is unknown or older than 5 minutes; call wx.login again",
            40037 => "register the template id that the account really has under /templates",
            40125 => "put the account's present AppSecret under /secrets",
            40163 => "a code can be used once; call wx.login again",
            40164 => "add the address that WeChat names to the account's IP list (IP白名单)",
            40226 => "WeChat considers this user a risk and blocks the login",
            43004 => "the person doesn't follow the Official Account",
            43101 => "ask the person for consent again with wx.requestSubscribeMessage",
            43107 => "WeChat has banned the template or the account's messages; see its console",
            45009 => "the day's quota of this API is used up; it resets at midnight in China",
            45011 => "too many calls within a minute; wait for the next one",
            45015 => "the customer-service window is closed until the person writes again",
            45047 => {
                "the customer-service window allows no more messages until the person writes again"
            }
            47003 => {
                "the named field breaks the rules of its type; see WeChat's page on the message"
            }
            48001 => {
                "this kind of account may not call this API; see its permissions in WeChat's console"
            }
            _ => match self.class() {
                Class::Retry => "try again later",
                Class::Quota => "wait until the quota resets",
                Class::Token => "the token function replaces the access token",
                Class::Unreachable => "this person can't be reached in this way",
                Class::Configuration => "the account's configuration at WeChat needs a change",
                Class::Fault => {
                    "the request or the template needs a change; look the code up in WeChat's documentation"
                }
            },
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WeChat refused with {}: {}", self.code, self.message)
    }
}

/// What can be done about a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Repeat the same call after a while.
    Retry,
    /// Repeat it when the quota has been reset.
    Quota,
    /// Repeat it once with a new access token.
    Token,
    /// This person can't be reached in this way, however often one tries.
    Unreachable,
    /// A human has to change the account's configuration.
    Configuration,
    /// A human has to change the request or the template.
    Fault,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(body: &str) -> Option<Refusal> {
        Refusal::in_answer(body.as_bytes()).unwrap()
    }

    #[test]
    fn an_error_code_is_a_refusal() {
        let found = refusal(
            r#"{"errcode":40013,"errmsg":"invalid appid rid: 6743a1b2-0f1e2d3c-4b5a6978"}"#,
        )
        .unwrap();
        assert_eq!(found.code, 40013);
        assert_eq!(found.rid.as_deref(), Some("6743a1b2-0f1e2d3c-4b5a6978"));
        assert_eq!(found.class(), Class::Configuration);
        assert_eq!(refusal(r#"{"errcode":"-1"}"#).unwrap().class(), Class::Retry);
    }

    #[test]
    fn no_code_or_zero_is_none() {
        assert_eq!(refusal(r#"{"errcode":0,"errmsg":"ok","msgid":1}"#), None);
        assert_eq!(refusal(r#"{"openid":"o"}"#), None);
    }

    #[test]
    fn what_cannot_be_understood_is_neither() {
        for body in
            ["<html>", "", "[]", r#"{"errcode":1.5}"#, r#"{"errcode":"x"}"#, r#"{"errcode":{}}"#]
        {
            assert!(Refusal::in_answer(body.as_bytes()).is_err(), "{body}");
        }
        assert_eq!(refusal(r#"{"errcode":40001,"errmsg":null}"#).unwrap().code, 40001);
    }
}
