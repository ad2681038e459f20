//! A browser that looks at the sandbox's page: Chromium, driven by chromedriver.
//!
//! Where they aren't installed, scenarios that need them are skipped and say so, unless
//! `BROWSER_TESTS` is `required`.

use crate::world::World;
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};
use shared::config::optional;
use std::io::{ErrorKind, Write as _};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// How long something may take to appear.
const TIMEOUT: Duration = Duration::from_secs(90);

/// What chromedriver says once it listens; a port follows.
const STARTED: &str = "started successfully on port ";

/// A browser's window. It is closed when this is dropped.
pub(crate) struct Browser {
    pub(crate) client: Client,
    _driver: Child,
    _group: Group,
}

/// The processes of a driver and its browser. They end when this is dropped: the browser
/// of a scenario that failed would stay otherwise.
struct Group(u32);

impl Drop for Group {
    fn drop(&mut self) {
        let group = format!("-{}", self.0);
        let _ = std::process::Command::new("kill").args(["-KILL", "--", &group]).status();
    }
}

impl Browser {
    /// Looks at the page of this world's sandbox; none if there is no browser.
    pub(crate) async fn open(world: &World) -> Option<Self> {
        Self::with(world, &["--window-size=1600,1100"]).await
    }

    /// Shows the page at the width of a phone.
    pub(crate) async fn on_a_telephone(world: &World) -> Option<Self> {
        let screen = json!({ "width": 390, "height": 844, "pixelRatio": 1.0 });
        Self::start(world, &[], json!({ "deviceMetrics": screen })).await
    }

    /// As [`Browser::open`], started with these arguments as well.
    pub(crate) async fn with(world: &World, more: &[&str]) -> Option<Self> {
        Self::start(world, more, json!({})).await
    }

    async fn start(world: &World, more: &[&str], emulation: Value) -> Option<Self> {
        let mut driver = Command::new("chromedriver");
        driver.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null());
        // A group of its own, which ends with it.
        driver.process_group(0);
        let mut driver = match driver.spawn() {
            Ok(driver) => driver,
            Err(error) if error.kind() == ErrorKind::NotFound => return skipped(),
            Err(error) => panic!("chromedriver: {error}"),
        };
        let group = Group(driver.id().unwrap());
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = loop {
            let line = lines.next_line().await.unwrap().expect("chromedriver ended");
            if let Some((_, port)) = line.split_once(STARTED) {
                break port.trim_end_matches('.').to_owned();
            }
        };
        // Keep reading: it blocks when its output is not read.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        // Tests run as root in containers, where Chromium's own sandbox can't.
        let mut arguments = vec![
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--lang=en-US",
            // What moves is measured where it is going to be.
            "--force-prefers-reduced-motion",
            "--hide-scrollbars",
        ];
        arguments.extend(more);
        let mut options =
            json!({ "args": arguments, "prefs": { "intl.accept_languages": "en-US" } });
        if emulation != json!({}) {
            options["mobileEmulation"] = emulation;
        }
        let mut capabilities = Capabilities::new();
        capabilities.insert("goog:chromeOptions".to_owned(), options);
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await;
        let client = match client {
            Ok(client) => client,
            Err(error) if error.to_string().contains("cannot find Chrome binary") => {
                return skipped();
            }
            Err(error) => panic!("chromedriver can't start a browser: {error}"),
        };
        client.goto(&format!("http://{}/", world.cloud.wechat())).await.unwrap();
        let browser = Self { client, _driver: driver, _group: group };
        browser.see("#phones .phone").await;
        Some(browser)
    }

    /// Waits until there is an element like this.
    pub(crate) async fn see(&self, css: &str) -> Element {
        self.until(css, async || self.client.find(Locator::Css(css)).await.ok()).await
    }

    /// Waits until the text of the first element like this has this in it.
    pub(crate) async fn read(&self, css: &str, text: &str) -> Element {
        let what = format!("{css} with {text:?}");
        self.until(&what, async || {
            let element = self.client.find(Locator::Css(css)).await.ok()?;
            element.text().await.ok()?.contains(text).then_some(element)
        })
        .await
    }

    /// Waits until no element is like this.
    pub(crate) async fn miss(&self, css: &str) {
        let none =
            async || self.client.find_all(Locator::Css(css)).await.ok()?.is_empty().then_some(());
        self.until(&format!("no {css}"), none).await;
    }

    /// Taps what is there, as soon as it can be.
    pub(crate) async fn tap(&self, css: &str) {
        self.until(css, async || {
            let element = self.client.find(Locator::Css(css)).await.ok()?;
            element.click().await.ok()
        })
        .await;
    }

    /// Taps the first element like this whose text has this in it.
    pub(crate) async fn tap_on(&self, css: &str, text: &str) {
        self.until(&format!("{css} with {text:?}"), async || {
            for element in self.client.find_all(Locator::Css(css)).await.ok()? {
                if element.text().await.ok()?.contains(text) {
                    return element.click().await.ok();
                }
            }
            None
        })
        .await;
    }

    /// Writes into a field.
    pub(crate) async fn write(&self, css: &str, text: &str) {
        let field = self.see(css).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Presses keys, wherever the focus is.
    pub(crate) async fn press(&self, keys: &str) {
        let focused = self.client.active_element().await.unwrap();
        focused.send_keys(keys).await.unwrap();
    }

    /// Sends a notification by the page's form.
    pub(crate) async fn notify(&self, name: &str) {
        self.see("#notify select").await.select_by_value(name).await.unwrap();
        self.tap("#notify-send").await;
    }

    /// What a script returns.
    pub(crate) async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// Left, top, right and bottom of an element.
    pub(crate) async fn edges(&self, css: &str) -> [f64; 4] {
        let (x, y, width, height) = self.see(css).await.rectangle().await.unwrap();
        [x, y, x + width, y + height]
    }

    async fn until<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let waiting = async {
            loop {
                if let Some(seen) = look().await {
                    return seen;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        match tokio::time::timeout(TIMEOUT, waiting).await {
            Ok(seen) => seen,
            Err(_) => {
                let text: Result<Value, CmdError> =
                    self.client.execute("return document.body.innerText", Vec::new()).await;
                panic!(
                    "never seen: {what}\n{}",
                    text.unwrap_or_default().as_str().unwrap_or_default()
                )
            }
        }
    }

    /// Closes the window; a scenario that fails leaves that to the driver's end.
    pub(crate) async fn close(self) {
        self.client.close().await.unwrap();
    }
}

/// Says that there is no browser, if that may be.
fn skipped() -> Option<Browser> {
    assert!(
        optional("BROWSER_TESTS").is_none_or(|it| it != "required"),
        "there is no browser: install chromium and chromium-driver"
    );
    // The test harness would keep to itself what is printed.
    let line = "skipped, as chromium and chromium-driver are not installed\n";
    let _ = std::io::stderr().write_all(line.as_bytes());
    None
}
