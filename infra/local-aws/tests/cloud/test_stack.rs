//! A stack of a test's own.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use local_aws::{Cloud, Logs, Options};
use serde_json::Value;
use tempfile::TempDir;

/// The example that all functions of these tests are.
fn scripted() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let path = program.parent().unwrap().parent().unwrap().join("examples/scripted");
    assert!(
        path.exists(),
        "{} is missing: `cargo test --package local-aws` builds it",
        path.display()
    );
    path
}

/// A folder with a template and the binaries that it names.
pub(crate) struct TestStack {
    pub(crate) folder: TempDir,
    lines: Arc<Mutex<Vec<String>>>,
}

impl TestStack {
    /// `resources` is what stands under Resources in the template.
    pub(crate) fn new(binaries: &[&str], resources: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for binary in binaries {
            std::os::unix::fs::symlink(scripted(), folder.path().join(binary)).unwrap();
        }
        let stack = Self { folder, lines: Arc::default() };
        stack.write(resources);
        stack
    }

    /// Replaces the template.
    pub(crate) fn write(&self, resources: &str) {
        let text = format!(
            "Transform: AWS::Serverless-2016-10-31\nGlobals:\n  Function:\n    Runtime: provided.al2023\nResources:\n{resources}"
        );
        std::fs::write(self.template(), text).unwrap();
    }

    pub(crate) fn template(&self) -> PathBuf {
        self.folder.path().join("template.yaml")
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn options(&self) -> Options {
        let lines = self.lines.clone();
        let mut options = Options::new(self.template());
        options.binaries = self.folder.path().to_owned();
        // The tests don't depend on how busy the machine is.
        options.timeout_grace = Duration::from_secs(60);
        options.logs = Logs::to(true, move |line| {
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push(format!("{}: {}", line.function, line.text));
        });
        options
    }

    pub(crate) async fn start(&self) -> Cloud {
        Cloud::start(self.options()).await.unwrap()
    }

    /// What the functions and the platform have said.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

/// A table with a stream.
pub(crate) const ROWS: &str = "  Rows:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: rows
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]
      KeySchema: [{ AttributeName: id, KeyType: HASH }]
      StreamSpecification: { StreamViewType: NEW_IMAGE }
";
/// What a function needs to put items into it.
pub(crate) const MAY_PUT: &str = "      Policies:
        - Statement: { Effect: Allow, Action: dynamodb:PutItem, Resource: !GetAtt Rows.Arn }
";

/// A function that is called `name`, with further properties.
pub(crate) fn function(name: &str, properties: &str) -> String {
    let id = name.replace('-', "");
    format!(
        "  {id}:\n    Type: AWS::Serverless::Function\n    Properties:\n      FunctionName: {name}\n      CodeUri: {name}/\n{properties}"
    )
}

/// Waits until `what` is true; panics when that takes unreasonably long.
pub(crate) async fn eventually(mut what: impl FnMut() -> bool) {
    let condition = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), condition)
        .await
        .expect("it hasn't come to that in 30 seconds");
}

/// Whether a process is gone, or a zombie.
pub(crate) fn is_gone(process: u64) -> bool {
    match std::fs::read_to_string(format!("/proc/{process}/stat")) {
        Ok(stat) => stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')),
        Err(_) => true,
    }
}

/// The process that wrote itself into a file, once it has.
pub(crate) async fn process_in(path: &str) -> u64 {
    eventually(|| Path::new(path).exists()).await;
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

/// The process that answered.
pub(crate) fn process(answer: &Value) -> u64 {
    answer["process"].as_u64().unwrap()
}

/// A client for the cloud's own addresses.
pub(crate) fn client() -> reqwest::Client {
    local_aws::HttpClient::new(String::new()).unwrap().client().clone()
}
