//! Generates the OpenAPI 3.1 contract of the HTTP API, `infra/aws/openapi.json`, from the
//! types. `make schema` writes it.

use crate::form_ids::FormIdsRequest;
use crate::login::{LoginRequest, LoginResponse};
use crate::phone::{PhoneRequest, PhoneResponse};
use crate::session::refresh::{RefreshRequest, RefreshResponse};
use crate::session::refresh_token::RefreshTokenRequest;
use crate::session::session_info::SessionInfo;
use schemars::generate::Contract;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

const GATEWAY: &str = "API Gateway's own error response.";
const PROBLEM: &str = "The error, and what to do about it.";

/// Collects the schemas of the types in requests and responses.
struct Types {
    requests: SchemaGenerator,
    responses: SchemaGenerator,
}

impl Types {
    fn new() -> Self {
        let generator = |contract: Contract| {
            let mut settings = shared::schema::settings(&contract);
            settings.definitions_path = "/components/schemas".into();
            settings.into_generator()
        };
        Self {
            requests: generator(Contract::Deserialize),
            responses: generator(Contract::Serialize),
        }
    }

    fn body<T: JsonSchema>(&mut self) -> Value {
        json!({ "required": true, "content": content(&self.requests.subschema_for::<T>()) })
    }

    fn response<T: JsonSchema>(&mut self, description: &str) -> Value {
        let content = content(&self.responses.subschema_for::<T>());
        json!({ "description": description, "content": content })
    }

    /// All schemas by their names. Two types must not have the same name.
    fn into_components(mut self) -> Map<String, Value> {
        let mut all = self.requests.take_definitions(true);
        for (name, schema) in self.responses.take_definitions(true) {
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

/// The responses of a route: these, and those that every route has.
fn responses<const N: usize>(good: &Value, refusals: [(&str, &str); N]) -> Value {
    let mut all = json!({
        "200": good,
        "500": { "description": "Our fault; the log says what.", "content":
            content(&json!({ "anyOf": [named("Problem"), named("Gateway")] })) },
        "503": { "description": "The service or WeChat is busy; try again.", "content":
            content(&json!({ "anyOf": [named("Problem"), named("Gateway")] })) },
    });
    for (status, description) in refusals {
        // API Gateway sends these too: a token that its authorizer refuses never reaches the
        // function.
        let schema = match status {
            "401" | "403" | "404" | "413" | "429" => {
                json!({ "anyOf": [named("Problem"), named("Gateway")] })
            }
            _ => named("Problem"),
        };
        all[status] = json!({ "description": description, "content": content(&schema) });
        if status == "429" {
            all[status]["headers"] = json!({ "retry-after": {
                "description": "Seconds to wait before the next request.", "schema": { "type": "integer" } } });
        }
    }
    all
}

fn app(kind: &str) -> Value {
    json!({ "name": "app", "in": "path", "required": true,
        "description": format!("The alias of {kind} under /apps."),
        "schema": { "type": "string", "pattern": "^[^#]{1,64}$" } })
}

/// Responses to WeChat.
fn wechat_responses(description: &str) -> Value {
    let text = |description: &str| {
        json!({ "description": description, "content": {
            "text/plain": { "schema": { "type": "string" } },
            "application/xml": { "schema": { "type": "string" } },
            "application/json": { "schema": true } } })
    };
    json!({
        "200": text(description),
        "400": text("Not a valid request of WeChat."),
        "403": text("Not signed by WeChat."),
        "404": text("There is no such app."),
        "413": text("Larger than any push of WeChat."),
        "429": text(GATEWAY),
        "500": text("The push could not be stored; WeChat sends it again."),
        "503": text(GATEWAY),
    })
}

/// The path parameter, and the query parameters that WeChat adds.
fn callback_parameters(path: Value) -> Vec<Value> {
    let names =
        ["signature", "msg_signature", "timestamp", "nonce", "echostr", "encrypt_type", "openid"];
    let query =
        names.map(|name| json!({ "name": name, "in": "query", "schema": { "type": "string" } }));
    std::iter::once(path).chain(query).collect()
}

/// The same operation at the URL with a key.
fn keyed(operation: &Value) -> Value {
    let mut keyed = operation.clone();
    let id = operation["operationId"].as_str().expect("each operation has one");
    keyed["operationId"] = json!(format!("{id}WithKey"));
    let key = json!({ "name": "key", "in": "path", "required": true,
        "description": "The secret part of the URL, which `hongyan app add` makes.",
        "schema": { "type": "string" } });
    keyed["parameters"].as_array_mut().expect("it has parameters").insert(1, key);
    keyed
}

const TOO_LARGE: (&str, &str) = ("413", "Larger than 8 KB.");
const THROTTLED: (&str, &str) = ("429", "Too many requests.");
const NO_SESSION: (&str, &str) = ("401", "The access token is missing, invalid or expired.");

fn document() -> Value {
    let mut types = Types::new();
    let session = json!([{ "session": [] }]);
    let callback = |operation: &str, summary: &str| {
        json!({ "operationId": operation, "summary": summary, "tags": ["WeChat"],
            "parameters": callback_parameters(app("an app")) })
    };
    let mut verification = callback("verifyUrl", "WeChat verifies the URL of the message push.");
    verification["responses"] = wechat_responses("The echo string, as proof.");
    let mut push = callback("push", "Receives an event or a message from WeChat.");
    push["responses"] =
        wechat_responses("The push is stored. The body is the passive reply, if there is one.");
    push["requestBody"] = json!({ "content": {
        "text/xml": { "schema": { "type": "string", "maxLength": 64 * 1024 } },
        "application/json": { "schema": true } } });

    let login = json!({
        "operationId": "login", "tags": ["Sessions"],
        "summary": "Exchanges a code from wx.login for a session.",
        "description": "With username and password, the account is bound to the user. A repeated request with the same code, username and retry key gets the same response for a minute; without a retry key, once.",
        "parameters": [app("a mini program")],
        "requestBody": types.body::<LoginRequest>(),
        "responses": responses(&types.response::<LoginResponse>("A new session."), [
            ("400", PROBLEM),
            ("401", "The code is used or expired, or the username or password is wrong."),
            ("403", "WeChat rates the user as a risk."),
            ("404", "There is no such mini program."),
            ("409", "The account is bound to another user, or the user to another account."),
            TOO_LARGE,
            ("429", "Too many wrong passwords for this username, or too many logins of this user."),
            ("502", "WeChat refused the request; the operator finds the reason in the log."),
        ]),
    });
    let refresh = json!({
        "operationId": "refresh", "tags": ["Sessions"],
        "summary": "Exchanges a refresh token for the next one and an access token.",
        "description": "A refresh token works once. A repeated request with the same retry key gets the same successor for 30 seconds; without a key, once in the life of the session. Any other reuse ends the session.",
        "requestBody": types.body::<RefreshRequest>(),
        "responses": responses(&types.response::<RefreshResponse>("The next tokens."), [
            ("400", PROBLEM), ("401", "The session has ended; log in again."), TOO_LARGE, THROTTLED,
        ]),
    });
    let revoke = json!({
        "operationId": "revoke", "tags": ["Sessions"],
        "summary": "Ends a session.",
        "requestBody": types.body::<RefreshTokenRequest>(),
        "responses": responses(
            &json!({ "description": "The session has ended; its refresh tokens are invalid.",
                "content": content(&json!({ "type": "object" })) }),
            [("400", PROBLEM), TOO_LARGE, THROTTLED],
        ),
    });
    let session_info = json!({
        "operationId": "sessionInfo", "tags": ["Sessions"], "security": session,
        "summary": "Describes the session of the access token.",
        "responses": responses(&types.response::<SessionInfo>("The session."), [NO_SESSION, THROTTLED]),
    });
    let phone = json!({
        "operationId": "storePhone", "tags": ["Users"], "security": session,
        "summary": "Exchanges a code from getPhoneNumber for the user's phone number, and stores it.",
        "requestBody": types.body::<PhoneRequest>(),
        "responses": responses(&types.response::<PhoneResponse>("The number, masked."), [
            ("400", PROBLEM), NO_SESSION, ("403", "The user is not known any more, or the code belongs to another user."), TOO_LARGE,
            THROTTLED, ("502", "WeChat refused the request; the operator finds the reason in the log."),
        ]),
    });
    let form_ids = json!({
        "operationId": "submitFormIds", "tags": ["Users"], "security": session,
        "summary": "Stores form ids from the forms that the user submitted in a mini program.",
        "description": "Only if the template's parameter FormIds is `on`: WeChat retired the messages that need form ids in 2020.",
        "requestBody": types.body::<FormIdsRequest>(),
        "responses": responses(
            &json!({ "description": "The number of new form ids.", "content": content(&json!({
                "type": "object", "properties": { "kept": { "type": "integer", "minimum": 0 } },
                "required": ["kept"] })) }),
            [
                ("400", PROBLEM), NO_SESSION, ("403", "The user is not known in that mini program."),
                ("404", "There is no such mini program, or the route is off."),
                ("409", "The user has 100 form ids that no message has used yet."),
                TOO_LARGE, THROTTLED,
            ],
        ),
    });
    let public = |operation: &str, summary: &str, properties: Value, required: &[&str]| {
        let schema = json!({ "type": "object", "properties": properties, "required": required });
        json!({ "operationId": operation, "tags": ["Keys"], "summary": summary,
            "responses": responses(
                &json!({ "description": "May be cached for ten minutes.", "content": content(&schema) }),
                [THROTTLED],
            ) })
    };
    let discovery = public(
        "discovery",
        "The discovery document for authorizers (OpenID Connect Discovery 1.0).",
        json!({ "issuer": { "type": "string" }, "jwks_uri": { "type": "string" } }),
        &["issuer", "jwks_uri"],
    );
    let keys = public(
        "keys",
        "The public keys that verify access tokens (RFC 7517).",
        json!({ "keys": { "type": "array", "minItems": 1, "items": { "type": "object",
            "properties": { "kty": { "const": "RSA" }, "kid": { "type": "string" } },
            "required": ["kty", "kid", "n", "e", "alg", "use"] } } }),
        &["keys"],
    );

    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Hongyan", "version": env!("CARGO_PKG_VERSION"),
            "summary": "Sessions for WeChat users, and the callback endpoint for WeChat's pushes.",
        },
        "servers": [{ "url": "http://127.0.0.1:8080", "description": "`make run`" }],
        "paths": {
            "/callback/{app}": { "get": verification, "post": push },
            "/callback/{app}/{key}": { "get": keyed(&verification), "post": keyed(&push) },
            "/login/{app}": { "post": login },
            "/session/refresh": { "post": refresh },
            "/session/revoke": { "post": revoke },
            "/session": { "get": session_info },
            "/phone": { "post": phone },
            "/form-ids": { "post": form_ids },
            "/.well-known/openid-configuration": { "get": discovery },
            "/.well-known/jwks.json": { "get": keys },
        },
        "components": {
            "schemas": types.into_components(),
            "securitySchemes": { "session": {
                "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                "description": "The access token from a login or a refresh." } },
        },
    })
}

fn contract_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/aws/openapi.json")
}

fn generated() -> String {
    serde_json::to_string_pretty(&document()).unwrap() + "\n"
}

#[test]
fn contract_matches_the_types() {
    let contract = std::fs::read_to_string(contract_path()).unwrap_or_default();
    assert!(contract == generated(), "infra/aws/openapi.json is out of date; run `make schema`");
}

#[test]
#[ignore = "it writes the file; `make schema` runs it"]
fn write() {
    std::fs::write(contract_path(), generated()).unwrap();
}
