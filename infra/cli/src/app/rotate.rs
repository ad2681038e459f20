//! `hongyan app rotate`.

use super::callback_settings::CallbackSettings;
use super::check_result::CheckResult;
use super::console_settings::ConsoleSettings;
use super::registry;
use super::secret::{ask_app_secret, fetch_token, require_token};
use crate::callback_check::wait_for_callback;
use crate::deployment::Deployment;
use crate::error::{Error, ErrorKind};
use crate::output::CommandOutput;
use crate::parse;
use crate::terminal::Terminal;
use clap::Args;
use serde::Serialize;
use shared::clock::Timestamp;
use shared::parameters::AppKind;
use std::fmt;

/// Rotate an app's token, EncodingAESKey and URL without losing a message, or its AppSecret.
///
/// Without options: creates a new token, a new EncodingAESKey and a new key in the URL, and
/// prints what to paste; the previous ones are still accepted. Once they are pasted, `--finish` ends that. `--secret` asks for
/// a new AppSecret, and fetches an access token with it; if WeChat rejects the AppSecret,
/// the previous one is restored.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan app rotate shop              then paste what it prints, and after that:
  hongyan app rotate shop --finish
  hongyan app rotate shop --secret     after 重置 (reset) of the AppSecret in WeChat's console")]
pub(crate) struct Rotate {
    /// The app's alias.
    #[arg(value_parser = parse::alias)]
    app: String,
    /// Stop accepting the previous token and key; WeChat's console has the new ones.
    #[arg(long, conflicts_with = "secret")]
    finish: bool,
    /// Replace the AppSecret; asks for it, or reads it from a pipe.
    #[arg(long)]
    secret: bool,
    /// Don't ask whether the console has the new token and key.
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Serialize)]
#[serde(tag = "rotation", rename_all = "snake_case")]
enum Rotation {
    /// Previous and new token and key are accepted.
    Begun { app: String, again: bool, console: ConsoleSettings, callback: CheckResult },
    /// Only the new ones are.
    Finished { app: String },
    /// There was nothing to finish.
    NotRotating { app: String },
    /// The AppSecret is replaced.
    Secret { app: String, access_token: CheckResult },
}

/// The present settings, and when they changed.
type StoredSettings = (CallbackSettings, Option<Timestamp>);

impl Rotate {
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
    ) -> Result<CommandOutput, Error> {
        let kind = registry::find_valid_app(deployment, &self.app).await?.kind;
        if self.secret {
            return self.replace_secret(deployment, terminal).await;
        }
        let stored = deployment.parameter(&self.path()).await?;
        let settings = stored
            .and_then(|stored| Some((CallbackSettings::parse(&stored.value)?, stored.changed_at)));
        let settings = settings.ok_or_else(|| {
            let name = deployment.parameter_name(&self.path());
            Error::new(
                ErrorKind::NotFound,
                format!("{name} doesn't exist or is invalid"),
                format!(
                    "delete the parameter if it exists, and run `hongyan app add {}`",
                    self.app
                ),
            )
        })?;
        if self.finish {
            self.finish(deployment, terminal, settings).await
        } else {
            self.begin(deployment, terminal, settings, kind).await
        }
    }

    fn path(&self) -> String {
        format!("callback/{}", self.app)
    }

    async fn begin(
        &self,
        deployment: &Deployment,
        terminal: &Terminal,
        (settings, changed_at): StoredSettings,
        kind: AppKind,
    ) -> Result<CommandOutput, Error> {
        // A second rotation would drop the token and key that the console has.
        let again = settings.is_rotating();
        let (settings, changed_at) = if again {
            (settings, changed_at)
        } else {
            let settings = settings.start_rotation()?;
            deployment.put_secret_parameter(&self.path(), &settings.to_parameter()).await?;
            (settings, Some(Timestamp::now()))
        };
        deployment.create_url_secret().await?;
        let url = deployment.callback_url(&self.app, settings.url_version).await?;
        let token = &settings.token;
        let callback = wait_for_callback(deployment, &url, token, changed_at, terminal).await;
        let callback = CheckResult::from(callback);
        let addresses = &deployment.info().await?.addresses;
        let console = ConsoleSettings::new(kind, &url, &settings, addresses);
        let success = callback.ok;
        let rotation = Rotation::Begun { app: self.app.clone(), again, console, callback };
        Ok(CommandOutput::new(&rotation, success))
    }

    async fn finish(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
        (settings, changed_at): StoredSettings,
    ) -> Result<CommandOutput, Error> {
        let app = self.app.clone();
        if !settings.is_rotating() {
            return Ok(CommandOutput::success(&Rotation::NotRotating { app }));
        }
        let url = deployment.callback_url(&app, settings.url_version).await?;
        wait_for_callback(deployment, &url, &settings.token, changed_at, terminal).await?;
        terminal.confirm(
            &format!(
                "Does WeChat's console show the new URL, token and key for {app}? If not, all messages of \
                 WeChat's will be rejected. To be sure, open the page in the console again and compare; \
                 it has saved them only if it said 提交成功."
            ),
            self.yes,
        )?;
        let settings = settings.finish_rotation();
        deployment.put_secret_parameter(&self.path(), &settings.to_parameter()).await?;
        Ok(CommandOutput::success(&Rotation::Finished { app }))
    }

    async fn replace_secret(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
    ) -> Result<CommandOutput, Error> {
        let alias = &self.app;
        let path = format!("secrets/{alias}");
        let previous = deployment.parameter(&path).await?;
        let secret = ask_app_secret(terminal)?;
        deployment.put_secret_parameter(&path, &secret).await?;
        let check = fetch_token(deployment, alias, terminal).await;
        let failure = check.as_ref().ok().and_then(|check| check.failure.as_ref());
        if let Some(failure) = failure.filter(|failure| failure.is_wrong_secret())
            && let Some(previous) = previous
        {
            deployment.put_secret_parameter(&path, &previous.value).await?;
            return Err(Error::new(
                ErrorKind::Refused,
                format!(
                    "WeChat rejects this AppSecret ({}); the previous one is restored",
                    failure.code
                ),
                "copy it from WeChat's console, and run the command again; after a reset there, only \
                 the new AppSecret works",
            ));
        }
        let access_token = CheckResult::from(check.and_then(require_token));
        let success = access_token.ok;
        let rotation = Rotation::Secret { app: alias.clone(), access_token };
        Ok(CommandOutput::new(&rotation, success))
    }
}

impl fmt::Display for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begun { app, again, console, callback } => {
                if *again {
                    writeln!(f, "{app} is being rotated already, to this token and key.")?;
                } else {
                    writeln!(
                        f,
                        "{app} has a new token and key; the previous ones are still accepted."
                    )?;
                }
                writeln!(f)?;
                callback.write(f, "the callback accepts the new ones")?;
                writeln!(f)?;
                write!(f, "{console}")?;
                writeln!(f)?;
                write!(f, "When the console has saved them: hongyan app rotate {app} --finish")
            }
            Self::Finished { app } => write!(
                f,
                "{app} accepts only the new token and key; the functions reject the previous ones \
                 within ten minutes."
            ),
            Self::NotRotating { app } => write!(f, "{app} is not being rotated."),
            Self::Secret { app, access_token } => {
                writeln!(f, "{app} has a new AppSecret.")?;
                access_token.write(f, "fetched an access token with it")
            }
        }
    }
}
