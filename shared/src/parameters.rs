//! The Parameter Store: configuration by operators, and tokens and keys by functions.
//!
//! All parameters are under one prefix (`/hongyan/{stage}`), in folders by which a function's
//! policy names exactly what it may read.

mod alias;
mod app;
mod callback;
mod replies;
mod template;
mod token;

pub use alias::AppAlias;
pub use app::{AppKind, Apps, WeChatApp};
pub use callback::CallbackParameter;
pub use replies::{AutoReply, ReplyRules};
pub use template::{
    Channel, ChannelKind, CustomerService, FieldSource, Fields, InvalidValue,
    MAX_FIELD_NAME_LENGTH, MAX_FIELDS, MessageLanguage, MiniProgramPage, MiniProgramState,
    Template, Unfillable, UnknownField, fill, fill_as,
};
pub use token::StoredToken;

use crate::aws::AwsError;
use crate::cache::Stale;
use crate::config::{self, VariableError};
use crate::json::{self, Json, JsonError};
use crate::secret::Secret;
use crate::url_key::UrlSecret;
use crate::wechat::id::AppId;
use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::ParameterType;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A kind of keys that make sessions. Each has a folder of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKeyKind {
    /// They sign access tokens: `/session/keys/{n}`.
    Signing,
    /// They seal refresh tokens: `/session/refresh-keys/{n}`.
    Refresh,
}

impl SessionKeyKind {
    /// The folder of the parameters.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Signing => "session/keys",
            Self::Refresh => "session/refresh-keys",
        }
    }
}

/// The folder of the key by which the ids of erased people are hashed.
const ERASURE_KEYS: &str = "erasure/keys";

/// What stands in `/erasure/keys/{n}`.
#[derive(Deserialize)]
struct ErasureKey {
    key: Secret,
}

/// Keys count from 1, four a year: a larger number is no key's, and leaves none for the next.
const MAX_SESSION_KEYS: u32 = 1_000_000;

/// The parameter with the secret that makes the keys of callback URLs.
pub const URL_SECRET: &str = "url-secret";

/// The Parameter Store, below one prefix.
#[derive(Clone, Debug)]
pub struct Parameters {
    ssm: Client,
    prefix: String,
}

impl Parameters {
    /// Reads `PARAMETER_PREFIX`.
    pub fn from_environment(ssm: Client) -> Result<Self, VariableError> {
        Ok(Self { ssm, prefix: config::required("PARAMETER_PREFIX")? })
    }

    /// The prefix, which no other stage has: `/hongyan/{stage}`.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The apps: `/apps/{app}`. An invalid one is logged and skipped. It is an error if none
    /// is valid.
    pub async fn apps(&self) -> Result<Apps, ParameterError> {
        let found = self.folder("apps").await?;
        if found.is_empty() {
            return Err(ParameterError::Missing(format!("{}/apps/{{app}}", self.prefix)));
        }
        let mut apps = Vec::new();
        let mut unusable = None;
        for (alias, value) in found {
            let name = self.full_name("apps", &alias);
            match read_app(&name, &alias, &value) {
                Ok((app, problems)) => {
                    for problem in problems {
                        tracing::error!("the parameter {name}: {problem}; it is ignored");
                    }
                    apps.push(app);
                }
                Err(error) => {
                    tracing::error!("{error}; the app is skipped");
                    unusable = Some(error);
                }
            }
        }
        match unusable {
            Some(error) if apps.is_empty() => Err(error),
            _ => Ok(Apps::new(apps)),
        }
    }

    /// How requests are verified and decrypted: `/callback/{app}`, by alias. An invalid one is
    /// an error in the map, and doesn't affect the other apps. It is an error if there is
    /// none.
    pub async fn callbacks(
        &self,
        apps: &Apps,
    ) -> Result<BTreeMap<String, Result<CallbackParameter, ParameterError>>, ParameterError> {
        let found = self.folder("callback").await?;
        if found.is_empty() {
            return Err(ParameterError::Missing(format!("{}/callback/{{app}}", self.prefix)));
        }
        let callbacks = found.into_iter().map(|(alias, value)| {
            let name = self.full_name("callback", &alias);
            let callback = match apps.by_alias(&alias) {
                Some(app) => read_callback(&name, &app.app_id, &value),
                None => {
                    let problem = format!("there is no parameter apps/{alias}");
                    Err(ParameterError::Invalid { name, problem })
                }
            };
            (alias, callback)
        });
        Ok(callbacks.collect())
    }

    /// The secret that makes the keys of callback URLs: `/url-secret`, if it exists.
    pub async fn url_secret(&self) -> Result<Option<UrlSecret>, ParameterError> {
        let name = format!("{}/{URL_SECRET}", self.prefix);
        let Some(value) = self.get(&name).await? else { return Ok(None) };
        let secret = UrlSecret::new(value);
        secret
            .map(Some)
            .map_err(|error| ParameterError::Invalid { name, problem: error.to_string() })
    }

    /// The `AppSecrets`: `/secrets/{app}`, by alias. It is an error if there is none.
    pub async fn secrets(&self) -> Result<BTreeMap<String, Secret>, ParameterError> {
        let found = self.secrets_if_any().await?;
        if found.is_empty() {
            return Err(ParameterError::Missing(format!("{}/secrets/{{app}}", self.prefix)));
        }
        Ok(found)
    }

    /// As [`Parameters::secrets`], possibly none. White space around one, as an editor or
    /// `echo` adds it, is left out: WeChat would answer 40125.
    pub async fn secrets_if_any(&self) -> Result<BTreeMap<String, Secret>, ParameterError> {
        let mut found = self.folder("secrets").await?;
        for (alias, secret) in &mut found {
            let trimmed = secret.expose().trim();
            if trimmed.len() < secret.expose().len() {
                let name = self.full_name("secrets", alias);
                tracing::warn!(
                    "the parameter {name} has white space around its value, which is left out"
                );
                *secret = Secret::new(trimmed.to_owned());
            }
        }
        Ok(found)
    }

    /// A message template by its code: `/templates/{code}`.
    pub async fn template(&self, code: &str) -> Result<Option<Template>, ParameterError> {
        let name = self.full_name("templates", code);
        let Some(value) = self.get(&name).await? else { return Ok(None) };
        let template = Template::read(value.expose());
        template.map(Some).map_err(|problem| ParameterError::Invalid { name, problem })
    }

    /// All message templates, by their codes. An invalid one is an error in the map.
    pub async fn templates(
        &self,
    ) -> Result<BTreeMap<String, Result<Template, ParameterError>>, ParameterError> {
        let found = self.folder("templates").await?;
        let read = found.into_iter().map(|(code, value)| {
            let template = Template::read(value.expose()).map_err(|problem| {
                ParameterError::Invalid { name: self.full_name("templates", &code), problem }
            });
            (code, template)
        });
        Ok(read.collect())
    }

    /// An app's access token: `/tokens/{app_id}`.
    pub async fn token(&self, app: &WeChatApp) -> Result<Option<StoredToken>, ParameterError> {
        let name = self.full_name("tokens", app.app_id.as_str());
        let Some(value) = self.get(&name).await? else { return Ok(None) };
        Ok(Some(parse(&name, &value)?))
    }

    /// Stores an app's access token. Only the token function may.
    pub async fn put_token(
        &self,
        app: &WeChatApp,
        token: &StoredToken,
    ) -> Result<(), ParameterError> {
        self.put(&self.full_name("tokens", app.app_id.as_str()), &token.to_value(), true).await?;
        Ok(())
    }

    /// The session keys of a kind, by number. An invalid one is logged and skipped.
    pub async fn session_keys<T: DeserializeOwned>(
        &self,
        kind: SessionKeyKind,
    ) -> Result<BTreeMap<u32, T>, ParameterError> {
        let mut keys = BTreeMap::new();
        for (last, value) in self.folder(kind.folder()).await? {
            let name = self.full_name(kind.folder(), &last);
            let number = last.parse().ok().filter(|number: &u32| *number < MAX_SESSION_KEYS);
            let Some(number) = number else {
                tracing::error!("the parameter {name}: its name is not a number; it is skipped");
                continue;
            };
            match parse(&name, &value) {
                Ok(key) => {
                    keys.insert(number, key);
                }
                Err(error) => tracing::error!("{error}; the key is skipped"),
            }
        }
        Ok(keys)
    }

    /// Stores a session key. False if `overwrite` is not set and another invocation has
    /// stored one of this number, which is then the one to use.
    pub async fn put_session_key(
        &self,
        kind: SessionKeyKind,
        number: u32,
        key: &impl Serialize,
        overwrite: bool,
    ) -> Result<bool, ParameterError> {
        let value = serde_json::to_string(key).expect("a key is made of strings and numbers");
        let name = self.full_name(kind.folder(), &number.to_string());
        self.put(&name, &Secret::new(value), overwrite).await
    }

    /// Deletes a session key, if it exists.
    pub async fn delete_session_key(
        &self,
        kind: SessionKeyKind,
        number: u32,
    ) -> Result<(), ParameterError> {
        let name = self.full_name(kind.folder(), &number.to_string());
        match self.ssm.delete_parameter().name(&name).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(aws_sdk_ssm::operation::delete_parameter::DeleteParameterError::is_parameter_not_found) => {
                Ok(())
            }
            Err(error) => {
                Err(AwsError::new(format!("deleting the parameter {name}"), &error).into())
            }
        }
    }

    /// The key by which the ids of erased people are hashed: `/erasure/keys/1`, if it exists.
    pub async fn erasure_key(&self) -> Result<Option<Secret>, ParameterError> {
        let name = self.full_name(ERASURE_KEYS, "1");
        let Some(value) = self.get(&name).await? else { return Ok(None) };
        parse(&name, &value).map(|ErasureKey { key }| Some(key))
    }

    /// Stores that key. False if another invocation has stored one, which is then the one to
    /// use.
    pub async fn put_first_erasure_key(&self, key: &Secret) -> Result<bool, ParameterError> {
        let value = Secret::new(serde_json::json!({ "key": key.expose() }).to_string());
        self.put(&self.full_name(ERASURE_KEYS, "1"), &value, false).await
    }

    /// The full name of a parameter in one of the folders.
    pub fn full_name(&self, folder: &str, name: &str) -> String {
        format!("{}/{folder}/{name}", self.prefix)
    }

    /// One parameter, if it exists.
    async fn get(&self, name: &str) -> Result<Option<Secret>, ParameterError> {
        match self.ssm.get_parameter().name(name).with_decryption(true).send().await {
            Ok(found) => Ok(found.parameter.and_then(|parameter| parameter.value).map(Secret::new)),
            Err(error) if error.as_service_error().is_some_and(aws_sdk_ssm::operation::get_parameter::GetParameterError::is_parameter_not_found) => {
                Ok(None)
            }
            Err(error) => {
                Err(AwsError::new(format!("reading the parameter {name}"), &error).into())
            }
        }
    }

    /// The parameters directly in a folder, by the last part of their names.
    async fn folder(&self, folder: &str) -> Result<BTreeMap<String, Secret>, ParameterError> {
        let path = format!("{}/{folder}", self.prefix);
        let mut found = BTreeMap::new();
        let mut pages = self
            .ssm
            .get_parameters_by_path()
            .path(&path)
            .with_decryption(true)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| {
                AwsError::new(format!("reading the parameters under {path}"), &error)
            })?;
            for parameter in page.parameters.unwrap_or_default() {
                if let (Some(name), Some(value)) = (parameter.name, parameter.value) {
                    let last = name.rsplit('/').next().unwrap_or_default().to_owned();
                    found.insert(last, Secret::new(value));
                }
            }
        }
        Ok(found)
    }

    /// Stores one parameter. False if it exists and must not be overwritten.
    async fn put(
        &self,
        name: &str,
        value: &Secret,
        overwrite: bool,
    ) -> Result<bool, ParameterError> {
        let put = self
            .ssm
            .put_parameter()
            .name(name)
            .value(value.expose())
            .r#type(ParameterType::SecureString)
            .overwrite(overwrite);
        match put.send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error.as_service_error().is_some_and(aws_sdk_ssm::operation::put_parameter::PutParameterError::is_parameter_already_exists) =>
            {
                Ok(false)
            }
            Err(error) => {
                Err(AwsError::new(format!("writing the parameter {name}"), &error).into())
            }
        }
    }
}

/// Reads the value of `/apps/{alias}`, with the problems of it: an invalid rule or an unknown
/// name is ignored. `name` is the parameter's.
pub fn read_app(
    name: &str,
    alias: &str,
    value: &Secret,
) -> Result<(WeChatApp, Vec<String>), ParameterError> {
    // A rule with a name twice must not cost the others.
    let json = Json::parse_with_repeats(value.expose()).map_err(|it| invalid(name, value, it))?;
    let stored = json.read().map_err(|error| invalid(name, value, error))?;
    Ok(WeChatApp::new(alias.to_owned(), stored, json.get("replies").unwrap_or(&Json::Null)))
}

/// Reads the value of `/callback/{app}`. `name` is the parameter's. Errors never quote a
/// secret.
pub fn read_callback(
    name: &str,
    app_id: &AppId,
    value: &Secret,
) -> Result<CallbackParameter, ParameterError> {
    let stored: callback::StoredCallback = parse(name, value)?;
    stored
        .into_parameter(app_id.clone())
        .map_err(|problem| ParameterError::Invalid { name: name.to_owned(), problem })
}

/// Reads a parameter's JSON. The error names the field or the position, but quotes no value.
fn parse<T: DeserializeOwned>(name: &str, value: &Secret) -> Result<T, ParameterError> {
    json::read(value.expose()).map_err(|error| invalid(name, value, error))
}

/// What is wrong with a parameter's JSON.
fn invalid(name: &str, value: &Secret, error: JsonError) -> ParameterError {
    let problem = match error {
        JsonError::Malformed => match serde_json::from_str::<IgnoredAny>(value.expose()) {
            Err(error) => {
                format!("it is not JSON, at line {} column {}", error.line(), error.column())
            }
            Ok(_) => "it is not JSON".to_owned(),
        },
        // serde quotes the value, and it may be a secret that stands in the wrong place.
        JsonError::Invalid { path, problem } if problem.starts_with("unknown variant") => {
            JsonError::Invalid { path, problem: "has a value that it can't have".to_owned() }
                .to_string()
        }
        invalid @ JsonError::Invalid { .. } => invalid.to_string(),
    };
    ParameterError::Invalid { name: name.to_owned(), problem }
}

/// The beginning of an error that quotes no value.
const WHITE_SPACE_AROUND: &str = "there is white space around";

/// A parameter could not be read or stored.
#[derive(Debug, thiserror::Error)]
pub enum ParameterError {
    /// It doesn't exist.
    #[error("the parameter {0} does not exist; an operator has to create it")]
    Missing(String),
    /// It is invalid.
    #[error("the parameter {name} is invalid: {problem}")]
    Invalid {
        /// Its full name.
        name: String,
        /// Why it is invalid.
        problem: String,
    },
    /// It is missing among the cached ones, and they can't be read again.
    #[error(transparent)]
    Stale(#[from] Stale),
    /// The Parameter Store failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
}
