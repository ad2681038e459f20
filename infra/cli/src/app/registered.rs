//! An app as it stands under `/apps`.

use crate::deployment::{Deployment, Stored};
use crate::error::{Error, Kind};
use serde_json::Value;
use shared::parameters::{self, AppKind};
use shared::wechat::id::AppId;
use std::collections::BTreeMap;

/// An app as it stands under `/apps`, or why it can't be used.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    pub(crate) alias: String,
    /// What the functions read of it, or what keeps them from it.
    pub(crate) read: Result<Readable, String>,
}

/// What the functions read of an app.
#[derive(Clone, Debug)]
pub(crate) struct Readable {
    pub(crate) app_id: AppId,
    pub(crate) kind: AppKind,
    /// `gh_…`, if it was noted.
    pub(crate) original_id: Option<String>,
    /// So many rules answer by themselves.
    pub(crate) replies: usize,
    /// What the functions pass over.
    pub(crate) problems: Vec<String>,
}

impl Registered {
    /// Reads what stands in the app's parameter.
    pub(crate) fn read(deployment: &Deployment, alias: &str, stored: &Stored) -> Self {
        let name = deployment.parameter_name(&format!("apps/{alias}"));
        let read = parameters::read_app(&name, alias, &stored.value).map(|(app, problems)| {
            let raw: Value = serde_json::from_str(stored.value.expose()).unwrap_or_default();
            Readable {
                app_id: app.app_id,
                kind: app.kind,
                original_id: raw["original_id"].as_str().map(str::to_owned),
                replies: raw["replies"].as_array().map_or(0, Vec::len),
                problems,
            }
        });
        Self { alias: alias.to_owned(), read: read.map_err(|error| error.to_string()) }
    }
}

/// All apps, by alias.
pub(crate) async fn all(deployment: &Deployment) -> Result<BTreeMap<String, Registered>, Error> {
    let found = deployment.folder("apps").await?.into_iter().map(|(alias, stored)| {
        let app = Registered::read(deployment, &alias, &stored);
        (alias, app)
    });
    Ok(found.collect())
}

/// One app, which has to be there.
pub(crate) async fn one(deployment: &Deployment, alias: &str) -> Result<Registered, Error> {
    match deployment.parameter(&format!("apps/{alias}")).await? {
        Some(stored) => Ok(Registered::read(deployment, alias, &stored)),
        None => Err(Error::new(
            Kind::NotFound,
            format!("there is no app {alias} in the stage {}", deployment.stage),
            "`hongyan app list` shows those that there are; `hongyan app add` sets one up",
        )),
    }
}

/// What the functions read of an app, which has to be readable.
pub(crate) async fn readable(deployment: &Deployment, alias: &str) -> Result<Readable, Error> {
    one(deployment, alias).await?.read.map_err(|problem| {
        Error::new(Kind::Invalid, problem, format!("set it up anew with `hongyan app add {alias}`"))
    })
}

/// The word for a kind of app that stands in its parameter.
pub(crate) fn word(kind: AppKind) -> &'static str {
    match kind {
        AppKind::OfficialAccount => "official_account",
        AppKind::MiniProgram => "mini_program",
    }
}
