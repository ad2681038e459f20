//! Logins of synthetic people.

use bench::Failure;
use bench::stack::{self, BenchStack, LOGINS_PER_MINUTE};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

const PASSWORD: &str = "a password";

/// Whether a login has a password beside the code.
#[derive(Clone, Copy)]
pub(crate) enum LoginKind {
    Code,
    /// With the account that bears the person's name.
    CodeAndPassword,
}

pub(crate) struct Logins {
    pub(crate) stack: BenchStack,
    /// How many people were created.
    people: usize,
}

impl Logins {
    /// A stack in which ann has an account and has logged in: the function is warm, and
    /// the keys exist.
    pub(crate) async fn start(binaries: &Path) -> Result<Self, Failure> {
        let configure =
            |options: &mut local_aws::Options| options.parameters = stack::unthrottled();
        let logins = Self { stack: BenchStack::start(binaries, configure).await?, people: 0 };
        logins.create_account("ann").await?;
        logins.log_in(&logins.prepare("ann", LoginKind::CodeAndPassword).await?).await?;
        logins.stack.cloud.idle().await?;
        Ok(logins)
    }

    async fn create_account(&self, name: &str) -> Result<(), Failure> {
        let create = json!({ "create_account": { "username": name, "password": PASSWORD } });
        self.stack.invoke("login", &create).await.map(drop)
    }

    /// The request of a login, with a new code.
    pub(crate) async fn prepare(&self, name: &str, kind: LoginKind) -> Result<Value, Failure> {
        let path = format!("people/{name}/login");
        let code = self.stack.control(&path, &json!({ "app": "shop-mini" })).await?;
        Ok(match kind {
            LoginKind::Code => json!({ "code": code["code"] }),
            LoginKind::CodeAndPassword => {
                json!({ "code": code["code"], "username": name, "password": PASSWORD })
            }
        })
    }

    /// The requests of this many logins, of as many new people as WeChat requires for
    /// them.
    pub(crate) async fn prepare_many(
        &mut self,
        count: usize,
        kind: LoginKind,
    ) -> Result<Vec<Value>, Failure> {
        let mut logins = Vec::new();
        while logins.len() < count {
            self.people += 1;
            let name = format!("p{}", self.people);
            self.stack.control("people", &json!({ "name": name })).await?;
            if matches!(kind, LoginKind::CodeAndPassword) {
                self.create_account(&name).await?;
            }
            for _ in 0..LOGINS_PER_MINUTE.min(count - logins.len()) {
                logins.push(self.prepare(&name, kind).await?);
            }
        }
        Ok(logins)
    }

    /// Logs in.
    pub(crate) async fn log_in(&self, login: &Value) -> Result<(), Failure> {
        self.stack.post("/login/shop-mini", login).await.map(drop)
    }

    /// Fetches a constant page from the same function.
    pub(crate) async fn fetch_constant_page(&self) -> Result<(), Failure> {
        self.stack.get("/.well-known/openid-configuration").await.map(drop)
    }

    /// How long a `login` of ann's takes, or a request for the `keys`.
    pub(crate) async fn time(&self, call: &str) -> Result<Duration, Failure> {
        let login = self.prepare("ann", LoginKind::Code).await?;
        let begun = Instant::now();
        match call {
            "login" => self.log_in(&login).await?,
            _ => self.stack.get("/.well-known/jwks.json").await.map(drop)?,
        }
        Ok(begun.elapsed())
    }

    /// Kills the function's process, so that the next call starts a new one.
    pub(crate) async fn kill(&self) -> Result<(), Failure> {
        self.stack.cloud.kill(&self.stack.function("login")).await?;
        Ok(())
    }
}
