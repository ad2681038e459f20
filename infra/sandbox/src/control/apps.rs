//! Apps: their settings, and what an operator sees of them.

use crate::context::SharedContext;
use crate::control::error::{Body, ControlError, ControlResponse};
use crate::control::lookup::{find_app, find_app_mut};
use crate::control::{console, synthetic_followers};
use crate::model::app::{App, MenuItem};
use crate::model::app_settings::{AccountType, AppKind, Format, Mode};
use crate::model::followers;
use crate::model::media::{self, MediaKind};
use crate::model::template::Template;
use crate::model::whitelist::Whitelist;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use shared::secret::Secret;
use shared::wechat::id::AppId;
use std::collections::BTreeMap;

pub(super) fn routes() -> Router<SharedContext> {
    Router::new()
        .route("/sandbox/apps", post(add))
        .route("/sandbox/apps/{app}", post(set))
        .route("/sandbox/apps/{app}/console", post(console::submit))
        .route("/sandbox/apps/{app}/synthetic_followers", post(synthetic_followers::create))
        .route(
            "/sandbox/apps/{app}/synthetic_followers/{number}/{action}",
            post(synthetic_followers::act),
        )
        .route("/sandbox/apps/{app}/followers", get(list_followers))
        .route("/sandbox/apps/{app}/quotas", get(quotas).post(set_quotas))
        .route("/sandbox/apps/{app}/revoke_tokens", post(revoke_tokens))
        .route("/sandbox/apps/{app}/reject_tokens", post(reject_tokens))
        .route("/sandbox/apps/{app}/previous_keys", post(use_previous_keys))
        .route("/sandbox/apps/{app}/media", post(add_material))
        .route("/sandbox/apps/{app}/whitelist", get(whitelist).post(set_whitelist))
}

/// Applies a change to the app with this alias.
fn change_app<R>(
    context: &SharedContext,
    alias: &str,
    change: impl FnOnce(&mut App) -> Result<R, ControlError>,
) -> Result<R, ControlError> {
    context.change(|state| change(find_app_mut(&mut state.world, alias)?))
}

fn ok() -> Json<Value> {
    Json(json!({ "ok": true }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    mode: Option<Mode>,
    format: Option<Format>,
    templates: Option<Vec<Template>>,
    menu: Option<Vec<MenuItem>>,
    list_page: Option<usize>,
    account: Option<AccountType>,
    /// Null unbinds the app.
    #[serde(default, deserialize_with = "present")]
    open_platform: Option<Option<String>>,
    /// A new AppSecret.
    secret: Option<Secret>,
}

/// Distinguishes null from an absent field.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Changes the given settings and keeps the others.
async fn set(
    State(context): State<SharedContext>,
    Path(alias): Path<String>,
    Body(settings): Body<Settings>,
) -> ControlResponse {
    context.change(|state| {
        let app = find_app_mut(&mut state.world, &alias)?;
        if settings.account.is_some() && app.kind == AppKind::MiniProgram {
            return Err(ControlError::bad_request("account: a Mini Program has no account type"));
        }
        if settings.list_page == Some(0) {
            return Err(ControlError::bad_request("list_page must be 1 or more"));
        }
        app.mode = settings.mode.unwrap_or(app.mode);
        app.format = settings.format.unwrap_or(app.format);
        if let Some(secret) = settings.secret {
            app.secret = secret;
        }
        if let Some(menu) = settings.menu {
            app.menu = menu;
        }
        if let Some(templates) = settings.templates {
            app.templates = templates;
        }
        app.list_page = settings.list_page.or(app.list_page);
        app.account = settings.account.unwrap_or(app.account);
        let answer = json!({ "ok": true, "mode": app.mode, "format": app.format });
        if let Some(open_platform) = settings.open_platform {
            app.open_platform = open_platform;
            state.world.link_people_to_apps();
        }
        Ok(Json(answer))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewApp {
    /// The alias of the app whose settings it copies.
    like: String,
    alias: String,
    app_id: AppId,
}

/// Adds an app with the settings of another one.
async fn add(
    State(context): State<SharedContext>,
    Body(NewApp { like, alias, app_id }): Body<NewApp>,
) -> ControlResponse {
    context.change(|state| {
        let app = find_app(&state.world, &like)?.copy_settings(alias, app_id);
        let original_id = app.original_id.clone();
        state.world.apps.push(app);
        if let Err(error) = state.world.check() {
            state.world.apps.pop();
            return Err(error.into());
        }
        state.world.link_people_to_apps();
        Ok(Json(json!({ "ok": true, "original_id": original_id })))
    })
}

async fn list_followers(
    State(context): State<SharedContext>,
    Path(alias): Path<String>,
) -> ControlResponse {
    context.read(|state| {
        let open_ids = followers::all(&state.world, find_app(&state.world, &alias)?);
        Ok(Json(json!({ "total": open_ids.len(), "open_ids": open_ids })))
    })
}

/// The calls of each path today, and the daily quotas that differ from WeChat's.
async fn quotas(
    State(context): State<SharedContext>,
    Path(alias): Path<String>,
) -> ControlResponse {
    context.read(|state| {
        let app = find_app(&state.world, &alias)?;
        let used = app.state.quotas.used(state.world.now());
        Ok(Json(json!({ "used": used, "limits": app.limits })))
    })
}

/// Sets daily quotas by path; paths that are not given keep theirs.
async fn set_quotas(
    State(context): State<SharedContext>,
    Path(alias): Path<String>,
    Body(limits): Body<BTreeMap<String, u64>>,
) -> ControlResponse {
    change_app(&context, &alias, |app| {
        app.limits.extend(limits);
        Ok(Json(json!({ "ok": true, "limits": app.limits })))
    })
}

/// Invalidates all access tokens of an app.
async fn revoke_tokens(
    State(context): State<SharedContext>,
    Path(alias): Path<String>,
) -> ControlResponse {
    let now = context.read(|state| state.world.now());
    change_app(&context, &alias, |app| {
        app.state.tokens.revoke(now);
        Ok(ok())
    })
}

/// Rejects all access tokens of an app, while `stable_token` still returns the last one.
async fn reject_tokens(
    State(context): State<SharedContext>,
    Path(alias): Path<String>,
) -> ControlResponse {
    change_app(&context, &alias, |app| {
        app.state.tokens.reject();
        Ok(ok())
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PreviousKeys {
    messages: u32,
}

/// Has the next pushes use the keys from before the last change.
async fn use_previous_keys(
    State(context): State<SharedContext>,
    Path(alias): Path<String>,
    Body(PreviousKeys { messages }): Body<PreviousKeys>,
) -> ControlResponse {
    change_app(&context, &alias, |app| {
        if app.state.key_rotation.set_stale_messages(messages) {
            return Ok(ok());
        }
        Err(ControlError::bad_request(format!(
            "{alias} has no previous keys: change its keys with the console first"
        )))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Material {
    media_id: String,
    #[serde(rename = "type")]
    kind: MediaKind,
}

/// Adds permanent material under a given id, in place of previous material with this id.
async fn add_material(
    State(context): State<SharedContext>,
    Path(alias): Path<String>,
    Body(Material { media_id, kind }): Body<Material>,
) -> ControlResponse {
    if media_id.is_empty() {
        return Err(ControlError::missing_field("media_id", "the id that messages use"));
    }
    change_app(&context, &alias, |app| {
        app.media.retain(|it| it.media_id != media_id);
        app.media.push(media::permanent(&media_id, kind));
        Ok(ok())
    })
}

async fn whitelist(
    State(context): State<SharedContext>,
    Path(alias): Path<String>,
) -> Result<Json<Whitelist>, ControlError> {
    context.read(|state| Ok(Json(find_app(&state.world, &alias)?.whitelist.clone())))
}

/// Replaces the IP whitelist.
async fn set_whitelist(
    State(context): State<SharedContext>,
    Path(alias): Path<String>,
    Body(whitelist): Body<Whitelist>,
) -> ControlResponse {
    change_app(&context, &alias, |app| {
        whitelist.check(app.kind)?;
        app.whitelist = whitelist;
        Ok(ok())
    })
}
