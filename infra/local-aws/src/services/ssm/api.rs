//! The operations, as clients ask for them.

use std::ops::Bound;

use serde::Deserialize;
use serde_json::{Value, json};

use super::list::{Filter, Page, under};
use super::name::{Wanted, wanted};
use super::parameter::Kind;
use super::{ParameterStore, Put, State};
use crate::services::refusal::{Refusal, read};

/// The most that `GetParameters`, `DeleteParameters` and `GetParametersByPath` take or give.
const FEW: usize = 10;

/// The most that `DescribeParameters` and `GetParameterHistory` give.
const MANY: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutParameter {
    name: String,
    value: String,
    #[serde(rename = "Type")]
    kind: Option<String>,
    #[serde(default)]
    overwrite: bool,
    description: Option<String>,
    key_id: Option<String>,
    tier: Option<String>,
    data_type: Option<String>,
    allowed_pattern: Option<String>,
    policies: Option<String>,
    #[serde(default)]
    tags: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    name: String,
    #[serde(default)]
    with_decryption: bool,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Names {
    names: Vec<String>,
    #[serde(default)]
    with_decryption: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ByPath {
    path: String,
    #[serde(default)]
    recursive: bool,
    #[serde(default)]
    with_decryption: bool,
    max_results: Option<i64>,
    next_token: Option<String>,
    #[serde(default)]
    parameter_filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Describe {
    max_results: Option<i64>,
    next_token: Option<String>,
    #[serde(default)]
    filters: Vec<Filter>,
    #[serde(default)]
    parameter_filters: Vec<Filter>,
}

impl ParameterStore {
    /// Does one operation and gives the body of the answer.
    pub(super) async fn operate(&self, operation: &str, body: &[u8]) -> Result<Value, Refusal> {
        match operation {
            "PutParameter" => self.put_parameter(&read(body)?).await,
            "GetParameter" => {
                let asked: Named = read(body)?;
                self.state.read(|state| state.get(&asked.name, asked.with_decryption))
            }
            "GetParameters" => self.get_parameters(&read(body)?),
            "GetParametersByPath" => self.get_parameters_by_path(&read(body)?),
            "GetParameterHistory" => self.get_parameter_history(&read(body)?),
            "DescribeParameters" => self.describe_parameters(&read(body)?),
            "DeleteParameter" => {
                let asked: Named = read(body)?;
                match self.delete(std::slice::from_ref(&asked.name)).await?.pop() {
                    Some(_) => Ok(json!({})),
                    None => Err(not_found(&asked.name)),
                }
            }
            "DeleteParameters" => {
                let asked: Names = read(body)?;
                few(&asked.names)?;
                let deleted = self.delete(&asked.names).await?;
                let invalid: Vec<_> =
                    asked.names.iter().filter(|name| !deleted.contains(name)).collect();
                Ok(json!({"DeletedParameters": deleted, "InvalidParameters": invalid}))
            }
            _ => Err(Refusal::new(
                "UnknownOperationException",
                format!(
                    "{operation} is not served: of SSM, here are PutParameter, GetParameter, GetParameters, GetParametersByPath, GetParameterHistory, DescribeParameters, DeleteParameter and DeleteParameters"
                ),
            )),
        }
    }

    async fn put_parameter(&self, asked: &PutParameter) -> Result<Value, Refusal> {
        for (given, what) in [
            (asked.allowed_pattern.is_some(), "AllowedPattern"),
            (asked.policies.is_some(), "Policies"),
            (asked.data_type.as_deref().is_some_and(|kind| kind != "text"), "a DataType but text"),
        ] {
            if given {
                return Err(Refusal::validation(format!(
                    "{what} is not served on this machine: leave it out"
                )));
            }
        }
        if asked.overwrite && !asked.tags.is_empty() {
            return Err(Refusal::validation(
                "Invalid request: tags and overwrite can't be used together.",
            ));
        }
        let put = Put {
            name: &asked.name,
            kind: asked.kind.as_deref().map(Kind::parse).transpose()?,
            value: &asked.value,
            overwrite: asked.overwrite,
            description: asked.description.as_deref(),
            key: asked.key_id.as_deref(),
            tier: asked.tier.as_deref(),
        };
        let (version, change) = self.write(&put)?;
        self.state.wait_until_written(change).await?;
        let tier = self.state.read(|state| {
            state.parameters.get(&asked.name).map_or("Standard", |it| it.latest().tier())
        });
        Ok(json!({"Version": version, "Tier": tier}))
    }

    fn get_parameters(&self, asked: &Names) -> Result<Value, Refusal> {
        few(&asked.names)?;
        let (mut found, mut invalid) = (Vec::new(), Vec::new());
        self.state.read(|state| {
            for name in &asked.names {
                match state.get(name, asked.with_decryption) {
                    Ok(mut answer) => found.push(answer["Parameter"].take()),
                    Err(_) => invalid.push(name),
                }
            }
        });
        Ok(json!({"Parameters": found, "InvalidParameters": invalid}))
    }

    fn get_parameters_by_path(&self, asked: &ByPath) -> Result<Value, Refusal> {
        if !asked.path.starts_with('/') {
            return Err(Refusal::validation(
                "The parameter path must begin with a slash: names without one are in no hierarchy.",
            ));
        }
        for filter in &asked.parameter_filters {
            filter.check(&["Type", "KeyId"])?;
        }
        let page = Page::read("Parameters", asked.max_results, FEW, asked.next_token.as_deref())?;
        Ok(self.state.read(|state| {
            let rest = state
                .after(page.after.as_deref())
                .filter(|(name, _)| under(name, &asked.path, asked.recursive))
                .filter(|(name, it)| asked.parameter_filters.iter().all(|f| f.passes(name, it)));
            page.page(rest.map(|(name, it)| {
                (name.clone(), it.shown(name, it.latest(), asked.with_decryption))
            }))
        }))
    }

    fn get_parameter_history(&self, asked: &Named) -> Result<Value, Refusal> {
        let page = Page::read("Parameters", asked.max_results, MANY, asked.next_token.as_deref())?;
        let after: u64 =
            page.after.as_deref().map_or(Ok(0), str::parse).map_err(|_| {
                Refusal::new("InvalidNextToken", "The specified token isn't valid.")
            })?;
        let name = wanted(&asked.name).name;
        self.state.read(|state| {
            let parameter = state.parameters.get(name).ok_or_else(|| not_found(name))?;
            let rest = parameter.versions().filter(|version| version.version > after);
            Ok(page.page(rest.map(|version| {
                let mut history = parameter.described(name, version);
                history["Value"] = json!(version.shown(asked.with_decryption));
                history["Labels"] = json!([]);
                (version.version.to_string(), history)
            })))
        })
    }

    fn describe_parameters(&self, asked: &Describe) -> Result<Value, Refusal> {
        if !asked.filters.is_empty() && !asked.parameter_filters.is_empty() {
            return Err(Refusal::validation(
                "Filters and ParameterFilters can't be used in the same request.",
            ));
        }
        for filter in &asked.filters {
            filter.check(&["Name", "Type", "KeyId"])?;
        }
        for filter in &asked.parameter_filters {
            filter.check(&["Name", "Path", "Type", "KeyId", "Tier", "DataType"])?;
        }
        let page = Page::read("Parameters", asked.max_results, MANY, asked.next_token.as_deref())?;
        Ok(self.state.read(|state| {
            let filters = || asked.filters.iter().chain(&asked.parameter_filters);
            let rest = state
                .after(page.after.as_deref())
                .filter(|(name, it)| filters().all(|filter| filter.passes(name, it)));
            page.page(rest.map(|(name, it)| {
                let mut described = it.described(name, it.latest());
                described["ARN"] = json!(super::name::arn(name));
                (name.clone(), described)
            }))
        }))
    }

    /// Deletes those that there are, and tells which.
    async fn delete(&self, names: &[String]) -> Result<Vec<String>, Refusal> {
        let (deleted, change) = self.state.change(|state| {
            let there = |name: &&String| state.parameters.remove(wanted(name).name).is_some();
            names.iter().filter(there).cloned().collect::<Vec<_>>()
        });
        self.state.wait_until_written(change).await?;
        Ok(deleted)
    }
}

impl State {
    /// `GetParameter`'s answer.
    fn get(&self, text: &str, decrypt: bool) -> Result<Value, Refusal> {
        let Wanted { name, selector } = wanted(text);
        // An ARN has a slash before names that have none themselves.
        let bare = name.strip_prefix('/').filter(|_| text.starts_with("arn:"));
        let found = self.parameters.get_key_value(name);
        let found = found.or_else(|| self.parameters.get_key_value(bare?));
        let (name, parameter) = found.ok_or_else(|| not_found(name))?;
        let version = parameter.select(selector).ok_or_else(|| {
            Refusal::new(
                "ParameterVersionNotFound",
                format!("Systems Manager could not find version {} of {name}. Verify the version and try again.", selector.unwrap_or_default().trim_start_matches(':')),
            )
        })?;
        let mut shown = parameter.shown(name, version, decrypt);
        if let Some(selector) = selector {
            shown["Selector"] = json!(selector);
        }
        Ok(json!({"Parameter": shown}))
    }

    /// Parameters in the order of their names, from the one after `name`.
    fn after(&self, name: Option<&str>) -> impl Iterator<Item = (&String, &super::Parameter)> {
        let from = name.map_or(Bound::Unbounded, Bound::Excluded);
        self.parameters.range::<str, _>((from, Bound::Unbounded))
    }
}

fn few(names: &[String]) -> Result<(), Refusal> {
    if (1..=FEW).contains(&names.len()) {
        return Ok(());
    }
    Err(Refusal::validation(format!("Names has 1 to {FEW} members")))
}

fn not_found(name: &str) -> Refusal {
    Refusal::new("ParameterNotFound", format!("Parameter {name} not found."))
}
