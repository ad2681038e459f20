//! Calls to the business's own servers: the server of the Mini Programs, and the function that
//! sends notifications.

use crate::context::SharedContext;
use crate::control::error::{Body, ControlError, ControlResponse};
use crate::control::lookup::{find_app_mut, find_person, require_kind};
use crate::model::app_settings::AppKind;
use crate::model::person::Session;
use axum::Json;
use axum::extract::{Path, State};
use reqwest::{RequestBuilder, header};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// The time limit of a call.
const BUSINESS_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OpenRequest {
    app: String,
}

/// `POST /sandbox/people/{name}/open`: a person opens a Mini Program. As a real one does, it
/// calls `wx.login` and sends the code to its own server.
pub(super) async fn open(
    State(context): State<SharedContext>,
    Path(name): Path<String>,
    Body(OpenRequest { app: alias }): Body<OpenRequest>,
) -> ControlResponse {
    let Some(api) = context.business.api.clone() else {
        return Err(ControlError::bad_request(
            "this sandbox has no server of the Mini Programs: start it with --api",
        ));
    };
    let code = context.change(|state| {
        find_person(&state.world, &name)?;
        let now = state.world.now();
        let app = find_app_mut(&mut state.world, &alias)?;
        require_kind(app, AppKind::MiniProgram, "open")?;
        Ok::<_, ControlError>(app.issue_login_code(&name, now))
    })?;
    let login = context.http.post(format!("{api}/login/{alias}"));
    let (status, answer) = call(login, &json!({ "code": code })).await?;
    if status != 200 {
        return Err(ControlError::bad_request(format!(
            "the server of {alias} answered the login with status {status}: {}",
            answer["error"].as_str().unwrap_or("no reason given")
        )));
    }
    context.change(|state| {
        let world = &mut state.world;
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        let session = Session { user: text("user"), bound: text("bound"), since: world.now() };
        let person = find_person(world, &name)?;
        if let Some(relation) = world.people[person].relations.get_mut(&alias) {
            relation.session = Some(session.clone());
        }
        Ok(Json(json!({ "ok": true, "session": session })))
    })
}

/// `POST /sandbox/notify`: forwards a request to the function that sends notifications.
pub(super) async fn notify(
    State(context): State<SharedContext>,
    Body(request): Body<Value>,
) -> ControlResponse {
    let Some(send) = context.business.send.clone() else {
        return Err(ControlError::bad_request(
            "this sandbox has no function that sends notifications: start it with --send",
        ));
    };
    // The local AWS requires an Authorization header and accepts any value.
    let send = context.http.post(send).header(header::AUTHORIZATION, "sandbox");
    let (status, answer) = call(send, &request).await?;
    Ok(Json(json!({ "status": status, "answer": answer })))
}

async fn call(request: RequestBuilder, body: &Value) -> Result<(u16, Value), ControlError> {
    let request =
        request.header(header::CONTENT_TYPE, "application/json").timeout(BUSINESS_TIMEOUT);
    let exchange = async {
        let response = request.body(body.to_string()).send().await?;
        Ok::<_, reqwest::Error>((response.status().as_u16(), response.bytes().await?))
    };
    let (status, bytes) = exchange.await.map_err(|error| {
        ControlError::bad_request(format!("the business does not answer: {}", error.without_url()))
    })?;
    Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
}
