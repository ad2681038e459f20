//! What an operator sets up of one app, and what there is to see of it.

use super::{Problem, body};
use crate::app::{Account, Format, Kind, MenuItem, Mode, Template};
use crate::crowd::{self, Act, Wanted};
use crate::media::{self, Uploaded};
use crate::people::find_app;
use crate::rotation::Behind;
use crate::running::Shared;
use crate::whitelist::Whitelist;
use crate::{console, users};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use shared::secret::Secret;
use shared::wechat::id::AppId;
use std::collections::BTreeMap;

/// The routes of this noun.
pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/sandbox/apps", post(add_app))
        .route("/sandbox/apps/{app}", post(set_app))
        .route("/sandbox/apps/{app}/console", post(paste))
        .route("/sandbox/apps/{app}/crowd", post(gather))
        .route("/sandbox/apps/{app}/crowd/{number}/{action}", post(act_in_crowd))
        .route("/sandbox/apps/{app}/followers", get(followers))
        .route("/sandbox/apps/{app}/quotas", get(quotas).post(set_quotas))
        .route("/sandbox/apps/{app}/revoke", post(revoke))
        .route("/sandbox/apps/{app}/spoil", post(spoil))
        .route("/sandbox/apps/{app}/behind", post(fall_behind))
        .route("/sandbox/apps/{app}/media", post(keep))
        .route("/sandbox/apps/{app}/whitelist", get(whitelist).post(set_whitelist))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    mode: Option<Mode>,
    format: Option<Format>,
    templates: Option<Vec<Template>>,
    /// An Official Account's menu.
    menu: Option<Vec<MenuItem>>,
    list_page: Option<usize>,
    account: Option<Account>,
    /// Null unbinds it.
    #[serde(default, deserialize_with = "given")]
    open_platform: Option<Option<String>>,
    /// The AppSecret, reset.
    secret: Option<Secret>,
}

/// What is given, also if that is null.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Sets how an app's pushes are protected and written, which templates it has,
/// and to which open-platform account it is bound, as its console would.
async fn set_app(
    State(running): State<Shared>,
    Path(alias): Path<String>,
    bytes: Bytes,
) -> Result<Json<Value>, Problem> {
    let settings: Settings = body(&bytes)?;
    running.change(|state| {
        let at = find_app(&state.world, &alias)?;
        if settings.account.is_some() && state.world.apps[at].kind == Kind::MiniProgram {
            return Err(Problem::bad("account: a Mini Program is of one kind only"));
        }
        if settings.list_page == Some(0) {
            return Err(Problem::bad("list_page must be 1 or more"));
        }
        let app = &mut state.world.apps[at];
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
        let (mode, format) = (app.mode, app.format);
        if let Some(open_platform) = settings.open_platform {
            app.open_platform = open_platform;
            state.world.acquaint();
        }
        Ok(Json(json!({ "ok": true, "mode": mode, "format": format })))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewApp {
    /// The alias of the app that it is like.
    like: String,
    alias: String,
    app_id: AppId,
}

/// Sets up another app like one that there is: its secrets and templates, its
/// open-platform account, and nothing of what has happened in it.
async fn add_app(State(running): State<Shared>, bytes: Bytes) -> Result<Json<Value>, Problem> {
    let NewApp { like, alias, app_id } = body(&bytes)?;
    running.change(|state| {
        let at = find_app(&state.world, &like)?;
        let app = state.world.apps[at].twin(alias, app_id);
        let original_id = app.original_id.clone();
        state.world.apps.push(app);
        if let Err(problem) = state.world.check() {
            state.world.apps.pop();
            return Err(Problem::bad(problem));
        }
        state.world.acquaint();
        Ok(Json(json!({ "ok": true, "original_id": original_id })))
    })
}

/// Somebody pastes where and how an app is pushed to; saved if the URL answers.
async fn paste(
    State(running): State<Shared>,
    Path(alias): Path<String>,
    bytes: Bytes,
) -> Result<Json<Value>, Problem> {
    console::submit(&running, &alias, body(&bytes)?).await?;
    Ok(Json(json!({ "ok": true })))
}

/// Gives an account very many followers.
async fn gather(
    State(running): State<Shared>,
    Path(alias): Path<String>,
    bytes: Bytes,
) -> Result<Json<Value>, Problem> {
    let wanted: Wanted = body(&bytes)?;
    running.change(|state| {
        let now = state.world.now();
        let at = find_app(&state.world, &alias)?;
        crowd::gather(&mut state.world.apps[at], &wanted, now).map(Json)
    })
}

/// One of them follows or leaves; answers when the callback has.
async fn act_in_crowd(
    State(running): State<Shared>,
    Path((alias, number, action)): Path<(String, u32, String)>,
    bytes: Bytes,
) -> Result<Json<Value>, Problem> {
    let act: Act = body(&bytes)?;
    let (mut answer, push) = running.change(|state| {
        let now = state.world.now();
        let at = find_app(&state.world, &alias)?;
        crowd::act(&mut state.world.apps[at], number, &action, &act, now)
    })?;
    let told = tokio::spawn(async move {
        match push {
            Some(push) => running.push(&push).await,
            None => Vec::new(),
        }
    });
    let deliveries =
        told.await.map_err(|error| Problem::bad(format!("the push broke off: {error}")))?;
    answer["pushes"] = json!(deliveries);
    Ok(Json(answer))
}

/// All who follow an account.
async fn followers(
    State(running): State<Shared>,
    Path(alias): Path<String>,
) -> Result<Json<Value>, Problem> {
    running.read(|state| {
        let at = find_app(&state.world, &alias)?;
        let open_ids = users::truth(&state.world, &state.world.apps[at]);
        Ok(Json(json!({ "total": open_ids.len(), "open_ids": open_ids })))
    })
}

/// How often an app has called each path today.
async fn quotas(
    State(running): State<Shared>,
    Path(alias): Path<String>,
) -> Result<Json<Value>, Problem> {
    running.read(|state| {
        let app = &state.world.apps[find_app(&state.world, &alias)?];
        Ok(Json(json!({ "used": app.quotas.used(state.world.now()), "limits": app.limits })))
    })
}

/// Sets daily quotas, by path; those that aren't named stay.
async fn set_quotas(
    State(running): State<Shared>,
    Path(alias): Path<String>,
    bytes: Bytes,
) -> Result<Json<Value>, Problem> {
    let limits: BTreeMap<String, u64> = body(&bytes)?;
    running.change(|state| {
        let at = find_app(&state.world, &alias)?;
        let app = &mut state.world.apps[at];
        app.limits.extend(limits);
        Ok(Json(json!({ "ok": true, "limits": app.limits })))
    })
}

/// Ends all of an app's access tokens at once, as a leak or another program
/// would.
async fn revoke(
    State(running): State<Shared>,
    Path(alias): Path<String>,
) -> Result<Json<Value>, Problem> {
    running.change(|state| {
        let at = find_app(&state.world, &alias)?;
        let now = state.world.now();
        state.world.apps[at].tokens.revoke(now);
        Ok(Json(json!({ "ok": true })))
    })
}

/// Refuses an app's access tokens, and goes on handing them out.
async fn spoil(
    State(running): State<Shared>,
    Path(alias): Path<String>,
) -> Result<Json<Value>, Problem> {
    running.change(|state| {
        let at = find_app(&state.world, &alias)?;
        state.world.apps[at].tokens.spoil();
        Ok(Json(json!({ "ok": true })))
    })
}

/// Lets the next pushes go out under the keys of before.
async fn fall_behind(
    State(running): State<Shared>,
    Path(alias): Path<String>,
    bytes: Bytes,
) -> Result<Json<Value>, Problem> {
    let behind: Behind = body(&bytes)?;
    running.change(|state| {
        let at = find_app(&state.world, &alias)?;
        state.world.apps[at].fall_behind(&behind)?;
        Ok(Json(json!({ "ok": true })))
    })
}

/// Keeps a file for good, under an id of one's own choosing.
async fn keep(
    State(running): State<Shared>,
    Path(alias): Path<String>,
    bytes: Bytes,
) -> Result<Json<Value>, Problem> {
    let uploaded: Uploaded = body(&bytes)?;
    running.change(|state| {
        let at = find_app(&state.world, &alias)?;
        media::keep(&mut state.world.apps[at], &uploaded)?;
        Ok(Json(json!({ "ok": true })))
    })
}

/// Which addresses may call.
async fn whitelist(
    State(running): State<Shared>,
    Path(alias): Path<String>,
) -> Result<Json<Whitelist>, Problem> {
    running.read(|state| {
        let at = find_app(&state.world, &alias)?;
        Ok(Json(state.world.apps[at].whitelist.clone()))
    })
}

/// Sets which addresses may call, in place of what was set before.
async fn set_whitelist(
    State(running): State<Shared>,
    Path(alias): Path<String>,
    bytes: Bytes,
) -> Result<Json<Value>, Problem> {
    let whitelist: Whitelist = body(&bytes)?;
    running.change(|state| {
        let at = find_app(&state.world, &alias)?;
        let app = &mut state.world.apps[at];
        whitelist.check(app.kind)?;
        app.whitelist = whitelist;
        Ok(Json(json!({ "ok": true })))
    })
}
