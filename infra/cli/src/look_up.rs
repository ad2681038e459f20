//! What is known of a person, as the login function tells: no openid, no unionid,
//! and the telephone number masked.

use crate::deployment::{Deployment, understood};
use crate::error::{Error, Kind};
use crate::who::Who;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt;

/// What is known of a person.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Known {
    /// Their internal id; none if they have never logged in.
    pub(crate) user: Option<String>,
    /// The accounts that are bound to them.
    #[serde(default)]
    pub(crate) accounts: Vec<String>,
    /// Whether WeChat told a unionid, which makes them the same person in all apps.
    pub(crate) known_as_one_person: bool,
    /// The apps in which they are known.
    pub(crate) apps: Vec<InApp>,
}

/// What is known of a person in one app.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct InApp {
    pub(crate) app: String,
    /// Whether they follow it; none if it isn't known, or a mini program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) follows: Option<bool>,
    /// So many messages of customer service may be sent now.
    pub(crate) customer_service: usize,
    /// So many consents are left, by WeChat's id of the template.
    pub(crate) subscriptions: BTreeMap<String, usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) form_ids: Option<usize>,
    /// Masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) phone: Option<String>,
}

/// Asks the login function who somebody is. None if nobody is known by that name.
///
/// # Errors
///
/// When it can't be asked, or there is no such app.
pub(crate) async fn look_up(deployment: &Deployment, who: &Who) -> Result<Option<Known>, Error> {
    let asked = json!({ "look_up": who.person() });
    match deployment.try_invoke("login", &asked).await? {
        Ok(answer) => understood("login", answer).map(Some),
        Err(failure) => {
            let is_app = failure.error_message.starts_with("app:");
            let error = Error::from(failure);
            match error.kind {
                Kind::NotFound if is_app => Err(Error {
                    advice: "`hongyan app list` shows the apps that there are".to_owned(),
                    ..error
                }),
                Kind::NotFound => Ok(None),
                _ => Err(error),
            }
        }
    }
}

/// Nobody is known by that name.
pub(crate) fn nobody(who: &Who) -> Error {
    let advice = match who {
        Who::Account(account) => format!(
            "see whether it is written so; an account that there is, but is bound to nobody, \
             is bound by a login with its password, or by `hongyan account bind {account} USER`"
        ),
        Who::Person(_) => {
            "see whether it is the id that a login answered, and the right stage; who was \
             forgotten has another one when they return"
                .to_owned()
        }
        Who::Union(_) | Who::User { .. } => "see whether it is the right stage".to_owned(),
    };
    Error::new(Kind::NotFound, format!("nobody is known by {who}"), advice)
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.user {
            Some(user) => writeln!(f, "user            {user}")?,
            None => writeln!(f, "user            none: they have never logged in")?,
        }
        let accounts = if self.accounts.is_empty() {
            "none is bound".to_owned()
        } else {
            self.accounts.join(", ")
        };
        writeln!(f, "accounts        {accounts}")?;
        let one = if self.known_as_one_person { "yes" } else { "no, WeChat has told no unionid" };
        writeln!(f, "one person      {one}")?;
        for it in &self.apps {
            writeln!(f, "{:<15} {}", it.app, it.told().join(", "))?;
        }
        Ok(())
    }
}

impl InApp {
    fn told(&self) -> Vec<String> {
        let follows = self.follows.map(|follows| {
            if follows { "follows".to_owned() } else { "doesn't follow".to_owned() }
        });
        let consents: usize = self.subscriptions.values().sum();
        let count = |count: usize, what: &str| (count > 0).then(|| format!("{count} {what}"));
        let phone = self.phone.as_ref().map(|phone| format!("telephone {phone}"));
        let told: Vec<_> = [
            follows,
            count(consents, "consents"),
            count(self.customer_service, "messages of customer service"),
            count(self.form_ids.unwrap_or_default(), "form ids"),
            phone,
        ]
        .into_iter()
        .flatten()
        .collect();
        if told.is_empty() { vec!["known".to_owned()] } else { told }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_in_words() {
        let known: Known = serde_json::from_value(json!({
            "user": "87d9", "accounts": ["ann"], "known_as_one_person": true,
            "apps": [
                { "app": "shop", "follows": true, "customer_service": 8, "subscriptions": {} },
                { "app": "shop-mini", "customer_service": 0, "subscriptions": { "T": 2 },
                  "form_ids": 0, "phone": "138****1234" },
            ],
        }))
        .unwrap();
        let told = known.to_string();
        for line in [
            "user            87d9",
            "accounts        ann",
            "shop            follows, 8 messages of customer service",
            "shop-mini       2 consents, telephone 138****1234",
        ] {
            assert!(told.contains(line), "{line}: {told}");
        }
        let stranger = Known { apps: vec![InApp::default()], ..Known::default() }.to_string();
        assert!(stranger.contains("never logged in") && stranger.contains("no unionid"));
    }
}
