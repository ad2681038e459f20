//! The core flow, step by step: each step goes through the real functions, and its result
//! is checked.

use crate::{Stack, seed};
use local_aws::{HttpError, InvokeFailure};
use serde_json::{Value as Json, json};
use std::{io::Write, time::Duration};

/// Runs the core flow against a new stack, and writes each step and its result to `out`.
/// The error is the first step with another result than promised.
///
/// It waits for `pause` between two steps, so that people can read along.
pub async fn play(cloud: &Stack, out: &mut impl Write, pause: Duration) -> Result<(), Failed> {
    let mut play = Play { cloud, out, pause, steps: 0 };
    play.accounts().await?;
    play.follow().await?;
    play.login().await?;
    play.notify().await?;
    play.receipt().await?;
    play.once().await?;
    play.consent().await?;
    play.unreachable().await?;
    play.print_line("Every step went as promised.")
}

/// A step with another result than promised.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// What happened isn't what should have.
    #[error("not as promised: {promise}; instead: {instead}")]
    Otherwise {
        /// What was promised.
        promise: &'static str,
        /// What was found.
        instead: String,
    },
    /// A function failed.
    #[error(transparent)]
    Invoke(#[from] InvokeFailure),
    /// A door didn't answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The play can't be written.
    #[error("the play can't be written: {0}")]
    Write(#[from] std::io::Error),
}

struct Play<'a, W> {
    cloud: &'a Stack,
    out: &'a mut W,
    pause: Duration,
    steps: usize,
}

impl<W: Write> Play<'_, W> {
    async fn accounts(&mut self) -> Result<(), Failed> {
        self.step("Your back office makes accounts for ann, bob and carol").await?;
        for person in ["ann", "bob", "carol"] {
            let account = json!({ "username": person, "password": seed::password(person) });
            self.invoke("login", json!({ "create_account": account })).await?;
        }
        self.print_line("made by invoking the login function, which takes an IAM permission")
    }

    async fn follow(&mut self) -> Result<(), Failed> {
        self.step("WeChat pushes \"ann follows shop\"").await?;
        let done = self.phone("ann", "follow", json!({ "app": "shop" })).await?;
        let push = &done["pushes"][0];
        promise(
            "the callback accepts it with a valid reply",
            push["status"] == 200 && push["reply_valid"] == true,
            push,
        )?;
        self.print_line(&format!(
            "encrypted XML, signed; callback verified, decrypted and stored it, and replied with the welcome message in {} ms",
            push["duration_ms"]
        ))?;
        self.cloud.idle().await?;
        let people = self.rows("mappings").await?;
        let ann = people.iter().find(|row| {
            text(row, "subject").starts_with("union#") && row["follows"]["BOOL"] == true
        });
        promise("ann is stored with her unionid", ann.is_some(), &json!(people.len()))?;
        self.print_line(
            "events fetched her profile from WeChat: stored with her unionid, as a follower",
        )
    }

    async fn login(&mut self) -> Result<(), Failed> {
        self.step("ann logs in to the mini program").await?;
        let session = self.log_in("ann").await?;
        promise(
            "she gets a session that knows her account and that she follows",
            session["bound"] == "ann" && session["follows"]["shop"] == true,
            &session,
        )?;
        self.print_line(&format!(
            "wx.login gave a code, the login function a session: {} for {} s, account {}, follows shop",
            session["token_type"].as_str().unwrap_or_default(),
            session["expires_in"],
            session["bound"].as_str().unwrap_or_default(),
        ))?;
        let held = json!({ "refresh_token": session["refresh_token"] });
        let next = self.cloud.api().post("/session/refresh", &held).await?;
        promise(
            "the refresh token gets her the next access token",
            next["access_token"].is_string() && next["refresh_token"] != held["refresh_token"],
            // Not the tokens themselves.
            &json!({ "error": next["error"] }),
        )?;
        self.print_line(
            "its refresh token gets the next one, without wx.login, and is replaced itself",
        )
    }

    async fn notify(&mut self) -> Result<(), Failed> {
        self.step("Your function invokes send: tell ann that her order shipped").await?;
        let sent = self.send("order-1-shipped", "ann").await?;
        promise(
            "it goes out as a template message",
            sent["outcome"] == "sent" && sent["channel"] == "template",
            &sent,
        )?;
        let screen = self.screen("ann").await?;
        let Some(card) = screen.last() else {
            return promise("it stands on ann's phone", false, &json!(screen));
        };
        promise("it stands on ann's phone", card["kind"] == "template", card)?;
        self.print_line("sent through the Official Account; on ann's phone it reads:")?;
        self.card(card)
    }

    async fn receipt(&mut self) -> Result<(), Failed> {
        self.step("WeChat pushes its receipt").await?;
        self.cloud.idle().await?;
        let status = self.status("order-1-shipped").await?;
        promise("the notification is delivered", status == "delivered", &json!(status))?;
        self.print_line("the notification stands as delivered")
    }

    async fn once(&mut self) -> Result<(), Failed> {
        self.step("Your function isn't sure and asks for the same notification again").await?;
        let before = self.screen("ann").await?.len();
        let again = self.send("order-1-shipped", "ann").await?;
        let after = self.screen("ann").await?.len();
        promise("ann has one message", before == after && again["outcome"] == "delivered", &again)?;
        self.print_line("answered from what was stored; ann still has one message")
    }

    async fn consent(&mut self) -> Result<(), Failed> {
        self.step("bob doesn't follow, but says yes to one subscription message").await?;
        self.log_in("bob").await?;
        let consent = json!({ "app": "shop-mini", "template_id": "order_shipped", "accept": true });
        self.phone("bob", "consent", consent).await?;
        self.cloud.idle().await?;
        let sent = self.send("order-2-shipped", "bob").await?;
        promise(
            "it goes out as a subscription message",
            sent["outcome"] == "sent" && sent["channel"] == "subscribe",
            &sent,
        )?;
        let screen = self.screen("bob").await?;
        let Some(card) = screen.last() else {
            return promise("it stands on bob's phone", false, &json!(screen));
        };
        self.print_line(&format!("template: {}", why(&sent, "template")))?;
        self.print_line("so it went through the mini program, and used up bob's consent:")?;
        self.card(card)?;
        let second = self.send("order-3-shipped", "bob").await?;
        promise("a second one needs a second consent", second["outcome"] == "no_consent", &second)?;
        self.print_line(&format!("a second one: {}", second["reason"].as_str().unwrap_or_default()))
    }

    async fn unreachable(&mut self) -> Result<(), Failed> {
        self.step("carol has done neither").await?;
        let told = self.send("order-4-shipped", "carol").await?;
        promise("carol can't be reached", told["outcome"] == "unreachable", &told)?;
        self.print_line(&format!("unreachable: {}", told["reason"].as_str().unwrap_or_default()))
    }

    /// A person takes their phone and does something.
    async fn phone(&self, person: &str, action: &str, with: Json) -> Result<Json, Failed> {
        let path = format!("/sandbox/people/{person}/{action}");
        Ok(self.cloud.sandbox().post(&path, &with).await?)
    }

    async fn screen(&self, person: &str) -> Result<Vec<Json>, Failed> {
        let path = format!("/sandbox/people/{person}/messages");
        let screen = self.cloud.sandbox().get(&path).await?;
        Ok(screen["messages"].as_array().cloned().unwrap_or_default())
    }

    async fn log_in(&self, person: &str) -> Result<Json, Failed> {
        let code = self.phone(person, "login", json!({ "app": "shop-mini" })).await?;
        let login =
            json!({ "code": code["code"], "username": person, "password": seed::password(person) });
        Ok(self.cloud.api().post("/login/shop-mini", &login).await?)
    }

    async fn send(&self, id: &str, account: &str) -> Result<Json, Failed> {
        let request = json!({
            "id": id,
            "to": { "account": account },
            "template": "order_shipped",
            "data": { "product": "Blue kettle", "time": "2026-11-20 15:04" },
        });
        let reports = self.invoke("send", request).await?;
        Ok(reports["notifications"][0].clone())
    }

    async fn invoke(&self, function: &str, event: Json) -> Result<Json, Failed> {
        Ok(self.cloud.invoke(&self.cloud.function(function), &event).await?)
    }

    async fn status(&self, id: &str) -> Result<String, Failed> {
        let rows = self.rows("notifications").await?;
        let row = rows.iter().find(|row| text(row, "id") == id);
        Ok(row.map(|row| text(row, "status").to_owned()).unwrap_or_default())
    }

    /// All rows of the table whose name ends so.
    async fn rows(&self, name: &str) -> Result<Vec<Json>, Failed> {
        let tables = self.cloud.call_service("DynamoDB_20120810.ListTables", &json!({})).await?;
        let names = tables["TableNames"].as_array().cloned().unwrap_or_default();
        let table = names
            .iter()
            .find(|table| table.as_str().is_some_and(|table| table.ends_with(&format!("-{name}"))));
        let scan = json!({ "TableName": table, "ConsistentRead": true });
        let rows = self.cloud.call_service("DynamoDB_20120810.Scan", &scan).await?;
        Ok(rows["Items"].as_array().cloned().unwrap_or_default())
    }

    async fn step(&mut self, title: &str) -> Result<(), Failed> {
        if self.steps > 0 {
            tokio::time::sleep(self.pause).await;
        }
        self.steps += 1;
        writeln!(self.out, "\n{}. {title}", self.steps)?;
        self.out.flush()?;
        Ok(())
    }

    fn print_line(&mut self, line: &str) -> Result<(), Failed> {
        writeln!(self.out, "   {line}")?;
        self.out.flush()?;
        Ok(())
    }

    /// A message as its reader sees it.
    fn card(&mut self, card: &Json) -> Result<(), Failed> {
        writeln!(self.out, "     | {}", card["title"].as_str().unwrap_or_default())?;
        for field in card["fields"].as_array().into_iter().flatten() {
            let part = |name: &str| field[name].as_str().unwrap_or_default();
            writeln!(self.out, "     | {}: {}", part("label"), part("value"))?;
        }
        if let Some(page) = card["jump"]["mini_program"]["page"].as_str() {
            writeln!(self.out, "     | > {page}")?;
        }
        Ok(())
    }
}

/// Why a channel was skipped.
fn why(report: &Json, channel: &str) -> String {
    let skipped = report["skipped"].as_array().into_iter().flatten();
    let mut reasons = skipped.filter(|passed| passed["channel"] == channel);
    reasons.next().and_then(|passed| passed["reason"].as_str()).unwrap_or_default().to_owned()
}

/// A string of an item in DynamoDB's own JSON.
fn text<'a>(row: &'a Json, name: &str) -> &'a str {
    row[name]["S"].as_str().unwrap_or_default()
}

fn promise(promise: &'static str, kept: bool, instead: &Json) -> Result<(), Failed> {
    if kept { Ok(()) } else { Err(Failed::Otherwise { promise, instead: instead.to_string() }) }
}
