//! What is known of a person. No openid, no unionid, and the phone number masked.

use crate::deployment::{Deployment, parse_response};
use crate::error::{Error, ErrorKind};
use crate::person_selector::PersonSelector;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt;

/// The login function's response to `look_up`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct PersonSummary {
    /// Their internal id; none if they have never logged in.
    pub(crate) user: Option<String>,
    #[serde(default)]
    pub(crate) accounts: Vec<String>,
    /// Whether their unionid is known, which identifies them in all apps.
    pub(crate) known_as_one_person: bool,
    pub(crate) apps: Vec<AppReachability>,
}

/// What one app knows of a person.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct AppReachability {
    pub(crate) app: String,
    /// None if unknown, or for a mini program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) follows: Option<bool>,
    /// Number of customer-service messages that may be sent now.
    pub(crate) customer_service: usize,
    /// Number of remaining consents, by WeChat's template id.
    pub(crate) subscriptions: BTreeMap<String, usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) form_ids: Option<usize>,
    /// Masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) phone: Option<String>,
    /// What WeChat tells of a follower: the scene that led there, tags, a remark.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) follower: Map<String, Value>,
}

/// Asks the login function for a person; none if there is no such person.
pub(crate) async fn find_person(
    deployment: &Deployment,
    selector: &PersonSelector,
) -> Result<Option<PersonSummary>, Error> {
    let request = json!({ "look_up": selector.as_person() });
    match deployment.try_invoke("login", &request).await? {
        Ok(response) => parse_response("login", response).map(Some),
        Err(failure) => {
            let is_app = failure.error_message.starts_with("app:");
            let error = Error::from(failure);
            match error.kind {
                ErrorKind::NotFound if is_app => {
                    Err(Error { advice: "`hongyan app list` lists the apps".to_owned(), ..error })
                }
                ErrorKind::NotFound => Ok(None),
                _ => Err(error),
            }
        }
    }
}

pub(crate) fn person_not_found(selector: &PersonSelector) -> Error {
    let advice = match selector {
        PersonSelector::Account(account) => format!(
            "check the spelling; if the account exists but isn't bound, a login with its password \
             or `hongyan account bind {account} USER` binds it"
        ),
        PersonSelector::UserId(_) => {
            "check the stage, and whether a login returned this id; an erased person gets another \
             id when they return"
                .to_owned()
        }
        PersonSelector::UnionId(_) | PersonSelector::OpenId { .. } => "check the stage".to_owned(),
    };
    Error::new(ErrorKind::NotFound, format!("no person is known by {selector}"), advice)
}

impl fmt::Display for PersonSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.as_deref().unwrap_or("none: they have never logged in");
        writeln!(f, "user            {user}")?;
        let accounts = if self.accounts.is_empty() {
            "none is bound".to_owned()
        } else {
            self.accounts.join(", ")
        };
        writeln!(f, "accounts        {accounts}")?;
        let unionid =
            if self.known_as_one_person { "known" } else { "unknown: WeChat has sent none" };
        writeln!(f, "unionid         {unionid}")?;
        for it in &self.apps {
            writeln!(f, "{:<15} {}", it.app, it.facts().join(", "))?;
        }
        Ok(())
    }
}

impl AppReachability {
    fn facts(&self) -> Vec<String> {
        let follows = self.follows.map(|follows| {
            if follows { "follows".to_owned() } else { "doesn't follow".to_owned() }
        });
        let consents: usize = self.subscriptions.values().sum();
        let count = |count: usize, what: &str| (count > 0).then(|| format!("{count} {what}"));
        let facts: Vec<_> = [
            follows,
            count(consents, "consents"),
            count(self.customer_service, "customer-service messages"),
            count(self.form_ids.unwrap_or_default(), "form ids"),
            self.phone.as_ref().map(|phone| format!("phone {phone}")),
        ]
        .into_iter()
        .flatten()
        .collect();
        if facts.is_empty() { vec!["known".to_owned()] } else { facts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_is_readable() {
        let person: PersonSummary = serde_json::from_value(json!({
            "user": "87d9", "accounts": ["ann"], "known_as_one_person": true,
            "apps": [
                { "app": "shop", "follows": true, "customer_service": 8, "subscriptions": {} },
                { "app": "shop-mini", "customer_service": 0, "subscriptions": { "T": 2 },
                  "form_ids": 0, "phone": "138****1234" },
            ],
        }))
        .unwrap();
        let text = person.to_string();
        for line in [
            "user            87d9",
            "accounts        ann",
            "unionid         known",
            "shop            follows, 8 customer-service messages",
            "shop-mini       2 consents, phone 138****1234",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        let unknown =
            PersonSummary { apps: vec![AppReachability::default()], ..Default::default() };
        let unknown = unknown.to_string();
        assert!(unknown.contains("never logged in") && unknown.contains("WeChat has sent none"));
    }
}
