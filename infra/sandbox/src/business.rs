//! What the people's phones, and the page, reach of the business: the mini programs'
//! server, and the function that sends.

use crate::app::Kind;
use crate::control::{Problem, body};
use crate::people::{self, Action, find_app, find_person};
use crate::person::Session;
use crate::running::Shared;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use reqwest::{RequestBuilder, header};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// How long the business may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the business answers, as far as it does.
#[derive(Clone, Debug, Default)]
pub struct Business {
    /// The server of its mini programs, `http://127.0.0.1:8080`: whoever opens one is
    /// logged in by `POST /login/{alias}` there.
    pub api: Option<String>,
    /// What a request for a notification is posted to, as Lambda's Invoke would take it.
    pub send: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Opening {
    app: String,
}

/// Answers `POST /sandbox/people/{name}/open`: somebody opens a Mini Program. Its page
/// calls `wx.login` and takes the code to its own server, as every one does.
pub(crate) async fn open(
    State(running): State<Shared>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Result<Json<Value>, Problem> {
    let Opening { app } = body(&bytes)?;
    let Some(api) = running.business.api.clone() else {
        return Err(Problem::bad(
            "this sandbox knows of no server of the mini programs: start it with --api",
        ));
    };
    let done = running.change(|state| {
        let world = &mut state.world;
        let kind = world.apps[find_app(world, &app)?].kind;
        if kind != Kind::MiniProgram {
            return Err(Problem::bad(format!("open needs a Mini Program, which {app} is not")));
        }
        people::act(world, &name, "login", &Action::in_app(&app))
    })?;
    let login = running.http.post(format!("{api}/login/{app}"));
    let (status, answer) = ask(login, &json!({ "code": done.more["code"] })).await?;
    if status != 200 {
        return Err(Problem::bad(format!(
            "the server of {app} answered the login with status {status}: {}",
            answer["error"].as_str().unwrap_or("no reason given")
        )));
    }
    running.change(|state| {
        let world = &mut state.world;
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        let session = Session { user: text("user"), bound: text("bound"), since: world.now() };
        let person = find_person(world, &name)?;
        let relation = world.people[person].relations.get_mut(&app);
        if let Some(relation) = relation {
            relation.session = Some(session.clone());
        }
        Ok(Json(json!({ "ok": true, "session": session })))
    })
}

/// Answers `POST /sandbox/notify`: passes on what a function of the business would ask.
pub(crate) async fn notify(
    State(running): State<Shared>,
    bytes: Bytes,
) -> Result<Json<Value>, Problem> {
    let request: Value = body(&bytes)?;
    let Some(send) = running.business.send.clone() else {
        return Err(Problem::bad(
            "this sandbox knows of nobody who sends notifications: start it with --send",
        ));
    };
    // The local AWS takes any signature, but wants one.
    let send = running.http.post(send).header(header::AUTHORIZATION, "sandbox");
    let (status, answer) = ask(send, &request).await?;
    Ok(Json(json!({ "status": status, "answer": answer })))
}

async fn ask(request: RequestBuilder, body: &Value) -> Result<(u16, Value), Problem> {
    let request = request.header(header::CONTENT_TYPE, "application/json").timeout(PATIENCE);
    let exchange = async {
        let answer = request.body(body.to_string()).send().await?;
        Ok::<_, reqwest::Error>((answer.status().as_u16(), answer.bytes().await?))
    };
    let (status, bytes) = exchange.await.map_err(|error| {
        Problem::bad(format!("the business does not answer: {}", error.without_url()))
    })?;
    Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
}
