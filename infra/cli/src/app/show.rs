//! `hongyan app show`.

use super::registered::{self, word};
use crate::answer::Answer;
use crate::deployment::Deployment;
use crate::error::Error;
use crate::moment::written;
use crate::name;
use clap::Args;
use serde::Serialize;
use shared::clock::Timestamp;
use shared::parameters::{StoredToken, read_callback};
use shared::wechat::callback::EncryptionMode;
use std::fmt;

/// Show an app: what is set up, and since when. No secrets.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hongyan app show shop")]
pub(crate) struct Show {
    /// The app's alias.
    #[arg(value_parser = name::alias)]
    app: String,
}

/// What is told. Moments are in seconds since 1970.
#[derive(Debug, Default, Serialize)]
struct Shown {
    app: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_id: Option<String>,
    /// So many rules answer by themselves.
    replies: usize,
    callback_url: String,
    callback: Option<Callback>,
    secret: Option<Secret>,
    access_token: Option<AccessToken>,
    problems: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Callback {
    mode: &'static str,
    /// Whether the previous token or key is still accepted beside the present one.
    rotating: bool,
    changed_at: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct Secret {
    changed_at: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct AccessToken {
    generation: u64,
    expires_at: Timestamp,
}

impl Show {
    pub(crate) async fn run(&self, deployment: &Deployment) -> Result<Answer, Error> {
        let alias = &self.app;
        let mut shown = Shown {
            app: alias.clone(),
            callback_url: deployment.callback_url(alias).await?,
            ..Shown::default()
        };
        let (callback_path, secret_path) =
            (format!("callback/{alias}"), format!("secrets/{alias}"));
        let (app, callback, secret) = tokio::try_join!(
            registered::one(deployment, alias),
            deployment.parameter(&callback_path),
            deployment.parameter(&secret_path)
        )?;
        shown.secret = secret.map(|stored| Secret { changed_at: stored.changed_at });
        match app.read {
            Ok(read) => {
                if let Some(stored) = callback {
                    let name = deployment.parameter_name(&callback_path);
                    match read_callback(&name, &read.app_id, &stored.value) {
                        Ok(callback) => {
                            shown.callback = Some(Callback {
                                mode: mode(callback.mode),
                                rotating: callback.tokens.len() + callback.aes_keys.len() > 2,
                                changed_at: stored.changed_at,
                            });
                        }
                        Err(error) => shown.problems.push(error.to_string()),
                    }
                }
                shown.access_token = access_token(deployment, &read.app_id.to_string()).await?;
                shown.app_id = Some(read.app_id.to_string());
                shown.kind = Some(word(read.kind));
                shown.original_id = read.original_id;
                shown.replies = read.replies;
                shown.problems.extend(read.problems);
            }
            Err(problem) => shown.problems.push(problem),
        }
        Ok(Answer::of(&shown))
    }
}

async fn access_token(deployment: &Deployment, app_id: &str) -> Result<Option<AccessToken>, Error> {
    let stored = deployment.parameter(&format!("tokens/{app_id}")).await?;
    let token = stored.and_then(|it| serde_json::from_str::<StoredToken>(it.value.expose()).ok());
    Ok(token.map(|it| AccessToken { generation: it.generation, expires_at: it.expires_at }))
}

/// The word for a mode that stands in the parameter.
pub(crate) fn mode(mode: EncryptionMode) -> &'static str {
    match mode {
        EncryptionMode::Plaintext => "plaintext",
        EncryptionMode::Compatible => "compatible",
        EncryptionMode::Safe => "safe",
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = |at: Option<Timestamp>| {
            at.map_or_else(String::new, |at| format!(", since {}", written(at)))
        };
        writeln!(f, "{}", self.app)?;
        for (what, value) in [
            ("app_id", self.app_id.as_deref()),
            ("kind", self.kind),
            ("original_id", self.original_id.as_deref()),
        ] {
            if let Some(value) = value {
                writeln!(f, "  {what:<14}{value}")?;
            }
        }
        writeln!(f, "  {:<14}{}", "callback URL", self.callback_url)?;
        match &self.callback {
            Some(it) => {
                let rotating = if it.rotating {
                    ", rotating: the previous ones are still accepted"
                } else {
                    ""
                };
                writeln!(
                    f,
                    "  {:<14}{} mode{rotating}{}",
                    "callback",
                    it.mode,
                    since(it.changed_at)
                )?;
            }
            None => writeln!(
                f,
                "  {:<14}none; `hongyan app add {}` goes on with it",
                "callback", self.app
            )?,
        }
        match &self.secret {
            Some(it) => writeln!(f, "  {:<14}there{}", "AppSecret", since(it.changed_at))?,
            None => writeln!(
                f,
                "  {:<14}none; `hongyan app add {}` goes on with it",
                "AppSecret", self.app
            )?,
        }
        match &self.access_token {
            Some(it) => writeln!(f, "  {:<14}until {}", "access token", written(it.expires_at))?,
            None => writeln!(
                f,
                "  {:<14}none yet; it comes within a minute, `hongyan doctor` says why not",
                "access token"
            )?,
        }
        writeln!(f, "  {:<14}{}", "replies", self.replies)?;
        for problem in &self.problems {
            writeln!(f, "  ! {problem}")?;
        }
        Ok(())
    }
}
