//! The initial data of a stack: the sandbox's apps as an operator would enter them, a
//! template, and three people with a history.

use std::time::Duration;

use serde_json::{Value as Json, json};
use shared::{
    secret::Secret,
    url_key::{FIRST_VERSION, UrlSecret},
};
use wechat_sandbox::{App, AppKind, Mode, World, example};

use local_aws::{
    HttpError, InvokeFailure, clock,
    services::{self, ssm},
};

use crate::Stack;

/// The template `order_shipped`. In it, `template_id` is the title of a
/// template in the app's own library; the id takes its place.
const ORDER_SHIPPED: &str = include_str!("seed/order_shipped.json");

/// The apps' automatic replies, by alias.
const REPLIES: &str = include_str!("seed/replies.json");

/// Makes the keys of the callback URLs. Invented, like all secrets of the sandbox.
const URL_SECRET: &str = "the-url-secret-of-the-local-stage";

/// Maximum time for the functions to apply what the people did.
const APPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the example's people could not be created.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// A function that is needed isn't in the template, or failed.
    #[error("{0}: {1}")]
    Function(&'static str, #[source] InvokeFailure),
    /// The sandbox or the HTTP API refused.
    #[error("{0}: {1}")]
    Http(&'static str, #[source] HttpError),
    /// The sandbox gave no code for a login.
    #[error("{0}: the sandbox gave no login code")]
    NoCode(&'static str),
    /// The callback function didn't accept a push.
    #[error(
        "{person}: the callback function answered the push of \"{action}\" with {answer}, which WeChat doesn't accept; its log has the reason"
    )]
    Callback {
        /// Who.
        person: &'static str,
        /// What they did.
        action: &'static str,
        /// What the answer was.
        answer: String,
    },
    /// The functions didn't finish.
    #[error(
        "the functions haven't applied what ann and bob did within {} s; their logs have the reason, and the next start retries",
        APPLY_TIMEOUT.as_secs()
    )]
    Busy,
    /// The sandbox no longer says whether it is busy.
    #[error("waiting for the functions: {0}")]
    Waiting(HttpError),
    /// The data folder can't be written.
    #[error("the data folder can't be written: {0}")]
    Data(std::io::Error),
}

/// Puts the parameters, unless the last one exists. So an interrupted start is completed,
/// and a parameter that was changed since stays as it is.
pub(crate) fn parameters(
    store: &ssm::ParameterStore,
    prefix: &str,
    world: &World,
) -> Result<(), services::Error> {
    let last = format!("{prefix}/templates/order_shipped");
    if store.get(&last).is_some() {
        return Ok(());
    }
    let put = |name: &str, kind, value: &str| {
        if store.get(name).is_none() {
            store.put(name, kind, value)?;
        }
        Ok::<_, services::Error>(())
    };
    for app in &world.apps {
        let alias = &app.alias;
        let callback = json!({
            "mode": mode(app.mode),
            "token": app.callback_token.expose(),
            "encoding_aes_key": app.encoding_aes_key.expose(),
        });
        put(&format!("{prefix}/apps/{alias}"), ssm::Kind::String, &public(app).to_string())?;
        put(&format!("{prefix}/callback/{alias}"), ssm::Kind::SecureString, &callback.to_string())?;
        put(&format!("{prefix}/secrets/{alias}"), ssm::Kind::SecureString, app.secret.expose())?;
    }
    put(&format!("{prefix}/url-secret"), ssm::Kind::SecureString, URL_SECRET)?;
    put(&last, ssm::Kind::String, &template(ORDER_SHIPPED, world).to_string())
}

/// The example's world, whose apps have the callback URLs that the stack's secret makes.
pub(crate) fn world(store: &ssm::ParameterStore, prefix: &str) -> World {
    let mut world = example();
    let secret = store.get(&format!("{prefix}/url-secret")).map(Secret::new);
    if let Some(Ok(secret)) = secret.map(UrlSecret::new) {
        for app in &mut world.apps {
            app.url_key = Some(secret.key(&app.alias, FIRST_VERSION));
        }
    }
    world
}

/// The public settings of an app.
fn public(app: &App) -> Json {
    let kind = match app.kind {
        AppKind::OfficialAccount => "official_account",
        AppKind::MiniProgram => "mini_program",
    };
    let mut replies: Json =
        serde_json::from_str(REPLIES).expect("a file of this crate, which a test reads");
    let mut public =
        json!({ "app_id": app.app_id.as_str(), "kind": kind, "original_id": app.original_id });
    if let Some(replies) = replies.get_mut(&app.alias) {
        public["replies"] = replies.take();
    }
    public
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Plaintext => "plaintext",
        Mode::Compatible => "compatible",
        Mode::Safe => "safe",
    }
}

/// The template with ids in place of titles.
fn template(text: &str, world: &World) -> Json {
    let mut template: Json =
        serde_json::from_str(text).expect("a file of this crate, which a test reads");
    for channel in template["channels"].as_array_mut().into_iter().flatten() {
        let app = world.apps.iter().find(|app| channel["app"] == app.alias);
        let known = app.and_then(|app| {
            app.templates.iter().find(|known| channel["template_id"] == known.title)
        });
        if let Some(known) = known {
            channel["template_id"] = known.template_id.as_str().into();
        }
    }
    template
}

/// Creates the example's people, once for a data folder.
///
/// ann, bob and carol get accounts; ann follows the shop and logs in to its mini
/// program, bob only logs in, carol does nothing. When this returns, all of
/// that is applied.
///
/// It goes through the sandbox, the callback and the login function, so it needs the
/// functions to work. After a failure, a later start resumes.
pub async fn people(cloud: &Stack) -> Result<(), SeedError> {
    if cloud.has_people() {
        return Ok(());
    }
    for person in ["ann", "bob", "carol"] {
        account(cloud, person).await?;
    }
    follow(cloud, "ann").await?;
    for person in ["ann", "bob"] {
        log_in(cloud, person).await?;
    }
    wait_until_applied(cloud).await?;
    cloud.remember_people().map_err(SeedError::Data)
}

/// Makes an account, unless an earlier start has.
async fn account(cloud: &Stack, person: &'static str) -> Result<(), SeedError> {
    let account = json!({ "create_account": { "username": person, "password": password(person) } });
    match cloud.invoke(&cloud.function("login"), &account).await {
        Err(InvokeFailure::Failed { error, .. }) if error["errorType"] == "AccountExists" => Ok(()),
        Err(source) => Err(SeedError::Function(person, source)),
        Ok(_) => Ok(()),
    }
}

/// Has a person follow the shop, and the callback receive it.
async fn follow(cloud: &Stack, person: &'static str) -> Result<(), SeedError> {
    let done = act(cloud, person, "follow").await?;
    if done["changed"] != false {
        return pushed(person, "follow", &done);
    }
    // An interrupted start had them follow, and the callback may not have received it.
    // WeChat pushes nothing for a person who follows already.
    let undone = act(cloud, person, "unfollow").await?;
    pushed(person, "unfollow", &undone)?;
    wait_until_applied(cloud).await?;
    pushed(person, "follow", &act(cloud, person, "follow").await?)
}

async fn act(cloud: &Stack, person: &'static str, action: &str) -> Result<Json, SeedError> {
    let path = format!("/sandbox/people/{person}/{action}");
    let done = cloud.sandbox().post(&path, &json!({ "app": "shop" })).await;
    done.map_err(|source| SeedError::Http(person, source))
}

/// Checks that the callback has accepted a push. The last one counts: the sandbox
/// repeats unanswered pushes, as WeChat does.
fn pushed(person: &'static str, action: &'static str, done: &Json) -> Result<(), SeedError> {
    let last = done["pushes"].as_array().and_then(|pushes| pushes.last());
    let last = last.cloned().unwrap_or_default();
    if last["status"] == 200 && last["reply_valid"] == true {
        return Ok(());
    }
    let answer = match last["status"].as_u64() {
        Some(200) => format!("an invalid reply ({})", last["error"]),
        Some(status) => format!("status {status}"),
        None => "nothing".to_owned(),
    };
    Err(SeedError::Callback { person, action, answer })
}

/// Returns when the functions have applied everything.
async fn wait_until_applied(cloud: &Stack) -> Result<(), SeedError> {
    match tokio::time::timeout(APPLY_TIMEOUT, cloud.idle()).await {
        Ok(idle) => idle.map_err(SeedError::Waiting),
        Err(_) => Err(SeedError::Busy),
    }
}

async fn log_in(cloud: &Stack, person: &'static str) -> Result<(), SeedError> {
    let refused = |source| SeedError::Http(person, source);
    let path = format!("/sandbox/people/{person}/login");
    let answer =
        cloud.sandbox().post(&path, &json!({ "app": "shop-mini" })).await.map_err(refused)?;
    let code = answer["code"].as_str().ok_or(SeedError::NoCode(person))?;
    let login = json!({ "code": code, "username": person, "password": password(person) });
    cloud.api().post("/login/shop-mini", &login).await.map_err(refused)?;
    Ok(())
}

/// The id of an example's notification. It contains the time, since an id is sent once
/// and the example is to be sent again after a restart.
pub fn order_id() -> String {
    format!("order-{}-shipped", clock::now().as_secs())
}

/// The password of one of the sandbox's people.
pub fn password(person: &str) -> String {
    format!("{person}-sandbox")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_put_once_and_a_change_stays() {
        let store = ssm::ParameterStore::open(None).unwrap();
        let world = example();
        parameters(&store, "/hongyan/test", &world).unwrap();
        let read = |name: &str| store.get(&format!("/hongyan/test/{name}")).unwrap();
        let shop: Json = serde_json::from_str(&read("apps/shop")).unwrap();
        assert_eq!(shop["kind"], "official_account");
        assert_eq!(shop["replies"][0]["on"], "follow");
        let callback: Json = serde_json::from_str(&read("callback/shop-mini")).unwrap();
        assert_eq!(callback["mode"], "safe");
        assert_eq!(callback["encoding_aes_key"].as_str().unwrap().len(), 43);
        assert_eq!(read("secrets/shop").len(), 32);

        store.put("/hongyan/test/secrets/shop", ssm::Kind::SecureString, "changed").unwrap();
        parameters(&store, "/hongyan/test", &world).unwrap();
        assert_eq!(read("secrets/shop"), "changed");
    }

    #[test]
    fn parameters_that_an_interrupted_start_left_out_are_put_by_the_next() {
        let store = ssm::ParameterStore::open(None).unwrap();
        let world = example();
        let first = format!("/hongyan/test/apps/{}", world.apps[0].alias);
        store.put(&first, ssm::Kind::String, "changed").unwrap();
        parameters(&store, "/hongyan/test", &world).unwrap();
        assert_eq!(store.get(&first).unwrap(), "changed");
        for app in &world.apps {
            let secret = store.get(&format!("/hongyan/test/secrets/{}", app.alias));
            assert_eq!(secret.as_deref(), Some(app.secret.expose()));
        }
        assert!(store.get("/hongyan/test/templates/order_shipped").is_some());
    }

    #[test]
    fn follow_counts_once_the_callback_accepted_it() {
        let done = |pushes: Json| json!({ "ok": true, "pushes": pushes });
        let taken = json!({ "status": 200, "reply_valid": true });
        let failed = json!({ "status": 500, "body": "" });
        pushed("ann", "follow", &done(json!([failed, taken]))).unwrap();
        for (pushes, said) in [
            (json!([taken, failed]), "status 500"),
            (json!([{ "status": 200, "reply_valid": false, "error": "odd" }]), "odd"),
            (json!([{ "error": "refused" }]), "nothing"),
            (json!([]), "nothing"),
        ] {
            let error = pushed("ann", "follow", &done(pushes)).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn the_template_names_templates_that_the_sandbox_knows() {
        let world = example();
        let template = template(ORDER_SHIPPED, &world);
        let channels = template["channels"].as_array().unwrap();
        assert_eq!(channels.len(), 3);
        for channel in channels.iter().filter(|channel| channel["channel"] != "customer_service") {
            let id = channel["template_id"].as_str().unwrap();
            let app = world.apps.iter().find(|app| channel["app"] == app.alias).unwrap();
            assert!(app.templates.iter().any(|template| template.template_id == id), "{channel}");
        }
    }
}
