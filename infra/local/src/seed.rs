//! What a new stack begins with: the sandbox's apps as an operator would have
//! entered them, a template, and three people with a history.

use serde_json::{Value as Json, json};
use wechat::{App, Kind, Mode, World};

use crate::{
    aws::{self, ssm},
    cloud::{Cloud, InvokeFailure},
    http::HttpError,
};

/// The template `order_shipped`. In it, `template_id` is the title of a
/// template in the app's own library; the id takes its place.
const ORDER_SHIPPED: &str = include_str!("seed/order_shipped.json");

/// Why the people of the example could not be brought in.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// A function that is needed isn't in the template, or failed.
    #[error("{person}: {source}")]
    Function {
        /// Who.
        person: &'static str,
        /// What happened.
        source: InvokeFailure,
    },
    /// The sandbox or the HTTP API refused.
    #[error("{person}: {source}")]
    Http {
        /// Who.
        person: &'static str,
        /// What happened.
        source: HttpError,
    },
    /// The sandbox gave no code for a login.
    #[error("{person}: the sandbox gave no login code")]
    NoCode {
        /// Who.
        person: &'static str,
    },
    /// That they are there could not be written down.
    #[error("the data folder can't be written: {0}")]
    Data(std::io::Error),
}

/// Puts the parameters, unless the first of them is there.
pub(crate) fn parameters(
    store: &ssm::ParameterStore,
    prefix: &str,
    world: &World,
) -> Result<(), aws::Error> {
    let Some(first) = world.apps.first() else { return Ok(()) };
    if store.get(&format!("{prefix}/apps/{}", first.alias)).is_some() {
        return Ok(());
    }
    for app in &world.apps {
        let alias = &app.alias;
        let callback = json!({
            "mode": mode(app.mode),
            "token": app.callback_token.expose(),
            "encoding_aes_key": app.encoding_aes_key.expose(),
        });
        store.put(
            &format!("{prefix}/apps/{alias}"),
            ssm::Kind::String,
            &public(app).to_string(),
        )?;
        store.put(
            &format!("{prefix}/callback/{alias}"),
            ssm::Kind::SecureString,
            &callback.to_string(),
        )?;
        store.put(
            &format!("{prefix}/secrets/{alias}"),
            ssm::Kind::SecureString,
            app.secret.expose(),
        )?;
    }
    let template = template(ORDER_SHIPPED, world).to_string();
    store.put(&format!("{prefix}/templates/order_shipped"), ssm::Kind::String, &template)?;
    Ok(())
}

/// What everyone may know of an app.
fn public(app: &App) -> Json {
    let kind = match app.kind {
        Kind::OfficialAccount => "official_account",
        Kind::MiniProgram => "mini_program",
    };
    json!({ "app_id": app.app_id.as_str(), "kind": kind, "original_id": app.original_id })
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

/// Brings the people in, once per data folder: ann, bob and carol get accounts;
/// ann follows the shop and logs in to its mini program, bob only logs in,
/// carol does nothing.
///
/// It goes the way of the world: through the sandbox, the callback and the
/// login function. So it needs the functions to work.
///
/// # Errors
/// Says for whom which step failed; a later start tries again.
pub async fn people(cloud: &Cloud) -> Result<(), SeedError> {
    if cloud.has_people() {
        return Ok(());
    }
    for person in ["ann", "bob", "carol"] {
        let account =
            json!({ "create_account": { "username": person, "password": password(person) } });
        let login = cloud.function("login");
        cloud
            .invoke(&login, &account)
            .await
            .map_err(|source| SeedError::Function { person, source })?;
    }
    let follow = json!({ "app": "shop" });
    cloud
        .sandbox()
        .post("/sandbox/people/ann/follow", &follow)
        .await
        .map_err(|source| SeedError::Http { person: "ann", source })?;
    for person in ["ann", "bob"] {
        log_in(cloud, person).await?;
    }
    cloud.remember_people().map_err(SeedError::Data)
}

async fn log_in(cloud: &Cloud, person: &'static str) -> Result<(), SeedError> {
    let refused = |source| SeedError::Http { person, source };
    let path = format!("/sandbox/people/{person}/login");
    let answer =
        cloud.sandbox().post(&path, &json!({ "app": "shop-mini" })).await.map_err(refused)?;
    let code = answer["code"].as_str().ok_or(SeedError::NoCode { person })?;
    let login = json!({ "code": code, "username": person, "password": password(person) });
    cloud.api().post("/login/shop-mini", &login).await.map_err(refused)?;
    Ok(())
}

/// The password of one of the sandbox's people.
#[must_use]
pub fn password(person: &str) -> String {
    format!("{person}-sandbox")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_put_once_and_a_change_stays() {
        let store = ssm::ParameterStore::open(None).unwrap();
        let world = wechat::example();
        parameters(&store, "/hongyan/test", &world).unwrap();
        let read = |name: &str| store.get(&format!("/hongyan/test/{name}")).unwrap();
        let shop: Json = serde_json::from_str(&read("apps/shop")).unwrap();
        assert_eq!(shop["kind"], "official_account");
        let callback: Json = serde_json::from_str(&read("callback/shop-mini")).unwrap();
        assert_eq!(callback["mode"], "safe");
        assert_eq!(callback["encoding_aes_key"].as_str().unwrap().len(), 43);
        assert_eq!(read("secrets/shop").len(), 32);

        store.put("/hongyan/test/secrets/shop", ssm::Kind::SecureString, "changed").unwrap();
        parameters(&store, "/hongyan/test", &world).unwrap();
        assert_eq!(read("secrets/shop"), "changed");
    }

    #[test]
    fn the_template_names_templates_that_the_sandbox_knows() {
        let world = wechat::example();
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
