//! `hongyan app rotate`.

use super::add::{Checked, app_secret};
use super::console::Console;
use super::registered::{self, Readable};
use super::settings::Settings;
use crate::answer::Answer;
use crate::deployment::Deployment;
use crate::error::{Error, Kind};
use crate::greeting::greet_once_known;
use crate::terminal::Terminal;
use crate::{name, token};
use clap::Args;
use serde::Serialize;
use shared::clock::Timestamp;
use std::fmt;

/// Exchange an app's token and EncodingAESKey without losing a message, or its
/// AppSecret.
///
/// First without an option: makes a new token and key, and says what to paste; the
/// previous ones go on being accepted. Once they are pasted, `--finish` ends that.
/// `--secret` asks for another AppSecret, and has an access token fetched with it; if
/// WeChat doesn't take it, the one before stays.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hongyan app rotate shop              then paste what it says, and after that:
  hongyan app rotate shop --finish
  hongyan app rotate shop --secret     after 重置 (reset) of the AppSecret in WeChat's console")]
pub(crate) struct Rotate {
    /// The app's alias.
    #[arg(value_parser = name::alias)]
    app: String,
    /// The console has the new ones: accept the previous ones no longer.
    #[arg(long, conflicts_with = "secret")]
    finish: bool,
    /// Exchange the AppSecret instead; asked for, or read from a pipe.
    #[arg(long)]
    secret: bool,
    /// Don't ask whether the console has been changed.
    #[arg(long)]
    yes: bool,
}

/// What is told.
#[derive(Debug, Serialize)]
#[serde(tag = "rotation", rename_all = "snake_case")]
enum Rotated {
    /// Both the previous and the new ones are accepted.
    Begun { app: String, again: bool, console: Console, callback: Checked },
    /// Only the new ones are.
    Finished { app: String },
    /// There was nothing to finish.
    NotRotating { app: String },
    /// The AppSecret is another.
    Secret { app: String, access_token: Checked },
}

impl Rotate {
    pub(crate) async fn run(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
    ) -> Result<Answer, Error> {
        deployment.about().await?;
        let read = registered::readable(deployment, &self.app).await?;
        if self.secret {
            return self.secret(deployment, terminal).await;
        }
        let path = format!("callback/{}", self.app);
        let stored = deployment.parameter(&path).await?;
        let settings = stored.as_ref().and_then(|stored| Settings::read(&stored.value));
        let changed_at = stored.and_then(|stored| stored.changed_at);
        let settings = settings.ok_or_else(|| {
            Error::new(
                Kind::NotFound,
                format!("{} is not there, or can't be read", deployment.parameter_name(&path)),
                format!(
                    "delete the parameter if it is there, and make another with `hongyan app add {}`",
                    self.app
                ),
            )
        })?;
        if self.finish {
            self.finish(deployment, terminal, (&settings, changed_at)).await
        } else {
            self.begin(deployment, terminal, (settings, changed_at), read).await
        }
    }

    async fn begin(
        &self,
        deployment: &Deployment,
        terminal: &Terminal,
        (settings, changed_at): (Settings, Option<Timestamp>),
        read: Readable,
    ) -> Result<Answer, Error> {
        // Another rotation now would shut out what the console has.
        let again = settings.is_rotating();
        let settings = if again { settings } else { settings.rotated()? };
        let changed_at = if again {
            changed_at
        } else {
            let path = format!("callback/{}", self.app);
            deployment.put_secret(&path, &settings.value()).await?;
            Some(Timestamp::now())
        };
        let url = deployment.callback_url(&self.app).await?;
        let callback =
            greet_once_known(deployment, &url, &settings.token, changed_at, terminal).await;
        let addresses = &deployment.about().await?.addresses;
        let console = Console::new(read.kind, url, &settings, addresses);
        let callback = Checked::from(callback);
        let well = callback.ok;
        let told = Rotated::Begun { app: self.app.clone(), again, console, callback };
        Ok(Answer::found(&told, well))
    }

    async fn finish(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
        (settings, changed_at): (&Settings, Option<Timestamp>),
    ) -> Result<Answer, Error> {
        let app = self.app.clone();
        if !settings.is_rotating() {
            return Ok(Answer::of(&Rotated::NotRotating { app }));
        }
        let url = deployment.callback_url(&app).await?;
        greet_once_known(deployment, &url, &settings.token, changed_at, terminal).await?;
        terminal.confirm(
            &format!(
                "Does WeChat's console show the new token and key for {app}? What it sends with the \
                 previous ones is lost from now on. To be sure, open the page in the console again and \
                 compare; it has saved them only if it said 提交成功"
            ),
            self.yes,
        )?;
        let path = format!("callback/{app}");
        deployment.put_secret(&path, &settings.finished().value()).await?;
        Ok(Answer::of(&Rotated::Finished { app }))
    }

    async fn secret(
        &self,
        deployment: &Deployment,
        terminal: &mut Terminal,
    ) -> Result<Answer, Error> {
        let alias = &self.app;
        let path = format!("secrets/{alias}");
        let before = deployment.parameter(&path).await?;
        let secret = app_secret(terminal)?;
        deployment.put_secret(&path, &secret).await?;
        let bar = terminal.working("fetching an access token with it");
        let found = token::check_one(deployment, alias).await;
        bar.finish_and_clear();
        let refused = found.as_ref().ok().and_then(|found| found.failure.as_ref());
        if let Some(failure) = refused.filter(|failure| failure.is_of_secret())
            && let Some(before) = before
        {
            deployment.put_secret(&path, &before.value).await?;
            return Err(Error::new(
                Kind::Refused,
                format!(
                    "WeChat doesn't take this AppSecret ({}); the one before is in its place again",
                    failure.code
                ),
                "copy it from WeChat's console, and say the same again; if it was reset there, no other works",
            ));
        }
        let fetched = match found {
            Ok(found) => found.failure.map_or(Ok(()), |failure| {
                Err(Error::new(Kind::Refused, failure.problem.clone(), failure.advice(alias)))
            }),
            Err(error) => Err(error),
        };
        let access_token = Checked::from(fetched);
        let well = access_token.ok;
        let told = Rotated::Secret { app: alias.clone(), access_token };
        Ok(Answer::found(&told, well))
    }
}

impl fmt::Display for Rotated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begun { app, again, console, callback } => {
                if *again {
                    writeln!(
                        f,
                        "{app} is being rotated already; these are the new token and key."
                    )?;
                } else {
                    writeln!(
                        f,
                        "{app} has a new token and key; the previous ones are accepted as well."
                    )?;
                }
                writeln!(f)?;
                callback.tell(f, "the callback accepts the new ones")?;
                writeln!(f)?;
                write!(f, "{console}")?;
                writeln!(f)?;
                write!(f, "When the console has saved them: hongyan app rotate {app} --finish")
            }
            Self::Finished { app } => {
                write!(
                    f,
                    "{app} accepts the new token and key only; running functions forget the previous ones within ten minutes"
                )
            }
            Self::NotRotating { app } => write!(f, "{app} is not being rotated; nothing to finish"),
            Self::Secret { app, access_token } => {
                writeln!(f, "{app} has another AppSecret.")?;
                access_token.tell(f, "an access token was fetched with it")
            }
        }
    }
}
