//! Calls of WeChat's API: what a foreign client asks the sandbox, and what we ask it
//! for the same purpose, mean the same.
//!
//! The sandbox is a process of its own, as `cargo run --package wechat-sandbox` starts it. It
//! checks what it is sent; its record of calls is what is compared.

mod difference;
mod ours;

use crate::peer::{Peer, PeerError};
use crate::sandbox::{ANN, App, SHOP, SHOP_MINI, Sandbox, SandboxError};
use difference::named;
use ours::Ours;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt;

/// What each message says, with what JSON and Chinese make difficult.
const TEXT: &str = "鸿雁 🦢 \"quoted\" & <b> \\";
const PAGE: &str = "pages/order/index?id=17&from=雁";
const URL: &str = "https://shop.example/orders?id=17&from=%E9%9B%81";
const FIELDS: [(&str, &str); 2] = [("thing1", "蓝色水壶 & \"lid\""), ("time2", "2026-11-20 15:04")];

/// What a client is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// An access token.
    Token,
    /// The list of followers.
    Followers,
    /// Who a follower is.
    Profile,
    /// Who a mini program's user is.
    Login,
    /// A template message, which opens a mini program.
    Template,
    /// A template message, which opens a web page.
    PageTemplate,
    /// A subscription message.
    Subscribe,
    /// A text of an Official Account's customer service.
    AccountText,
    /// A text of a mini program's customer service.
    ProgramText,
}

/// What there is to ask for.
pub const ALL: [Purpose; 9] = [
    Purpose::Token,
    Purpose::Followers,
    Purpose::Profile,
    Purpose::Login,
    Purpose::Template,
    Purpose::PageTemplate,
    Purpose::Subscribe,
    Purpose::AccountText,
    Purpose::ProgramText,
];
/// What there is to ask a client for that is for mini programs.
pub const OF_PROGRAMS: [Purpose; 4] =
    [Purpose::Token, Purpose::Login, Purpose::Subscribe, Purpose::ProgramText];

/// How much was compared with one peer, all of it without a fault.
#[derive(Debug)]
pub struct Checked {
    purposes: Vec<Purpose>,
    named: usize,
}

/// Something failed for one purpose.
#[derive(Debug, thiserror::Error)]
#[error("{purpose}: {problem}")]
pub struct Failed {
    purpose: Purpose,
    problem: Problem,
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("it complained: {0}")]
    Peer(#[from] PeerError),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error("our own client failed: {0}")]
    Ours(String),
    #[error("{whose} was refused: {call}")]
    Refused { whose: &'static str, call: Value },
    #[error("{whose} was one call, and not {}", .found.len())]
    Calls { whose: &'static str, found: Vec<Value> },
    #[error("it understood {found}, and not {expected}")]
    Misread { expected: Value, found: Value },
    #[error("nothing new is on the phone")]
    NotShown,
    #[error("the requests differ otherwise than in what is named:\n{0}")]
    Differ(String),
}

/// What the peer has understood of an answer. What it doesn't tell is null.
#[derive(Debug, Default, Deserialize)]
struct Understood {
    token: Option<String>,
    open_ids: Option<Vec<String>>,
    open_id: Option<String>,
    union_id: Option<String>,
    message_id: Option<String>,
}

/// Lets `peer` and us call the sandbox for each of these purposes, and compares the
/// calls.
///
/// # Errors
///
/// At the first purpose for which one is refused or misread, or for which the calls
/// differ in something that isn't [`named`].
pub async fn check(
    peer: &mut Peer,
    sandbox: &Sandbox,
    purposes: &[Purpose],
) -> Result<Checked, Failed> {
    let ours = Ours::new(sandbox);
    let mut checked = Checked { purposes: purposes.to_vec(), named: 0 };
    for &purpose in purposes {
        let mut side = Side { peer: &mut *peer, sandbox, ours: &ours, purpose };
        let named = side.compare().await.map_err(|problem| Failed { purpose, problem })?;
        checked.named += named;
    }
    Ok(checked)
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let purposes: Vec<_> = self.purposes.iter().map(ToString::to_string).collect();
        write!(f, "calls the sandbox without a complaint for {}", purposes.join(", "))?;
        match self.named {
            0 => write!(f, ", just as we do"),
            named => write!(f, ", as we do but for what is named ({named} places)"),
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token => "a token",
            Self::Followers => "the list of followers",
            Self::Profile => "a profile",
            Self::Login => "a login",
            Self::Template => "a template message",
            Self::PageTemplate => "one without a mini program",
            Self::Subscribe => "a subscription message",
            Self::AccountText => "an account's text",
            Self::ProgramText => "a mini program's text",
        })
    }
}

impl Purpose {
    /// Which app asks. The token is asked for where all clients have one.
    fn app(self) -> App {
        match self {
            Self::Followers
            | Self::Profile
            | Self::Template
            | Self::PageTemplate
            | Self::AccountText => SHOP,
            Self::Token | Self::Login | Self::Subscribe | Self::ProgramText => SHOP_MINI,
        }
    }

    /// What the peer's script calls it.
    fn work(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Followers => "followers",
            Self::Profile => "profile",
            Self::Login => "login",
            Self::Template | Self::PageTemplate => "template",
            Self::Subscribe => "subscribe",
            Self::AccountText | Self::ProgramText => "customer_service",
        }
    }

    /// The mini program that a template message opens, for the peer's script.
    fn program(self) -> Option<Value> {
        (self == Self::Template).then(|| json!({ "app_id": SHOP_MINI.app_id, "page": PAGE }))
    }

    /// Whether it ends on somebody's phone.
    fn is_message(self) -> bool {
        matches!(
            self,
            Self::Template
                | Self::PageTemplate
                | Self::Subscribe
                | Self::AccountText
                | Self::ProgramText
        )
    }

    fn template_id(self) -> &'static str {
        match self {
            Self::Subscribe => "SandboxTemplateOfMini-order-shipped-0000001",
            _ => "SandboxTemplateOfShop-order-shipped-0000001",
        }
    }
}

/// The peer, and us, for one purpose.
struct Side<'p> {
    peer: &'p mut Peer,
    sandbox: &'p Sandbox,
    ours: &'p Ours,
    purpose: Purpose,
}

impl Side<'_> {
    /// Gives how many differences there are, all of them named.
    async fn compare(&mut self) -> Result<usize, Problem> {
        let theirs = self.theirs().await?;
        let ours = self.our_own().await?;
        let found = difference::between(&theirs, &ours);
        let named = named(self.peer.short_name(), self.purpose);
        difference::explain(&found, &named).map_err(Problem::Differ)?;
        Ok(found.len())
    }

    /// The peer's request.
    async fn theirs(&mut self) -> Result<Value, Problem> {
        let code = self.prepare().await?;
        let shown = self.sandbox.shown(ANN).await?;
        let app = self.purpose.app();
        let request = json!({
            "app": {
                "kind": app.kind, "app_id": app.app_id, "secret": app.secret,
                "base": self.sandbox.base(),
            },
            "open_id": self.sandbox.open_id(ANN, app.alias).await?,
            "code": code,
            "template_id": self.purpose.template_id(),
            "fields": FIELDS.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
            "url": URL,
            "page": PAGE,
            "program": self.purpose.program(),
            "text": TEXT,
        });
        let understood: Understood = self.peer.request(self.purpose.work(), request)?;
        let call = self.only_call("theirs").await?;
        if self.purpose.is_message() && self.sandbox.shown(ANN).await? != shown + 1 {
            return Err(Problem::NotShown);
        }
        self.check_understood(&understood, &call).await?;
        Ok(request_of(&call))
    }

    /// Our own request.
    async fn our_own(&mut self) -> Result<Value, Problem> {
        let code = self.prepare().await?;
        let app = self.purpose.app();
        let open_id = self.sandbox.open_id(ANN, app.alias).await?;
        let done = self.ours.call(self.purpose, app, &open_id, &code).await;
        done.map_err(|error| Problem::Ours(error.to_string()))?;
        Ok(request_of(&self.only_call("ours").await?))
    }

    /// Lets ann do what has to be done before; gives a login code. Then nothing was
    /// called yet.
    async fn prepare(&self) -> Result<String, Problem> {
        let (sandbox, app) = (self.sandbox, self.purpose.app().alias);
        sandbox.act(ANN, "follow", json!({ "app": SHOP.alias })).await?;
        sandbox.act(ANN, "message", json!({ "app": app, "text": "Hello?" })).await?;
        let template_id = Purpose::Subscribe.template_id();
        let consent = json!({ "app": SHOP_MINI.alias, "template_id": template_id, "accept": true });
        sandbox.act(ANN, "consent", consent).await?;
        let login = sandbox.act(ANN, "login", json!({ "app": SHOP_MINI.alias })).await?;
        sandbox.forget_calls().await?;
        Ok(login["code"].as_str().unwrap_or_default().to_owned())
    }

    /// The only call since then that this is about; a client without a token gets one
    /// first.
    async fn only_call(&self, whose: &'static str) -> Result<Value, Problem> {
        let mut calls = self.sandbox.calls().await?;
        let tokens = ["/cgi-bin/token", "/cgi-bin/stable_token"];
        let is_token = |call: &Value| tokens.iter().any(|path| call["path"] == *path);
        calls.retain(|call| self.purpose == Purpose::Token || !is_token(call));
        let Ok([call]) = <[Value; 1]>::try_from(calls.clone()) else {
            return Err(Problem::Calls { whose, found: calls });
        };
        let refused = call["answer"]["errcode"].as_i64().unwrap_or_default() != 0;
        if refused || call["status"] != 200 {
            return Err(Problem::Refused { whose, call });
        }
        Ok(call)
    }

    /// Whether the peer has read the answer as it is: as far as it tells.
    async fn check_understood(&self, it: &Understood, call: &Value) -> Result<(), Problem> {
        let same = |expected: Value, found: Value| {
            if expected == found { Ok(()) } else { Err(Problem::Misread { expected, found }) }
        };
        let open_id = self.sandbox.open_id(ANN, self.purpose.app().alias).await?;
        match self.purpose {
            Purpose::Token => {
                let long = it.token.as_ref().is_some_and(|token| token.len() > 100);
                same(json!(true), json!(long))
            }
            Purpose::Followers => same(json!([open_id]), json!(it.open_ids)),
            Purpose::Profile | Purpose::Login => {
                let union_id = self.sandbox.union_id(ANN).await?;
                same(json!([open_id, union_id]), json!([it.open_id, it.union_id]))
            }
            Purpose::Template | Purpose::PageTemplate | Purpose::Subscribe => {
                match &it.message_id {
                    // 19 digits have no room in a double.
                    Some(id) => same(json!(call["answer"]["msgid"].to_string()), json!(id)),
                    None => Ok(()),
                }
            }
            Purpose::AccountText | Purpose::ProgramText => Ok(()),
        }
    }
}

/// What of a recorded call is its caller's. Secrets are hidden in it.
fn request_of(call: &Value) -> Value {
    json!({
        "method": call["method"], "path": call["path"],
        "query": call["query"], "body": call["body"],
    })
}
