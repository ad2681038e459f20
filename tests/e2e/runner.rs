//! The program behind `make run`, on a developer's machine: no web page gets in by any of its
//! ports, its files are private, and what it acknowledged survives `kill -9`.

use crate::binaries;
use local_aws::HttpClient;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

const EVIL: &str = "evil.example";

/// The running program. Dropping it is `kill -9`.
struct Runner {
    process: Child,
    /// The URLs that it printed, by the first word of their line.
    urls: BTreeMap<String, String>,
    client: Client,
}

impl Runner {
    async fn start(data: &Path, more: &[&str]) -> Self {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut process = Command::new(binaries::runner())
            .args(["run", "--http-port", "0", "--aws-port", "0", "--wechat-port", "0", "--data"])
            .arg(data)
            .args(more)
            .current_dir(repository)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut urls = BTreeMap::new();
        loop {
            let line = lines.next_line().await.unwrap().expect("the program runs");
            if line.starts_with("Ctrl-C") {
                break;
            }
            if let Some(url) = line.split_whitespace().find(|word| word.starts_with("http://")) {
                let name = line.split_whitespace().next().unwrap_or_default();
                urls.entry(name.to_owned()).or_insert_with(|| url.to_owned());
            }
        }
        let client = HttpClient::new(String::new()).unwrap().client().clone();
        Self { process, urls, client }
    }

    async fn kill(mut self) {
        self.process.kill().await.unwrap();
    }

    /// The ports that the program and those that it started listen on.
    fn ports(&self) -> BTreeSet<u16> {
        let listening = ["tcp", "tcp6"]
            .map(|table| fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default());
        // Fields: number, address:port in hex, peer, state (0A listens), …, inode as the tenth.
        let rows = listening.iter().flat_map(|table| table.lines().skip(1)).filter_map(|row| {
            let fields: Vec<_> = row.split_whitespace().collect();
            let port = fields[1].rsplit(':').next().unwrap();
            (fields[3] == "0A")
                .then(|| (fields[9].to_owned(), u16::from_str_radix(port, 16).unwrap()))
        });
        let by_socket: BTreeMap<String, u16> = rows.collect();
        let sockets = self.processes().into_iter().flat_map(|process| {
            let open = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten();
            open.flatten().filter_map(|it| fs::read_link(it.path()).ok()).collect::<Vec<PathBuf>>()
        });
        sockets
            .filter_map(|target| {
                let socket =
                    target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned();
                by_socket.get(&socket).copied()
            })
            .collect()
    }

    /// The program and its descendants.
    fn processes(&self) -> BTreeSet<u32> {
        let mut found = BTreeSet::from([self.process.id().unwrap()]);
        let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|folder| {
                let process = folder.file_name().to_str()?.parse().ok()?;
                let status = fs::read_to_string(folder.path().join("status")).ok()?;
                let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
                Some((process, parent.trim().parse().ok()?))
            })
            .collect();
        loop {
            let known = found.len();
            found.extend(
                parents
                    .iter()
                    .filter(|it| found.contains(&it.1))
                    .map(|it| it.0)
                    .collect::<Vec<_>>(),
            );
            if found.len() == known {
                return found;
            }
        }
    }

    async fn post(&self, url: String, body: &Value) -> Value {
        let request = self.client.post(url).header("authorization", "any").body(body.to_string());
        request.send().await.unwrap().json().await.unwrap()
    }

    async fn send(&self, id: &str) -> Value {
        let url =
            format!("{}/2015-03-31/functions/hongyan-local-send/invocations", self.urls["AWS"]);
        let data = json!({ "product": "Blue kettle", "time": "2026-11-20 15:04" });
        let to = json!({ "account": "ann" });
        self.post(url, &json!({ "id": id, "to": to, "template": "order_shipped", "data": data }))
            .await
    }
}

/// How every port answers a request of this kind: none may do what a page asks.
async fn refused(runner: &Runner, port: u16, method: Method, path: &str, header: (&str, String)) {
    let request = runner.client.request(method.clone(), format!("http://127.0.0.1:{port}{path}"));
    let request = request
        .header(header.0, &header.1)
        .header("authorization", "AWS4-HMAC-SHA256 Credential=any")
        .header("access-control-request-method", "POST")
        .header("x-amz-target", "DynamoDB_20120810.ListTables")
        .header("content-type", "application/x-amz-json-1.0")
        .body(if method == Method::GET { "" } else { "{}" });
    let answer = request.send().await.unwrap();
    let asked = format!("{method} {path} of port {port} with {header:?}: {answer:?}");
    assert_eq!(answer.status(), 403, "{asked}");
    assert!(answer.headers().get("access-control-allow-origin").is_none(), "{asked}");
}

/// Faults 101, 102.
#[tokio::test]
async fn no_web_page_gets_in_and_files_are_private() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    // A folder that other users can read, and a file of a version that left it readable.
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(data.join("dynamodb.db"), "").unwrap();
    let runner = Runner::start(&data, &["--host-name", "stack.test"]).await;
    assert_eq!(runner.send("order-1").await["notifications"][0]["outcome"], "sent");

    let ports = runner.ports();
    // The HTTP API, AWS, the sandbox, and the Runtime API of the functions.
    assert_eq!(ports.len(), 4, "{ports:?}");
    let printed = ["HTTP", "AWS", "WeChat"]
        .map(|name| runner.urls[name].rsplit(':').next().unwrap().parse().unwrap());
    assert!(printed.iter().all(|port| ports.contains(port)), "{printed:?} in {ports:?}");
    for port in ports {
        for method in [Method::GET, Method::POST, Method::OPTIONS, Method::DELETE] {
            for path in [
                "/",
                "/sandbox/people/ann/unfollow",
                "/cgi-bin/token",
                "/_local/faults",
                "/callback/shop",
                "/2015-03-31/functions/hongyan-local-send/invocations",
                "/hongyan-local-send/1/2018-06-01/runtime/invocation/next",
            ] {
                let headers = [
                    ("host", EVIL.to_owned()),
                    ("host", format!("127.0.0.1.{EVIL}:{port}")),
                    ("origin", format!("https://{EVIL}")),
                    ("origin", "null".to_owned()),
                ];
                for header in headers {
                    refused(&runner, port, method.clone(), path, header).await;
                }
            }
        }
    }
    // The name that the program was told of, and the page of the phones itself.
    for (name, status) in [("WeChat", 200), ("HTTP", 404), ("AWS", 403)] {
        let request = runner.client.get(format!("{}/", runner.urls[name]));
        let answer = request.header("host", "stack.test").send().await.unwrap();
        assert_eq!(answer.status(), status, "{name}");
        let page = answer.text().await.unwrap();
        assert!(!page.contains("--host-name"), "{name}: {page}");
    }
    let url = format!("{}/sandbox/people", runner.urls["WeChat"]);
    let own = runner.client.post(url).header("origin", &runner.urls["WeChat"]);
    assert_eq!(own.body(r#"{"name":"dora"}"#).send().await.unwrap().status(), 200);

    let mut private = 0;
    let mut left = vec![data];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            // A file may just be replaced by its successor.
            let Ok(file) = entry.metadata() else { continue };
            let (path, mode) = (entry.path(), file.permissions().mode() & 0o777);
            assert_eq!(
                mode,
                if file.is_dir() { 0o700 } else { 0o600 },
                "{}: {mode:o}",
                path.display()
            );
            private += 1;
            if file.is_dir() {
                left.push(path);
            }
        }
    }
    // The database with its two companions, parameters, queues, the world, the lock, streams.
    assert!(private >= 8, "{private}");
}

/// Fault 103.
#[tokio::test]
async fn sent_message_is_on_the_phone_after_kill_9() {
    let data = tempfile::tempdir().unwrap();
    for round in 1..=2 {
        let runner = Runner::start(data.path(), &[]).await;
        let sent = runner.send(&format!("order-{round}")).await;
        runner.kill().await;
        assert_eq!(sent["notifications"][0]["outcome"], "sent", "{sent}");
    }
    let runner = Runner::start(data.path(), &[]).await;
    let url = format!("{}/sandbox/people/ann/messages", runner.urls["WeChat"]);
    let screen: Value = runner.client.get(url).send().await.unwrap().json().await.unwrap();
    let orders = screen["messages"].as_array().unwrap().iter();
    assert_eq!(orders.filter(|it| it.to_string().contains("Blue kettle")).count(), 2, "{screen}");
}
