//! `hongyan app show`.

use super::callback_settings::CallbackSettings;
use super::registry::{self, kind_name};
use crate::deployment::Deployment;
use crate::error::Error;
use crate::output::CommandOutput;
use crate::parse;
use crate::timestamp::format_time;
use clap::Args;
use serde::Serialize;
use shared::clock::Timestamp;
use shared::parameters::{CallbackParameter, StoredToken, read_callback};
use shared::url_key::FIRST_VERSION;
use shared::wechat::callback::EncryptionMode;
use std::fmt;

/// Show an app's settings, and when they changed. No secret but the key in the callback URL.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hongyan app show shop")]
pub(crate) struct Show {
    /// The app's alias.
    #[arg(value_parser = parse::alias)]
    app: String,
}

#[derive(Debug, Default, Serialize)]
struct AppDetails {
    app: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_id: Option<String>,
    /// Number of automatic replies.
    replies: usize,
    /// With its key, as in WeChat's console.
    callback_url: String,
    callback: Option<CallbackDetails>,
    secret: Option<SecretDetails>,
    access_token: Option<TokenDetails>,
    problems: Vec<String>,
}

#[derive(Debug, Serialize)]
struct CallbackDetails {
    mode: &'static str,
    /// Whether a previous token or key is still accepted.
    rotating: bool,
    changed_at: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct SecretDetails {
    changed_at: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct TokenDetails {
    generation: u64,
    expires_at: Timestamp,
}

impl Show {
    pub(crate) async fn run(&self, deployment: &Deployment) -> Result<CommandOutput, Error> {
        let alias = &self.app;
        let mut details = AppDetails { app: alias.clone(), ..AppDetails::default() };
        let (callback_path, secret_path) =
            (format!("callback/{alias}"), format!("secrets/{alias}"));
        let (app, callback, secret) = tokio::try_join!(
            registry::find_app(deployment, alias),
            deployment.parameter(&callback_path),
            deployment.parameter(&secret_path)
        )?;
        let version = callback
            .as_ref()
            .and_then(|stored| CallbackSettings::parse(&stored.value))
            .map_or(FIRST_VERSION, |settings| settings.url_version);
        details.callback_url = deployment.callback_url(alias, version).await?.expose();
        details.secret = secret.map(|stored| SecretDetails { changed_at: stored.changed_at });
        let settings = match app.settings {
            Ok(settings) => settings,
            Err(problem) => {
                details.problems.push(problem);
                return Ok(CommandOutput::success(&details));
            }
        };
        if let Some(stored) = callback {
            let name = deployment.parameter_name(&callback_path);
            match read_callback(&name, &settings.app_id, &stored.value) {
                Ok(read) => {
                    let CallbackParameter { callback, url_version, oldest_url_version } = read;
                    let old_values = callback.tokens.len() + callback.aes_keys.len() > 2;
                    details.callback = Some(CallbackDetails {
                        mode: mode_name(callback.mode),
                        rotating: old_values || oldest_url_version < url_version,
                        changed_at: stored.changed_at,
                    });
                }
                Err(error) => details.problems.push(error.to_string()),
            }
        }
        details.access_token = access_token(deployment, &settings.app_id.to_string()).await?;
        details.app_id = Some(settings.app_id.to_string());
        details.kind = Some(kind_name(settings.kind));
        details.original_id = settings.original_id;
        details.replies = settings.replies;
        details.problems.extend(settings.problems);
        Ok(CommandOutput::success(&details))
    }
}

async fn access_token(
    deployment: &Deployment,
    app_id: &str,
) -> Result<Option<TokenDetails>, Error> {
    let stored = deployment.parameter(&format!("tokens/{app_id}")).await?;
    let token = stored.and_then(|it| serde_json::from_str::<StoredToken>(it.value.expose()).ok());
    Ok(token.map(|it| TokenDetails { generation: it.generation, expires_at: it.expires_at }))
}

/// The name of a mode in the parameter.
fn mode_name(mode: EncryptionMode) -> &'static str {
    match mode {
        EncryptionMode::Plaintext => "plaintext",
        EncryptionMode::Compatible => "compatible",
        EncryptionMode::Safe => "safe",
    }
}

impl fmt::Display for AppDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = |at: Option<Timestamp>| {
            at.map_or_else(String::new, |at| format!(", since {}", format_time(at)))
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
        let missing = format!("none; `hongyan app add {}` adds it", self.app);
        let callback = self.callback.as_ref().map(|it| {
            let rotating =
                if it.rotating { ", rotating: the previous ones are still accepted" } else { "" };
            format!("{} mode{rotating}{}", it.mode, since(it.changed_at))
        });
        writeln!(f, "  {:<14}{}", "callback", callback.as_ref().unwrap_or(&missing))?;
        let secret = self.secret.as_ref().map(|it| format!("stored{}", since(it.changed_at)));
        writeln!(f, "  {:<14}{}", "AppSecret", secret.as_ref().unwrap_or(&missing))?;
        let token = match &self.access_token {
            Some(it) => format!("until {}", format_time(it.expires_at)),
            None => "none yet; expected within a minute, otherwise see `hongyan doctor`".to_owned(),
        };
        writeln!(f, "  {:<14}{token}", "access token")?;
        writeln!(f, "  {:<14}{}", "replies", self.replies)?;
        for problem in &self.problems {
            writeln!(f, "  ! {problem}")?;
        }
        Ok(())
    }
}
