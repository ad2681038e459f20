//! People: who there is, and what they do.

use crate::context::{SharedContext, State};
use crate::control::error::{Body, ControlError, ControlResponse};
use crate::control::pushes::complete;
use crate::control::user_actions::{self, ActionParameters};
use crate::control::{business, snapshot};
use crate::model::person::Person;
use crate::model::world::World;
use crate::oddities::catalog::Oddity;
use crate::push::outgoing::Push;
use crate::push::subscription_events::{self, CHANGE_EVENT};
use axum::extract::{self, Path};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Maximum length of a name in bytes.
const MAX_NAME_BYTES: usize = 64;

pub(super) fn routes() -> Router<SharedContext> {
    Router::new()
        .route("/sandbox/people", get(snapshot::people).post(add))
        .route("/sandbox/people/{name}/messages", get(snapshot::messages))
        .route("/sandbox/people/{name}/open", post(business::open))
        .route("/sandbox/people/{name}/{action}", post(act))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPerson {
    name: String,
}

async fn add(
    extract::State(context): extract::State<SharedContext>,
    Body(NewPerson { name }): Body<NewPerson>,
) -> ControlResponse {
    context.change(|state| add_person(&mut state.world, &name)).map(Json)
}

fn add_person(world: &mut World, name: &str) -> Result<Value, ControlError> {
    if name.is_empty()
        || name.len() > MAX_NAME_BYTES
        || name == "."
        || name == ".."
        || name.chars().any(|c| c.is_control() || c == '/')
    {
        return Err(ControlError::bad_request(
            "name must be 1 to 64 bytes without / or control characters, and not . or ..",
        ));
    }
    if world.person(name).is_some() {
        return Err(ControlError::bad_request(format!("there is already a person {name}")));
    }
    world.people.push(Person::new(name));
    world.link_people_to_apps();
    let person = world.people.last();
    let open_ids: Map<_, _> = person
        .iter()
        .flat_map(|it| &it.relations)
        .map(|(app, it)| (app.clone(), json!(it.open_id)))
        .collect();
    let union_ids = person.map(|it| &it.union_ids);
    Ok(json!({ "ok": true, "name": name, "open_ids": open_ids, "union_ids": union_ids }))
}

/// A person does something. Answers when the callback has answered.
async fn act(
    extract::State(context): extract::State<SharedContext>,
    Path((name, action)): Path<(String, String)>,
    Body(parameters): Body<ActionParameters>,
) -> ControlResponse {
    let outcome = context.change_and_save(|state| {
        let mut outcome = user_actions::act(&mut state.world, &name, &action, &parameters)?;
        confirm_consents(state, &mut outcome.pushes);
        Ok::<_, ControlError>(outcome)
    });
    // What can't be saved didn't happen, so the business isn't told of it.
    let outcome = outcome.await??;
    let deliveries = complete(async move { context.push_all(&outcome.pushes).await }).await?;
    let mut answer = outcome.answer;
    answer.insert("ok".to_owned(), true.into());
    answer.insert("pushes".to_owned(), json!(deliveries));
    Ok(Json(Value::Object(answer)))
}

/// Adds a change event to each consent, if that oddity is on.
fn confirm_consents(state: &mut State, pushes: &mut Vec<Push>) {
    let now = state.world.now();
    let mut confirmations = Vec::new();
    for push in pushes.iter() {
        let Some(template_id) = push.event.consent() else { continue };
        let mut draw = state.oddities.draw_for_push(&push.app, CHANGE_EVENT);
        let person = state.world.person_by_open_id(&push.app, &push.open_id);
        let relation = person.and_then(|it| state.world.people[it].relations.get_mut(&push.app));
        if let Some(relation) = relation.filter(|_| draw.applies(Oddity::AcceptingChange)) {
            let event = subscription_events::confirmed(template_id);
            let at = relation.next_event_time(now);
            confirmations.push(Push::new(&push.app, &push.open_id, at, event));
        }
        state.oddities.record(&draw, CHANGE_EVENT);
    }
    pushes.extend(confirmations);
}
