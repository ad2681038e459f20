//! ministack, which `make interop` brings along: another implementation of AWS, in Python.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;
use tempfile::TempDir;

/// ministack, as long as this lives.
pub(crate) struct Ministack {
    process: Child,
    pub(crate) url: String,
    folder: TempDir,
}

impl Ministack {
    pub(crate) async fn start(client: &reqwest::Client) -> Self {
        let python = std::env::var_os("MINISTACK").map(PathBuf::from);
        let python = python.expect("run `make interop`, which brings ministack along");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let process = Command::new(python.join("bin/python"))
            .args(["-c", "from ministack.app import main; main()"])
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("IOT_MTLS_ENABLED", "0")
            .env("STATE_DIR", folder.path())
            .env("S3_DATA_DIR", folder.path())
            .env("TMPDIR", folder.path())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let ministack = Self { process, url: format!("http://127.0.0.1:{port}"), folder };
        let health = format!("{}/_ministack/health", ministack.url);
        let answers =
            async || client.get(&health).send().await.is_ok_and(|it| it.status().is_success());
        let healthy = async {
            while !answers().await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), healthy).await.expect("ministack starts");
        ministack
    }
}

impl Drop for Ministack {
    #[expect(clippy::print_stderr, reason = "the log has the reason of a failure")]
    fn drop(&mut self) {
        // One that is gone already is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            let lines: Vec<_> = log.lines().filter(|line| line.contains("ERROR")).collect();
            eprintln!("{}", lines[lines.len().saturating_sub(20)..].join("\n"));
        }
    }
}
