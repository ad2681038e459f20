//! The contract of the HTTP API, as OpenAPI 3.1: `infra/aws/openapi.json` says what
//! the types say. `make schema` writes it.

use crate::form_ids::HandOver;
use crate::login::{LoginAnswer, LoginRequest};
use crate::phone::{PhoneAnswer, PhoneRequest};
use crate::session::{Held, Refreshed, Session};
use schemars::generate::Contract;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// What API Gateway answers by itself, in its own words.
const GATEWAY: &str = "What API Gateway answers by itself.";
/// Why a request is refused.
const PROBLEM: &str = "What is wrong, and what to do about it.";

/// The types that are asked and answered, as they are gathered.
struct Types {
    asked: SchemaGenerator,
    answered: SchemaGenerator,
}

impl Types {
    fn new() -> Self {
        let generator = |contract: Contract| {
            let mut settings = shared::schema::settings(&contract);
            settings.definitions_path = "/components/schemas".into();
            settings.into_generator()
        };
        Self { asked: generator(Contract::Deserialize), answered: generator(Contract::Serialize) }
    }

    fn body<T: JsonSchema>(&mut self) -> Value {
        json!({ "required": true, "content": content(&self.asked.subschema_for::<T>()) })
    }

    fn answer<T: JsonSchema>(&mut self, description: &str) -> Value {
        let content = content(&self.answered.subschema_for::<T>());
        json!({ "description": description, "content": content })
    }

    /// All types by their names, of which no two may be the same.
    fn into_components(mut self) -> Map<String, Value> {
        let mut all = self.asked.take_definitions(true);
        for (name, schema) in self.answered.take_definitions(true) {
            if let Some(other) = all.insert(name.clone(), schema.clone()) {
                assert_eq!(other, schema, "two types are called {name}");
            }
        }
        let text = |name: &str, description: &str| {
            json!({ "description": description, "type": "object",
                "properties": { name: { "type": "string" } }, "required": [name] })
        };
        all.insert("Problem".to_owned(), text("error", PROBLEM));
        all.insert("Gateway".to_owned(), text("message", GATEWAY));
        all
    }
}

fn content(schema: &impl serde::Serialize) -> Value {
    json!({ "application/json": { "schema": schema } })
}

fn named(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// What a route answers: these, and what every route does.
fn answers<const N: usize>(good: &Value, refusals: [(&str, &str); N]) -> Value {
    let mut all = json!({
        "200": good,
        "500": { "description": "Our fault; the log says what.", "content":
            content(&json!({ "anyOf": [named("Problem"), named("Gateway")] })) },
        "503": { "description": "Busy, or WeChat is; try again.", "content":
            content(&json!({ "anyOf": [named("Problem"), named("Gateway")] })) },
    });
    for (status, description) in refusals {
        // A token that the authorizer refuses never comes to the function.
        let schema = match status {
            "401" | "403" | "404" | "413" | "429" => {
                json!({ "anyOf": [named("Problem"), named("Gateway")] })
            }
            _ => named("Problem"),
        };
        all[status] = json!({ "description": description, "content": content(&schema) });
        if status == "429" {
            all[status]["headers"] = json!({ "retry-after": {
                "description": "Seconds to wait.", "schema": { "type": "integer" } } });
        }
    }
    all
}

fn app(kind: &str) -> Value {
    json!({ "name": "app", "in": "path", "required": true,
        "description": format!("The alias of {kind}, as under /apps."),
        "schema": { "type": "string" } })
}

/// The answers to WeChat are texts.
fn to_wechat(description: &str) -> Value {
    let text = |description: &str| {
        json!({ "description": description, "content": {
            "text/plain": { "schema": { "type": "string" } },
            "application/xml": { "schema": { "type": "string" } },
            "application/json": { "schema": true } } })
    };
    json!({
        "200": text(description),
        "400": text("Not a request of WeChat's."),
        "403": text("Not signed by WeChat."),
        "404": text("There is no such app."),
        "413": text("Larger than any push of WeChat's."),
        "429": text(GATEWAY),
        "500": text("It could not be stored; WeChat sends it again."),
        "503": text(GATEWAY),
    })
}

/// What WeChat puts into the query, after what stands in the path.
fn signed(path: Value) -> Vec<Value> {
    let names =
        ["signature", "msg_signature", "timestamp", "nonce", "echostr", "encrypt_type", "openid"];
    let query =
        names.map(|name| json!({ "name": name, "in": "query", "schema": { "type": "string" } }));
    std::iter::once(path).chain(query).collect()
}

const TOO_LARGE: (&str, &str) = ("413", "Larger than 8 KB.");
const THROTTLED: (&str, &str) = ("429", "Too many requests.");
const NO_SESSION: (&str, &str) = ("401", "No access token, or one that isn't good now.");

fn document() -> Value {
    let mut types = Types::new();
    let session = json!([{ "session": [] }]);
    let callback = |operation: &str, summary: &str| {
        json!({ "operationId": operation, "summary": summary, "tags": ["WeChat"],
            "parameters": signed(app("an app")) })
    };
    let mut greeting = callback("greet", "WeChat asks whether this address is yours.");
    greeting["responses"] = to_wechat("The text that proves it.");
    let mut push = callback("push", "WeChat pushes an event or a message.");
    push["responses"] = to_wechat("It is stored; the answer, if there is one.");
    push["requestBody"] = json!({ "content": {
        "text/xml": { "schema": { "type": "string" } },
        "application/json": { "schema": true } } });

    let login = json!({
        "operationId": "login", "tags": ["Sessions"],
        "summary": "A code from wx.login becomes a session.",
        "description": "With username and password the account is bound to the user. The same code asked again within a minute, with the same name, gets the same answer.",
        "parameters": [app("a mini program")],
        "requestBody": types.body::<LoginRequest>(),
        "responses": answers(&types.answer::<LoginAnswer>("A session."), [
            ("400", PROBLEM),
            ("401", "The code isn't good any more, or username or password is wrong."),
            ("403", "WeChat calls the user a risk."),
            ("404", "There is no such mini program."),
            ("409", "The account or the user is bound to another."),
            TOO_LARGE,
            ("429", "Too many tries with this name, or logins of this user."),
            ("502", "WeChat refused; the operator finds the reason in the log."),
        ]),
    });
    let refresh = json!({
        "operationId": "refresh", "tags": ["Sessions"],
        "summary": "A refresh token becomes the next one, and an access token.",
        "description": "Each works once. Asked again within 30 seconds, the answer has the same successor; one that comes later ends the session.",
        "requestBody": types.body::<Held>(),
        "responses": answers(&types.answer::<Refreshed>("The next tokens."), [
            ("400", PROBLEM), ("401", "The session has ended; log in again."), TOO_LARGE, THROTTLED,
        ]),
    });
    let revoke = json!({
        "operationId": "revoke", "tags": ["Sessions"],
        "summary": "Ends a session.",
        "requestBody": types.body::<Held>(),
        "responses": answers(
            &json!({ "description": "None of its refresh tokens is good now.",
                "content": content(&json!({ "type": "object" })) }),
            [("400", PROBLEM), TOO_LARGE, THROTTLED],
        ),
    });
    let who = json!({
        "operationId": "whoAmI", "tags": ["Sessions"], "security": session,
        "summary": "What is known of the session of an access token.",
        "responses": answers(&types.answer::<Session>("The session."), [NO_SESSION, THROTTLED]),
    });
    let phone = json!({
        "operationId": "phone", "tags": ["Users"], "security": session,
        "summary": "A code from getPhoneNumber becomes the user's number, which is kept.",
        "requestBody": types.body::<PhoneRequest>(),
        "responses": answers(&types.answer::<PhoneAnswer>("The number, masked."), [
            ("400", PROBLEM), NO_SESSION, ("403", "The user or the code is another's."), TOO_LARGE,
            THROTTLED, ("502", "WeChat refused; the operator finds the reason in the log."),
        ]),
    });
    let form_ids = json!({
        "operationId": "formIds", "tags": ["Users"], "security": session,
        "summary": "Keeps the form ids that a mini program's forms gave its user.",
        "requestBody": types.body::<HandOver>(),
        "responses": answers(
            &json!({ "description": "So many are new.", "content": content(&json!({
                "type": "object", "properties": { "kept": { "type": "integer", "minimum": 0 } },
                "required": ["kept"] })) }),
            [
                ("400", PROBLEM), NO_SESSION, ("403", "The user isn't known in that mini program."),
                ("404", "There is no such mini program."), TOO_LARGE, THROTTLED,
            ],
        ),
    });
    let public = |operation: &str, summary: &str, properties: Value, required: &[&str]| {
        let schema = json!({ "type": "object", "properties": properties, "required": required });
        json!({ "operationId": operation, "tags": ["Keys"], "summary": summary,
            "responses": answers(
                &json!({ "description": "To be kept for ten minutes.", "content": content(&schema) }),
                [THROTTLED],
            ) })
    };
    let discovery = public(
        "discovery",
        "Where an authorizer finds the keys (OpenID Connect Discovery 1.0).",
        json!({ "issuer": { "type": "string" }, "jwks_uri": { "type": "string" } }),
        &["issuer", "jwks_uri"],
    );
    let keys = public(
        "keys",
        "The keys that verify access tokens (RFC 7517).",
        json!({ "keys": { "type": "array", "minItems": 1, "items": { "type": "object",
            "properties": { "kty": { "const": "RSA" }, "kid": { "type": "string" } },
            "required": ["kty", "kid", "n", "e", "alg", "use"] } } }),
        &["keys"],
    );

    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Hongyan", "version": env!("CARGO_PKG_VERSION"),
            "summary": "Sessions for WeChat users, and the door at which WeChat knocks.",
        },
        "servers": [{ "url": "http://127.0.0.1:8080", "description": "`make run`" }],
        "paths": {
            "/callback/{app}": { "get": greeting, "post": push },
            "/login/{app}": { "post": login },
            "/session/refresh": { "post": refresh },
            "/session/revoke": { "post": revoke },
            "/session": { "get": who },
            "/phone": { "post": phone },
            "/form-ids": { "post": form_ids },
            "/.well-known/openid-configuration": { "get": discovery },
            "/.well-known/jwks.json": { "get": keys },
        },
        "components": {
            "schemas": types.into_components(),
            "securitySchemes": { "session": {
                "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                "description": "The access token of a login or a refresh." } },
        },
    })
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/aws/openapi.json")
}

fn written() -> String {
    serde_json::to_string_pretty(&document()).unwrap() + "\n"
}

#[test]
fn the_file_says_what_the_types_say() {
    let file = std::fs::read_to_string(file()).unwrap_or_default();
    assert!(file == written(), "infra/aws/openapi.json is out of date; run `make schema`");
}

#[test]
#[ignore = "it writes the file; `make schema` runs it"]
fn write() {
    std::fs::write(file(), written()).unwrap();
}
