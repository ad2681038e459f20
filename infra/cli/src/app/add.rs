//! `hongyan app add`.

use super::callback_settings::CallbackSettings;
use super::check_result::CheckResult;
use super::console_settings::ConsoleSettings;
use super::registry::{self, RegisteredApp, kind_name};
use super::secret::{ask_app_secret, fetch_token, require_token};
use crate::callback_check::wait_for_callback;
use crate::deployment::Deployment;
use crate::error::{Error, ErrorKind};
use crate::output::CommandOutput;
use crate::parse;
use crate::terminal::Terminal;
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::parameters::AppKind;
use shared::wechat::id::AppId;
use std::collections::BTreeMap;
use std::fmt;

/// Set up an Official Account or a mini program, and print what to paste into WeChat's
/// console.
///
/// Asks for the AppID, the kind and the AppSecret unless they are given; from a pipe, they
/// are lines in this order. Generates a random token and EncodingAESKey. Run it again to
/// resume an interrupted setup, or to print again what to paste.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan app add shop
  hongyan app add shop-mini --app-id wx0123456789abcdef --kind mini-program
  cat appsecret.txt | hongyan app add shop --app-id wx0123456789abcdef --kind official-account --json")]
pub(crate) struct Add {
    /// A short name of your choice, part of the callback URL.
    #[arg(value_parser = parse::alias)]
    app: String,
    /// The AppID (开发者ID) in WeChat's console: wx and 16 digits or letters a to f.
    #[arg(long, value_parser = parse_app_id)]
    app_id: Option<String>,
    /// The kind of app.
    #[arg(long, value_enum)]
    kind: Option<KindArgument>,
    /// The original id (原始ID) in WeChat's console, for your own use: gh_….
    #[arg(long, value_parser = parse_original_id)]
    original_id: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum KindArgument {
    /// 公众号 (服务号): people follow it
    OfficialAccount,
    /// 小程序: people log in to it
    MiniProgram,
}

impl From<KindArgument> for AppKind {
    fn from(kind: KindArgument) -> Self {
        match kind {
            KindArgument::OfficialAccount => Self::OfficialAccount,
            KindArgument::MiniProgram => Self::MiniProgram,
        }
    }
}

#[derive(Debug, Serialize)]
struct AddedApp {
    app: String,
    app_id: String,
    kind: &'static str,
    console: ConsoleSettings,
    /// Whether the callback passes URL verification.
    callback: CheckResult,
    /// Whether WeChat issued a token for the AppSecret.
    access_token: CheckResult,
}

impl Add {
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
    ) -> Result<CommandOutput, Error> {
        let alias = &self.app;
        deployment.info().await?;
        let apps = registry::list_apps(deployment).await?;
        let app_id = match &self.app_id {
            Some(app_id) => app_id.clone(),
            None => valid(parse_app_id(&terminal.ask_line("AppID (wx…)")?))?,
        };
        let app_id = AppId::parse(&app_id).expect("parse_app_id is stricter");
        let kind = match self.kind {
            Some(kind) => kind,
            None => {
                let text = terminal.ask_line("kind (official-account or mini-program)")?;
                // The error doesn't repeat the text: it may be an AppSecret.
                let problem = |_| "the kind is official-account or mini-program".to_owned();
                valid(KindArgument::from_str(&text, true).map_err(problem))?
            }
        };
        let kind = AppKind::from(kind);
        let exists = self.exists(&apps, &app_id, kind)?;

        let settings = self.store_secrets(deployment, terminal, exists).await?;
        // Before the app: a function that knows an app knows the secret, too.
        deployment.create_url_secret().await?;
        let url = deployment.callback_url(alias, settings.url_version).await?;
        let known = apps.get(alias).and_then(|app| app.settings.as_ref().ok());
        let new_original_id = self.original_id.is_some()
            && known.is_some_and(|known| known.original_id != self.original_id);
        // Last, because the app exists for the functions from then on.
        if !exists || new_original_id {
            self.store_app(deployment, &app_id, kind).await?;
        }

        let changed_at = (!exists).then(Timestamp::now);
        let callback =
            wait_for_callback(deployment, &url, &settings.token, changed_at, terminal).await;
        let token = fetch_token(deployment, alias, terminal).await;
        let addresses = &deployment.info().await?.addresses;
        let added = AddedApp {
            app: alias.clone(),
            app_id: app_id.to_string(),
            kind: kind_name(kind),
            console: ConsoleSettings::new(kind, &url, &settings, addresses),
            callback: callback.into(),
            access_token: token.and_then(require_token).into(),
        };
        let success = added.callback.ok && added.access_token.ok;
        Ok(CommandOutput::new(&added, success))
    }

    /// Stores the AppSecret and the callback's token and key, unless they exist.
    async fn store_secrets(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
        exists: bool,
    ) -> Result<CallbackSettings, Error> {
        let (callback_path, secret_path) =
            (format!("callback/{}", self.app), format!("secrets/{}", self.app));
        let (callback, secret) = tokio::try_join!(
            deployment.parameter(&callback_path),
            deployment.parameter(&secret_path)
        )?;
        // Without the app, a stored AppSecret may be that of another AppID.
        if secret.is_none() || !exists {
            let secret = ask_app_secret(terminal)?;
            deployment.put_secret_parameter(&secret_path, &secret).await?;
        }
        if let Some(settings) = callback.and_then(|stored| CallbackSettings::parse(&stored.value)) {
            return Ok(settings);
        }
        let settings = CallbackSettings::random()?;
        deployment.put_secret_parameter(&callback_path, &settings.to_parameter()).await?;
        Ok(settings)
    }

    /// Stores the app, and keeps its other settings, such as automatic replies.
    async fn store_app(
        &self,
        deployment: &Deployment,
        app_id: &AppId,
        kind: AppKind,
    ) -> Result<(), Error> {
        let path = format!("apps/{}", self.app);
        let stored = deployment.parameter(&path).await?;
        let stored = stored.and_then(|it| serde_json::from_str(it.value.expose()).ok());
        let mut app: Value = stored.unwrap_or_else(|| json!({}));
        app["app_id"] = json!(app_id);
        app["kind"] = json!(kind_name(kind));
        if let Some(original_id) = &self.original_id {
            app["original_id"] = json!(original_id);
        }
        deployment.put_parameter(&path, &app.to_string()).await
    }

    /// Whether this app exists; an error if alias or AppID belong to another one.
    fn exists(
        &self,
        apps: &BTreeMap<String, RegisteredApp>,
        app_id: &AppId,
        kind: AppKind,
    ) -> Result<bool, Error> {
        let alias = &self.app;
        let conflict =
            |problem: String, advice: String| Err(Error::new(ErrorKind::Conflict, problem, advice));
        for (other, app) in apps {
            let Ok(settings) = &app.settings else { continue };
            if other != alias && settings.app_id == *app_id {
                return conflict(
                    format!("{app_id} exists already, as {other}"),
                    format!("use {other}, or run `hongyan app remove {other}` first"),
                );
            }
        }
        let Some(app) = apps.get(alias) else { return Ok(false) };
        match &app.settings {
            Ok(settings) if settings.app_id == *app_id && settings.kind == kind => Ok(true),
            Ok(settings) => conflict(
                format!(
                    "there is another app {alias}: {}, {}",
                    settings.app_id,
                    kind_name(settings.kind)
                ),
                format!("choose another alias, or run `hongyan app remove {alias}` first"),
            ),
            Err(problem) => conflict(
                format!("the existing app {alias} is invalid: {problem}"),
                format!("correct the parameter, or run `hongyan app remove {alias}` first"),
            ),
        }
    }
}

fn valid<T>(parsed: Result<T, String>) -> Result<T, Error> {
    parsed.map_err(|problem| Error::new(ErrorKind::Invalid, problem, "see --help"))
}

fn parse_app_id(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("wx").unwrap_or_default();
    if rest.len() == 16 && rest.bytes().all(parse::is_lower_hex) {
        return Ok(text.to_owned());
    }
    // The error doesn't repeat the text: it may be an AppSecret.
    Err("an AppID is wx and 16 digits or letters a to f".to_owned())
}

fn parse_original_id(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("gh_").unwrap_or_default();
    if (1..=32).contains(&rest.len()) && rest.bytes().all(|c| c.is_ascii_alphanumeric()) {
        return Ok(text.to_owned());
    }
    Err("an original id is gh_ and up to 32 letters and digits".to_owned())
}

impl fmt::Display for AddedApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} is set up: {}, {}", self.app, self.app_id, self.kind)?;
        writeln!(f)?;
        self.callback.write(f, "the callback passes URL verification")?;
        self.access_token.write(f, "fetched an access token with the AppSecret")?;
        writeln!(f)?;
        write!(f, "{}", self.console)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::registry::AppSettings;

    #[test]
    fn app_id_and_original_id_are_validated() {
        assert!(parse_app_id("wx0123456789abcdef").is_ok());
        for bad in ["", "wx", "wx0123456789ABCDEF", "wx0123456789abcde", "gh_0123456789abcdef"] {
            assert!(parse_app_id(bad).is_err(), "{bad}");
        }
        let pasted = "0123456789abcdef0123456789abcdef";
        assert!(!parse_app_id(pasted).unwrap_err().contains(pasted));
        assert!(parse_original_id("gh_0123456789ab").is_ok());
        assert!(parse_original_id("gh_").is_err() && parse_original_id("wx0").is_err());
    }

    #[test]
    fn alias_and_app_id_are_unique() {
        let id = |text: &str| AppId::parse(text).unwrap();
        let shop = RegisteredApp {
            alias: "shop".to_owned(),
            settings: Ok(AppSettings {
                app_id: id("wx0000000000000001"),
                kind: AppKind::OfficialAccount,
                original_id: None,
                replies: 0,
                problems: Vec::new(),
            }),
        };
        let apps = BTreeMap::from([("shop".to_owned(), shop)]);
        let exists = |alias: &str, app_id: &str, kind| {
            let add = Add { app: alias.to_owned(), app_id: None, kind: None, original_id: None };
            add.exists(&apps, &id(app_id), kind).map_err(|error| error.problem)
        };
        let (account, program) = (AppKind::OfficialAccount, AppKind::MiniProgram);
        assert_eq!(exists("shop", "wx0000000000000001", account), Ok(true));
        assert_eq!(exists("mini", "wx0000000000000002", program), Ok(false));
        assert!(
            exists("shop", "wx0000000000000001", program).unwrap_err().contains("another app shop")
        );
        assert!(
            exists("shop", "wx0000000000000002", account).unwrap_err().contains("another app shop")
        );
        assert!(exists("mini", "wx0000000000000001", account).unwrap_err().contains("as shop"));
    }
}
