//! A cloud with the release binaries, a WeChat, and people who log in.

use hongyan_local::Stack;
use local_aws::Options;
use local_aws::services::{Fault, FaultHandle};
use serde_json::{Value, json};
use shared::http::HttpClient;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/aws/template.yaml");
/// The calls of DynamoDB that a function makes, but for the look at its tables
/// when it starts.
const OPERATIONS: [&str; 6] =
    ["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "TransactWriteItems"];
/// WeChat lets a user log in 100 times a minute.
const A_MINUTE: usize = 100;
const PASSWORD: &str = "a password";

/// With which account somebody logs in.
#[derive(Clone, Copy)]
pub(crate) enum Account {
    None,
    /// The one that bears their name.
    Own,
}

pub(crate) struct World {
    cloud: Stack,
    client: reqwest::Client,
    /// So many people have joined.
    people: usize,
}

/// Counts calls from here on.
pub(crate) struct Counted {
    dynamodb: Vec<FaultHandle>,
    /// Calls that WeChat had had before.
    wechat: usize,
}

impl Counted {
    /// So many of DynamoDB and of WeChat.
    pub(crate) async fn calls(self, world: &World) -> Result<(u64, usize), Box<dyn Error>> {
        self.dynamodb.iter().for_each(FaultHandle::cancel);
        let dynamodb = self.dynamodb.iter().map(FaultHandle::fired).sum();
        Ok((dynamodb, world.calls().await? - self.wechat))
    }
}

/// Limits that nobody reaches: the door is not what is measured.
fn unlimited() -> BTreeMap<String, String> {
    let limits = ["LoginRate", "LoginBurst", "DefaultRate", "DefaultBurst"];
    limits.map(|name| (name.to_owned(), "9999".to_owned())).into()
}

impl World {
    /// A world in which ann has an account and has logged in: the function is warm,
    /// and the keys are made.
    pub(crate) async fn start(binaries: &Path) -> Result<Self, Box<dyn Error>> {
        let mut options = Options::new(TEMPLATE);
        options.parameters = unlimited();
        options.binaries = binaries.into();
        options.environments = 1;
        let cloud = Stack::start(options).await?;
        let world = Self { cloud, client: HttpClient::new().client(), people: 0 };
        world.account("ann").await?;
        world.log_in(&world.login("ann", Account::Own).await?).await?;
        world.cloud.idle().await?;
        Ok(world)
    }

    async fn account(&self, name: &str) -> Result<(), Box<dyn Error>> {
        let create = json!({ "create_account": { "username": name, "password": PASSWORD } });
        self.cloud.invoke(&self.cloud.function("login"), &create).await?;
        Ok(())
    }

    /// A login of somebody's, with a new code.
    pub(crate) async fn login(
        &self,
        name: &str,
        account: Account,
    ) -> Result<Value, Box<dyn Error>> {
        let path = format!("people/{name}/login");
        let done = self.sandbox(&path, &json!({ "app": "shop-mini" })).await?;
        Ok(match account {
            Account::None => json!({ "code": done["code"] }),
            Account::Own => {
                json!({ "code": done["code"], "username": name, "password": PASSWORD })
            }
        })
    }

    /// Logins of as many new people as WeChat wants for so many.
    pub(crate) async fn logins(
        &mut self,
        count: usize,
        account: Account,
    ) -> Result<Vec<Value>, Box<dyn Error>> {
        let mut logins = Vec::new();
        while logins.len() < count {
            self.people += 1;
            let name = format!("p{}", self.people);
            self.sandbox("people", &json!({ "name": name })).await?;
            if matches!(account, Account::Own) {
                self.account(&name).await?;
            }
            for _ in 0..A_MINUTE.min(count - logins.len()) {
                logins.push(self.login(&name, account).await?);
            }
        }
        Ok(logins)
    }

    /// Logs in, and reads the answer to its end.
    pub(crate) async fn log_in(&self, login: &Value) -> Result<(), Box<dyn Error>> {
        let url = format!("http://{}/login/shop-mini", self.cloud.http());
        let answer = self.client.post(url).json(login).send().await?.error_for_status()?;
        answer.bytes().await?;
        Ok(())
    }

    /// Asks the same function for a page that is always the same.
    pub(crate) async fn do_nothing(&self) -> Result<(), Box<dyn Error>> {
        self.get("openid-configuration").await
    }

    async fn get(&self, page: &str) -> Result<(), Box<dyn Error>> {
        let url = format!("http://{}/.well-known/{page}", self.cloud.http());
        self.client.get(url).send().await?.error_for_status()?.bytes().await?;
        Ok(())
    }

    /// How long a login of ann's takes, or a look at the keys.
    pub(crate) async fn timed(&self, what: &str) -> Result<Duration, Box<dyn Error>> {
        let login = self.login("ann", Account::None).await?;
        let begun = Instant::now();
        match what {
            "login" => self.log_in(&login).await?,
            _ => self.get("jwks.json").await?,
        }
        Ok(begun.elapsed())
    }

    /// The next call of the function starts a process.
    pub(crate) async fn end_processes(&self) -> Result<(), Box<dyn Error>> {
        self.cloud.kill(&self.cloud.function("login")).await?;
        Ok(())
    }

    /// What the sandbox answers under a path.
    async fn sandbox(&self, path: &str, body: &Value) -> Result<Value, Box<dyn Error>> {
        let url = format!("http://{}/sandbox/{path}", self.cloud.wechat());
        Ok(self.client.post(url).json(body).send().await?.error_for_status()?.json().await?)
    }

    /// How many calls WeChat has had.
    async fn calls(&self) -> Result<usize, Box<dyn Error>> {
        let url = format!("http://{}/sandbox/calls", self.cloud.wechat());
        let calls = self.client.get(url).send().await?.error_for_status()?;
        let calls: Value = calls.json().await?;
        Ok(calls["calls"].as_array().map_or(0, Vec::len))
    }

    /// Counts the calls that the login function makes from now on.
    pub(crate) async fn count(&self) -> Result<Counted, Box<dyn Error>> {
        let login = self.cloud.function("login");
        let order = |operation: &str| {
            // A fault that hardly is one counts whom it befalls.
            let fault = Fault::of("dynamodb", operation).by(login.clone());
            self.cloud.aws.faults.inject(fault.delay(Duration::from_millis(1)))
        };
        let dynamodb = OPERATIONS.into_iter().map(order).collect::<Result<_, _>>()?;
        Ok(Counted { dynamodb, wechat: self.calls().await? })
    }

    pub(crate) async fn stop(self) {
        self.cloud.stop().await;
    }
}
