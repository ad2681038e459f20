//! The state as the control API shows it: everything but secrets.

use crate::context::SharedContext;
use crate::control::error::ControlResponse;
use crate::control::lookup::find_person;
use crate::model::app::App;
use crate::model::person::Person;
use crate::model::world::World;
use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Map, Value, json};

/// `GET /sandbox/state`.
pub(super) async fn state(State(context): State<SharedContext>) -> Json<Value> {
    Json(context.read(|state| {
        let world = &state.world;
        json!({
            "now": world.now(),
            "apps": world.apps.iter().map(app).collect::<Vec<_>>(),
            "people": world.people.iter().map(|it| person_with_messages(world, it)).collect::<Vec<_>>(),
        })
    }))
}

/// `GET /sandbox/people`.
pub(super) async fn people(State(context): State<SharedContext>) -> Json<Value> {
    Json(context.read(|state| {
        let world = &state.world;
        json!({ "people": world.people.iter().map(|it| person_with_messages(world, it)).collect::<Vec<_>>() })
    }))
}

/// `GET /sandbox/people/{name}/messages`.
pub(super) async fn messages(
    State(context): State<SharedContext>,
    Path(name): Path<String>,
) -> ControlResponse {
    context.read(|state| {
        let person = find_person(&state.world, &name)?;
        Ok(Json(json!({ "messages": state.world.people[person].messages })))
    })
}

/// An app without its secrets.
pub(super) fn app(app: &App) -> Value {
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

fn person_with_messages(world: &World, it: &Person) -> Value {
    let mut shown = person(world, it);
    shown["messages"] = json!(it.messages);
    shown
}

/// A person with their relation to each app, without messages.
pub(super) fn person(world: &World, person: &Person) -> Value {
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
    let followed = person.relations.iter().filter(|(_, it)| it.follows.is_some());
    json!({
        "name": person.name,
        "union_ids": person.union_ids,
        "follows": followed.map(|(alias, _)| alias).collect::<Vec<_>>(),
        "apps": by_app,
    })
}
