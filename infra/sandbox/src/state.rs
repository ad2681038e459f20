//! What can be seen of the world from outside: everything but its secrets.

use crate::app::App;
use crate::control::Problem;
use crate::person::Person;
use crate::running::Shared;
use crate::world::World;
use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Map, Value, json};

/// Answers `GET /sandbox/state`.
pub(crate) async fn show(State(running): State<Shared>) -> Json<Value> {
    Json(running.read(|state| {
        let world = &state.world;
        json!({
            "now": world.now(),
            "apps": world.apps.iter().map(app).collect::<Vec<_>>(),
            "people": world.people.iter().map(|it| person(world, it)).collect::<Vec<_>>(),
        })
    }))
}

/// Answers `GET /sandbox/people`.
pub(crate) async fn people(State(running): State<Shared>) -> Json<Value> {
    Json(running.read(|state| {
        let world = &state.world;
        json!({ "people": world.people.iter().map(|it| person(world, it)).collect::<Vec<_>>() })
    }))
}

/// Answers `GET /sandbox/people/{name}/messages`.
pub(crate) async fn messages(
    State(running): State<Shared>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    running.read(|state| {
        let person = state.world.person(&name).ok_or_else(|| {
            let names: Vec<_> = state.world.people.iter().map(|it| it.name.as_str()).collect();
            Problem::missing(format!("nobody is called {name:?}; there are: {}", names.join(", ")))
        })?;
        Ok(Json(json!({ "messages": person.messages })))
    })
}

/// An app, without its secrets.
pub(crate) fn app(app: &App) -> Value {
    json!({
        "alias": app.alias,
        "kind": app.kind,
        "app_id": app.app_id,
        "original_id": app.original_id,
        "mode": app.mode,
        "format": app.format,
        "open_platform": app.open_platform,
        "templates": app.templates,
        "secret": "…",
        "callback_token": "…",
        "encoding_aes_key": "…",
    })
}

fn person(world: &World, person: &Person) -> Value {
    let mut told = without_messages(world, person);
    told["messages"] = json!(person.messages);
    told
}

/// Somebody, with what they are to each app.
pub(crate) fn without_messages(world: &World, person: &Person) -> Value {
    let by_app: Map<String, Value> = person
        .relations
        .iter()
        .filter(|(alias, _)| world.app(alias).is_some())
        .map(|(alias, it)| {
            let relation = json!({
                "open_id": it.open_id, "follows": it.follows, "blocks": it.blocks, "consents": it.consents,
                "session": it.session,
                "typing": world.now() < it.typing_until,
            });
            (alias.clone(), relation)
        })
        .collect();
    let follows: Vec<_> = person
        .relations
        .iter()
        .filter(|(_, it)| it.follows.is_some())
        .map(|(alias, _)| alias)
        .collect();
    json!({
        "name": person.name,
        "union_ids": person.union_ids,
        "follows": follows,
        "apps": by_app,
    })
}
