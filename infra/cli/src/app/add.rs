//! `hongyan app add`.

use super::console::Console;
use super::registered::{self, Registered, word};
use super::settings::Settings;
use crate::answer::Answer;
use crate::deployment::Deployment;
use crate::error::{Error, Kind};
use crate::greeting::greet_once_known;
use crate::terminal::Terminal;
use crate::{name, token};
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::parameters::AppKind;
use shared::secret::Secret;
use shared::wechat::id::AppId;
use std::collections::BTreeMap;
use std::fmt;

/// Set up an Official Account or a mini program, and say what to paste into WeChat's
/// console.
///
/// Asks for the AppID, the kind and the AppSecret, as far as they aren't given; from a
/// pipe, they are lines in this order. Makes a random token and EncodingAESKey. If it
/// broke off, or to see again what to paste, say the same again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan app add shop
  hongyan app add shop-mini --app-id wx0123456789abcdef --kind mini-program
  cat appsecret.txt | hongyan app add shop --app-id wx0123456789abcdef --kind official-account --json")]
pub(crate) struct Add {
    /// A short name of your choice, which stands in the callback URL.
    #[arg(value_parser = name::alias)]
    app: String,
    /// The AppID (开发者ID) that WeChat's console shows: wx and 16 digits or a to f.
    #[arg(long, value_parser = app_id)]
    app_id: Option<String>,
    /// What it is.
    #[arg(long, value_enum)]
    kind: Option<Given>,
    /// The original id (原始ID) that WeChat's console shows, for your own use: gh_….
    #[arg(long, value_parser = original_id)]
    original_id: Option<String>,
}

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Given {
    /// 公众号 (服务号): people follow it
    OfficialAccount,
    /// 小程序: people log in to it
    MiniProgram,
}

impl From<Given> for AppKind {
    fn from(given: Given) -> Self {
        match given {
            Given::OfficialAccount => Self::OfficialAccount,
            Given::MiniProgram => Self::MiniProgram,
        }
    }
}

/// What is told.
#[derive(Debug, Serialize)]
struct Added {
    app: String,
    app_id: String,
    kind: &'static str,
    console: Console,
    /// Whether the callback answers a signed greeting, and has a token been fetched
    /// with the AppSecret.
    callback: Checked,
    access_token: Checked,
}

/// Whether something works, and what to do if not.
#[derive(Debug, Serialize)]
pub(crate) struct Checked {
    pub(crate) ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Add {
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
    ) -> Result<Answer, Error> {
        let alias = &self.app;
        let about = deployment.about().await?;
        let url = deployment.callback_url(alias).await?;
        let apps = registered::all(deployment).await?;
        let app_id = match &self.app_id {
            Some(app_id) => app_id.clone(),
            None => asked(&terminal.ask("AppID (wx…)")?, app_id)?,
        };
        let app_id = AppId::parse(app_id).expect("its grammar is narrower than that of an AppId");
        let kind = match self.kind {
            Some(kind) => kind,
            None => asked(&terminal.ask("kind (official-account or mini-program)")?, |text| {
                // What was given isn't repeated: it may be an AppSecret.
                let problem = || "the kind is official-account or mini-program".to_owned();
                Given::from_str(text, true).map_err(|_| problem())
            })?,
        };
        let kind = AppKind::from(kind);
        let is_there = self.is_there(&apps, &app_id, kind)?;

        let (callback_path, secret_path) =
            (format!("callback/{alias}"), format!("secrets/{alias}"));
        let (callback, secret) = tokio::try_join!(
            deployment.parameter(&callback_path),
            deployment.parameter(&secret_path)
        )?;
        // What stands there from a call that broke off is as good as new; but an
        // AppSecret may have been another app's.
        if secret.is_none() || !is_there {
            let secret = app_secret(terminal)?;
            deployment.put_secret(&secret_path, &secret).await?;
        }
        let stored = callback.as_ref().and_then(|stored| Settings::read(&stored.value));
        let settings = match stored {
            Some(settings) => settings,
            None => {
                let settings = Settings::random()?;
                deployment.put_secret(&callback_path, &settings.value()).await?;
                settings
            }
        };
        // Last, because the functions go by what stands here: until then there is no
        // such app.
        let known = apps.get(alias).and_then(|app| app.read.as_ref().ok());
        let notes_another = self.original_id.is_some()
            && known.is_some_and(|read| read.original_id != self.original_id);
        if !is_there || notes_another {
            let path = format!("apps/{alias}");
            // Its rules for answering stay.
            let stored = deployment.parameter(&path).await?;
            let stored = stored.and_then(|it| serde_json::from_str(it.value.expose()).ok());
            let mut value: Value = stored.unwrap_or_else(|| json!({}));
            value["app_id"] = json!(app_id);
            value["kind"] = json!(word(kind));
            if let Some(original_id) = &self.original_id {
                value["original_id"] = json!(original_id);
            }
            deployment.put(&path, &value.to_string()).await?;
        }

        let changed_at = (!is_there).then(Timestamp::now);
        let greeted =
            greet_once_known(deployment, &url, &settings.token, changed_at, terminal).await;
        let fetched = fetched(deployment, alias, terminal).await;
        let added = Added {
            app: alias.clone(),
            app_id: app_id.to_string(),
            kind: word(kind),
            console: Console::new(kind, url, &settings, &about.addresses),
            callback: greeted.into(),
            access_token: fetched.into(),
        };
        let well = added.callback.ok && added.access_token.ok;
        Ok(Answer::found(&added, well))
    }

    /// Whether this very app is there already.
    fn is_there(
        &self,
        apps: &BTreeMap<String, Registered>,
        app_id: &AppId,
        kind: AppKind,
    ) -> Result<bool, Error> {
        let alias = &self.app;
        let refuse =
            |problem: String, advice: String| Err(Error::new(Kind::Conflict, problem, advice));
        for (other, app) in apps {
            let Ok(read) = &app.read else { continue };
            if other != alias && read.app_id == *app_id {
                return refuse(
                    format!("{app_id} is there already, as {other}"),
                    format!("use {other}, or `hongyan app remove {other}` first"),
                );
            }
        }
        let Some(app) = apps.get(alias) else { return Ok(false) };
        match &app.read {
            Ok(read) if read.app_id == *app_id && read.kind == kind => Ok(true),
            Ok(read) => refuse(
                format!("there is another app {alias}: {}, {}", read.app_id, word(read.kind)),
                format!("choose another alias, or `hongyan app remove {alias}` first"),
            ),
            Err(problem) => refuse(
                format!("there is an app {alias} that can't be read: {problem}"),
                format!("correct the parameter, or `hongyan app remove {alias}` first"),
            ),
        }
    }
}

/// Fetches an access token, which takes the AppSecret.
pub(crate) async fn fetched(
    deployment: &Deployment,
    alias: &str,
    terminal: &Terminal,
) -> Result<(), Error> {
    let bar = terminal.working("fetching an access token");
    let found = token::check_one(deployment, alias).await;
    bar.finish_and_clear();
    match found?.failure {
        None => Ok(()),
        Some(failure) => {
            let advice = failure.advice(alias);
            Err(Error::new(Kind::Refused, failure.problem, advice))
        }
    }
}

/// Asks for the AppSecret.
pub(crate) fn app_secret(terminal: &mut Terminal) -> Result<Secret, Error> {
    let secret = terminal.secret("AppSecret (开发者密码), not shown while you paste it")?;
    let text = secret.expose();
    if text.len() != 32 || !text.bytes().all(|c| c.is_ascii_alphanumeric()) {
        return Err(Error::new(
            Kind::Invalid,
            "that is no AppSecret: one has 32 letters and digits",
            "copy it from WeChat's console; it is shown there when it is reset (开发者密码 → 重置)",
        ));
    }
    Ok(secret)
}

fn asked<T>(text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<T, Error> {
    read(text).map_err(|problem| Error::new(Kind::Invalid, problem, "ask for --help"))
}

fn app_id(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("wx").unwrap_or_default();
    let hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    if rest.len() == 16 && rest.bytes().all(hex) {
        return Ok(text.to_owned());
    }
    // An AppSecret may have been pasted here, so it isn't repeated.
    Err("an AppID is wx and 16 digits or letters a to f".to_owned())
}

fn original_id(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("gh_").unwrap_or_default();
    if (1..=32).contains(&rest.len()) && rest.bytes().all(|c| c.is_ascii_alphanumeric()) {
        return Ok(text.to_owned());
    }
    Err("an original id is gh_ and some letters and digits".to_owned())
}

impl From<Result<(), Error>> for Checked {
    fn from(result: Result<(), Error>) -> Self {
        match result {
            Ok(()) => Self { ok: true, problem: None, advice: None },
            Err(error) => {
                Self { ok: false, problem: Some(error.problem), advice: Some(error.advice) }
            }
        }
    }
}

impl Checked {
    /// A line, with what to do beneath it.
    pub(crate) fn tell(&self, f: &mut fmt::Formatter<'_>, well: &str) -> fmt::Result {
        match &self.problem {
            None => writeln!(f, "ok      {well}"),
            Some(problem) => {
                writeln!(f, "failed  {problem}")?;
                writeln!(f, "        {}", self.advice.as_deref().unwrap_or_default())
            }
        }
    }
}

impl fmt::Display for Added {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} is set up: {}, {}", self.app, self.app_id, self.kind)?;
        writeln!(f)?;
        self.callback.tell(f, "the callback answers a signed greeting")?;
        self.access_token.tell(f, "an access token was fetched with the AppSecret")?;
        writeln!(f)?;
        write!(f, "{}", self.console)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::registered::Readable;

    #[test]
    fn app_ids_and_original_ids() {
        assert!(app_id("wx0123456789abcdef").is_ok());
        for bad in ["", "wx", "wx0123456789ABCDEF", "wx0123456789abcde", "gh_0123456789abcdef"] {
            assert!(app_id(bad).is_err(), "{bad}");
        }
        let pasted = "0123456789abcdef0123456789abcdef";
        assert!(!app_id(pasted).unwrap_err().contains(pasted));
        assert!(original_id("gh_0123456789ab").is_ok());
        assert!(original_id("gh_").is_err() && original_id("wx0").is_err());
    }

    #[test]
    fn one_alias_one_app() {
        let id = |text: &str| AppId::parse(text).unwrap();
        let shop = Registered {
            alias: "shop".to_owned(),
            read: Ok(Readable {
                app_id: id("wx0000000000000001"),
                kind: AppKind::OfficialAccount,
                original_id: None,
                replies: 0,
                problems: Vec::new(),
            }),
        };
        let apps = BTreeMap::from([("shop".to_owned(), shop)]);
        let ask = |alias: &str, app_id: &str, kind| {
            let add = Add { app: alias.to_owned(), app_id: None, kind: None, original_id: None };
            add.is_there(&apps, &id(app_id), kind).map_err(|error| error.problem)
        };
        let (account, program) = (AppKind::OfficialAccount, AppKind::MiniProgram);
        assert_eq!(ask("shop", "wx0000000000000001", account), Ok(true));
        assert_eq!(ask("mini", "wx0000000000000002", program), Ok(false));
        assert!(
            ask("shop", "wx0000000000000001", program).unwrap_err().contains("another app shop")
        );
        assert!(
            ask("shop", "wx0000000000000002", account).unwrap_err().contains("another app shop")
        );
        assert!(ask("mini", "wx0000000000000001", account).unwrap_err().contains("as shop"));
    }
}
