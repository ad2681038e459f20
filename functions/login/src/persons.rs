//! One person: where they can be reached, and how they are forgotten.

use crate::account::Username;
use crate::app::App;
use crate::orders::{Refused, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::parameters::{AppKind, WeChatApp};
use shared::store::{AppUser, PersonQuery, TOMBSTONE_TTL};
use shared::wechat::id::OpenId;
use std::collections::BTreeMap;

/// By what a person is asked for: exactly one of the three.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Names")]
pub(crate) enum Who {
    /// Their internal id.
    Person(UserId),
    /// The account that is bound to them.
    Account(Username),
    /// Who they are in one app, by its alias. Also somebody who has never logged
    /// in has this.
    User { app: String, open_id: OpenId },
}

/// All that can stand there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Names {
    #[serde(default)]
    user: Option<UserId>,
    #[serde(default)]
    account: Option<Username>,
    #[serde(default)]
    app: Option<String>,
    #[serde(default)]
    open_id: Option<OpenId>,
}

impl TryFrom<Names> for Who {
    type Error = &'static str;

    fn try_from(names: Names) -> Result<Self, Self::Error> {
        match names {
            Names { user: Some(id), account: None, app: None, open_id: None } => {
                Ok(Self::Person(id))
            }
            Names { user: None, account: Some(name), app: None, open_id: None } => {
                Ok(Self::Account(name))
            }
            Names { user: None, account: None, app: Some(app), open_id: Some(open_id) } => {
                Ok(Self::User { app, open_id })
            }
            _ => Err(r#"expected one of {"user"}, {"account"} and {"app", "open_id"}"#),
        }
    }
}

/// One app in which somebody can be reached, or could be. Without the openid:
/// whoever needs that is WeChat.
#[derive(Debug, Serialize)]
struct Reached {
    app: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    follows: Option<bool>,
    /// How many messages of customer service may be sent.
    customer_service: usize,
    /// So many consents are left, by WeChat's template.
    subscriptions: BTreeMap<String, usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    form_ids: Option<usize>,
    /// Masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
}

/// Says where a person can be reached: nothing about who they are.
pub(crate) async fn look_up(app: &App, who: &Who, now: Timestamp) -> Result<Value, Refused> {
    let asked = asked(app, who, now).await?;
    let person = app.logins.person(&asked).await?.ok_or(Refused::Nobody)?;
    let known = app.known_credentials(now).await?;
    let apps = &known.apps;
    let mut reached = Vec::new();
    for AppUser { app_id, open_id } in &person.users {
        // An app that is no longer under /apps reaches nobody.
        if let Some(of) = apps.by_id(app_id) {
            reached.push(reach(app, of, open_id, now).await?);
        }
    }
    Ok(json!({
        "user": person.ids.first(),
        "accounts": person.accounts,
        "known_as_one_person": !person.union_ids.is_empty(),
        "apps": reached,
    }))
}

async fn reach(
    app: &App,
    of: &WeChatApp,
    open_id: &OpenId,
    now: Timestamp,
) -> Result<Reached, Refused> {
    let users = &app.logins.users;
    let app_id = &of.app_id;
    let is_mini_program = of.kind == AppKind::MiniProgram;
    let (known, place, subscriptions, form_ids, phone) = tokio::try_join!(
        users.identity(app_id, open_id),
        users.find_slot(app_id, open_id, "", now),
        users.free_consents(app_id, open_id),
        users.open_form_ids(app_id, open_id, "", now),
        users.phone(app_id, open_id),
    )?;
    Ok(Reached {
        app: of.alias.clone(),
        follows: known.1.filter(|_| !is_mini_program),
        customer_service: place.map_or(0, |(_, places)| places),
        subscriptions,
        form_ids: is_mini_program.then_some(form_ids.len()),
        phone: phone.map(|kept| kept.phone.masked()),
    })
}

/// Forgets a person entirely, and says what has gone and what stays.
pub(crate) async fn forget(
    app: &App,
    who: &Who,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Value, Refused> {
    let asked = asked(app, who, now).await?;
    let forgotten = app.erasure().run(&asked, now, deadline).await?;
    let complete = forgotten.complete;
    tracing::info!(user = forgotten.person, complete, gone = ?forgotten.deleted, "forgot a person");
    let mut report = json!({
        "user": forgotten.person,
        "complete": complete,
        "deleted": forgotten.deleted,
        "retained": RETAINED.map(|(what, why)| json!({ "what": what, "why": why })),
    });
    if !forgotten.previous_users.is_empty() {
        report["previous_users"] = json!(forgotten.previous_users);
    }
    if complete {
        report["tombstone_expires_at"] = json!(now.plus(TOMBSTONE_TTL));
    } else {
        report["next"] = json!("the time ran out; invoke again with the same");
    }
    Ok(report)
}

/// What forgetting somebody leaves, and why.
const RETAINED: [(&str, &str); 6] = [
    (
        "a mark for each app, for a day after all has gone: the openid, and when it was forgotten",
        "without it, an event that WeChat still delivers would make them known again",
    ),
    (
        "access tokens that were handed out, for 15 minutes at most",
        "they name a random id that leads nowhere, and can't be called back",
    ),
    (
        "what became of a login code, and how often a password was tried: for a minute, for 15",
        "they stand under hashes; one has the random id, which leads nowhere, the other nothing; DynamoDB removes both within two days",
    ),
    (
        "notifications that were sent: your id, channel, app, time, and what became of them, for 30 days",
        "by them a repeated request isn't sent twice; they name no recipient and have no content",
    ),
    (
        "the random id in logs, as long as the logs are kept",
        "nothing leads from it to a person any more",
    ),
    (
        "what others have: events on an EventBridge bus, messages on the queues, your own data",
        "it is out of reach of this function; WeChat forgets on the person's own request",
    ),
];

async fn asked(app: &App, who: &Who, now: Timestamp) -> Result<PersonQuery, Refused> {
    Ok(match who {
        Who::Person(id) => PersonQuery::Person(id.as_str().to_owned()),
        Who::Account(name) => PersonQuery::Account(name.as_str().to_owned()),
        Who::User { app: alias, open_id } => {
            let known = app.credentials(alias, now).await?;
            let of = known.apps.by_alias(alias).ok_or(Refused::UnknownApp)?;
            PersonQuery::User(AppUser { app_id: of.app_id.clone(), open_id: open_id.clone() })
        }
    })
}
