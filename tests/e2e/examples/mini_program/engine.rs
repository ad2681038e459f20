//! A phone that runs the mini program: its very files, in an engine for JavaScript.

use crate::phone::Phone;
use crate::world::World;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use reqwest::Method;
use rquickjs::{CatchResultExt as _, Context, Ctx, Function, Runtime};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// What the mini program asks of its phone: a number to answer by, what, and with what.
type Ask = (u32, String, Value);

/// What stays on a phone when the mini program is closed.
pub(super) type Storage = Rc<RefCell<BTreeMap<String, String>>>;

/// The mini program on somebody's phone.
pub(super) struct MiniProgram<'w> {
    person: Phone<'w>,
    runtime: Runtime,
    context: Context,
    asked: Rc<RefCell<VecDeque<Ask>>>,
    pub(super) storage: Storage,
    /// Requests so far: the method, the path, and the status that came back.
    pub(super) requests: RefCell<Vec<(String, u16)>>,
    /// What was written to the console as an error.
    pub(super) complaints: Rc<RefCell<Vec<String>>>,
    /// What the person answers when a page requests consent: `accept`, `reject`, `ban`, or a
    /// number that `wx` fails with.
    pub(super) answer: Cell<&'static str>,
    /// How many responses get lost.
    pub(super) lost: Cell<u32>,
}

impl<'w> MiniProgram<'w> {
    /// Starts the mini program, with these addresses in its `config.js`.
    pub(super) fn launch(world: &'w World, person: &'static str, storage: Storage) -> Self {
        let runtime = Runtime::new().unwrap();
        let program = Self {
            person: world.phone(person),
            context: Context::full(&runtime).unwrap(),
            runtime,
            asked: Rc::default(),
            storage,
            requests: RefCell::default(),
            complaints: Rc::default(),
            answer: Cell::new("accept"),
            lost: Cell::new(0),
        };
        let config = World::example("mini-program/config.js")
            .replace("http://127.0.0.1:8080", &world.url(""))
            .replace("http://127.0.0.1:8081", &world.url_of("protected-api", ""));
        program.context.with(|context| program.give(&context, config));
        program.run(include_str!("wx.js"));
        program.run("launch()");
        program
    }

    /// Gives the program's side what only the host can do.
    fn give(&self, context: &Ctx<'_>, config: String) {
        let text = move |path: String| match path.as_str() {
            "config.js" => config.clone(),
            path => World::example(&format!("mini-program/{path}")),
        };
        let asked = self.asked.clone();
        let ask = move |id: u32, kind: String, given: String| {
            asked.borrow_mut().push_back((id, kind, serde_json::from_str(&given).unwrap()));
        };
        let (read, write, remove) =
            (self.storage.clone(), self.storage.clone(), self.storage.clone());
        let stored = move |key: String| read.borrow().get(&key).cloned();
        let store = move |key: String, value: String| drop(write.borrow_mut().insert(key, value));
        let remove = move |key: String| drop(remove.borrow_mut().remove(&key));
        let complaints = self.complaints.clone();
        let complain = move |what: String| complaints.borrow_mut().push(what);
        let globals = context.globals();
        globals.set("text", Function::new(context.clone(), text)).unwrap();
        globals.set("ask", Function::new(context.clone(), ask)).unwrap();
        globals.set("stored", Function::new(context.clone(), stored)).unwrap();
        globals.set("store", Function::new(context.clone(), store)).unwrap();
        globals.set("remove", Function::new(context.clone(), remove)).unwrap();
        globals.set("complain", Function::new(context.clone(), complain)).unwrap();
    }

    /// Runs a script, as far as it gets without an answer.
    fn run(&self, script: &str) {
        self.context.with(|context| {
            let done = context.eval::<(), _>(script).catch(&context);
            done.unwrap_or_else(|error| panic!("{script}: {error}"));
        });
    }

    /// What an expression is, as JSON.
    pub(super) fn value(&self, expression: &str) -> Value {
        let text = self.context.with(|context| {
            let text = context.eval::<String, _>(format!("JSON.stringify({expression})"));
            text.catch(&context).unwrap_or_else(|error| panic!("{expression}: {error}"))
        });
        serde_json::from_str(&text).unwrap()
    }

    /// The result of a promise: its value, or the message of its error.
    pub(super) async fn promised(&self, expression: &str) -> Result<Value, String> {
        self.run(&format!(
            "var outcome; ({expression}).then((value) => {{ outcome = {{ value }}; }}, (error) => {{ outcome = {{ error: `${{error}}` }}; }})"
        ));
        self.drain().await;
        let outcome = self.value("outcome || 'it is never settled'");
        match outcome["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None if outcome.is_object() => Ok(outcome["value"].clone()),
            None => panic!("{expression}: {outcome}"),
        }
    }

    /// Lets time pass for this phone.
    pub(super) fn pass(&self, seconds: u32) {
        self.run(&format!("later({seconds})"));
    }

    /// Opens a page, and waits until it has loaded.
    pub(super) async fn open(&self, page: &str) {
        self.promised(&format!("open('{page}')")).await.unwrap();
    }

    /// Answers whatever is asked, several at once as a phone does, until nothing is.
    async fn drain(&self) {
        let mut under_way = FuturesUnordered::new();
        loop {
            while self.runtime.is_job_pending() {
                self.runtime.execute_pending_job().unwrap_or_else(|_| panic!("a job has failed"));
            }
            while let Some((id, kind, given)) = self.asked.borrow_mut().pop_front() {
                under_way.push(async move { (id, self.answer(&kind, given).await) });
            }
            let Some((id, answer)) = under_way.next().await else { return };
            let (ok, value) = match answer {
                Ok(value) => (true, value),
                Err(value) => (false, value),
            };
            let text = Value::String(value.to_string());
            self.run(&format!("answered({id}, {ok}, {text})"));
        }
    }

    async fn answer(&self, kind: &str, given: Value) -> Result<Value, Value> {
        match kind {
            "login" => Ok(json!({ "code": self.person.code("shop-mini").await })),
            "request" => self.request(&given).await,
            "consent" => self.consent(&given["templates"]).await,
            other => panic!("wx.{other}?"),
        }
    }

    async fn request(&self, given: &Value) -> Result<Value, Value> {
        let method: Method = given["method"].as_str().unwrap().parse().unwrap();
        let url = reqwest::Url::parse(given["url"].as_str().unwrap()).unwrap();
        let named = format!("{method} {}", url.path());
        let mut request = self.person.world.client.request(method, url);
        for (name, value) in given["header"].as_object().unwrap() {
            request = request.header(name, value.as_str().unwrap());
        }
        if !given["data"].is_null() {
            request = request.body(given["data"].to_string());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        self.requests.borrow_mut().push((named, status));
        if self.lost.get() > 0 {
            self.lost.set(self.lost.get() - 1);
            return Err(json!({ "errMsg": "request:fail timeout" }));
        }
        // As wx.request does: what isn't JSON stays a text.
        let data = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(json!({ "statusCode": status, "data": data, "errMsg": "request:ok" }))
    }

    async fn consent(&self, templates: &Value) -> Result<Value, Value> {
        let answer = self.answer.get();
        if let Ok(code) = answer.parse::<u32>() {
            return Err(json!({ "errCode": code, "errMsg": "requestSubscribeMessage:fail" }));
        }
        let mut answers = json!({ "errMsg": "requestSubscribeMessage:ok" });
        for template in templates.as_array().unwrap() {
            let id = template.as_str().unwrap();
            if answer != "ban" {
                self.person.consent("shop-mini", id, answer == "accept").await;
            }
            answers[id] = json!(answer);
        }
        Ok(answers)
    }

    /// How often something was requested, and answered with this status.
    pub(super) fn requested(&self, what: &str, status: u16) -> usize {
        let wanted = (what.to_owned(), status);
        self.requests.borrow().iter().filter(|request| **request == wanted).count()
    }
}
