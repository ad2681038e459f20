//! The command `look_up`: where a person can be reached.

use super::person_selector::PersonSelector;
use crate::app::App;
use crate::error::LoginError;
use serde::Serialize;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::parameters::{AppKind, WeChatApp};
use shared::store::AppUser;
use shared::wechat::id::OpenId;
use shared::wechat::user::FollowerDetails;
use std::collections::BTreeMap;

/// What can be sent to a person in one app. It has no openid: callers don't need it.
#[derive(Debug, Serialize)]
struct AppReachability {
    app: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    follows: Option<bool>,
    /// How many customer-service messages may be sent.
    customer_service: usize,
    /// The number of unused consents, by WeChat's template id.
    subscriptions: BTreeMap<String, usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    form_ids: Option<usize>,
    /// Masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    /// What WeChat tells of a follower. Missing if there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    follower: Option<FollowerDetails>,
}

/// Reports where a person can be reached, without openids and unionids.
pub(super) async fn look_up(
    app: &App,
    selector: &PersonSelector,
    now: Timestamp,
) -> Result<Value, LoginError> {
    let query = selector.query(app, now).await?;
    let person = app.people.find(&query).await?.ok_or(LoginError::UnknownPerson)?;
    let credentials = app.known_credentials(now).await?;
    let mut reachable = Vec::new();
    for AppUser { app_id, open_id } in &person.users {
        // Nothing can be sent in an app that is no longer under /apps.
        if let Some(of) = credentials.apps.by_id(app_id) {
            reachable.push(reachability(app, of, open_id, now).await?);
        }
    }
    Ok(json!({
        "user": person.ids.first(),
        "accounts": person.accounts,
        "known_as_one_person": !person.union_ids.is_empty(),
        "apps": reachable,
    }))
}

async fn reachability(
    app: &App,
    of: &WeChatApp,
    open_id: &OpenId,
    now: Timestamp,
) -> Result<AppReachability, LoginError> {
    let app_id = &of.app_id;
    let is_mini_program = of.kind == AppKind::MiniProgram;
    let ((follows, details), window, subscriptions, form_ids, phone) = tokio::try_join!(
        app.profiles.follower(app_id, open_id),
        app.reply_windows.find_slot(app_id, open_id, "", now),
        app.consents.count_free(app_id, open_id),
        app.form_ids.open(app_id, open_id, "", now),
        app.phone_numbers.get(app_id, open_id),
    )?;
    Ok(AppReachability {
        app: of.alias.clone(),
        follows: follows.filter(|_| !is_mini_program),
        customer_service: window.map_or(0, |(_, messages)| messages),
        subscriptions,
        form_ids: is_mini_program.then_some(form_ids.len()),
        phone: phone.map(|stored| stored.phone.masked()),
        follower: Some(details).filter(|details| *details != FollowerDetails::default()),
    })
}
