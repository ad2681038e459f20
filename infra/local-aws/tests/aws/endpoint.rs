//! An endpoint to ask, and clients that ask it.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::sdk_client::SdkClient;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_types::SdkConfig;
use local_aws::services::lambda::{BoxFuture, FunctionResponse, FunctionSummary, InvokeResult};
use local_aws::services::{Aws, Callers, Invoke, Server};

pub(crate) struct Endpoint {
    pub(crate) aws: Aws,
    pub(crate) url: String,
    pub(crate) functions: Arc<Functions>,
    pub(crate) web: SdkClient,
    /// Whose access key clients sign with.
    key: String,
    server: Server,
}

impl Endpoint {
    /// An endpoint in memory.
    pub(crate) async fn start() -> Self {
        Self::with_control(Aws::open(None).unwrap()).await
    }

    /// An endpoint over a data folder.
    pub(crate) async fn keeping(data: &Path) -> Self {
        Self::with_control(Aws::open(Some(data)).unwrap()).await
    }

    async fn with_control(mut aws: Aws) -> Self {
        aws.event_retries = [Duration::from_millis(10); 2];
        let functions = Arc::new(Functions::default());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = aws.serve(listener, Callers::default(), functions.clone()).await.unwrap();
        let url = format!("http://{}", server.address());
        Self { aws, url, functions, web: SdkClient::new(), key: "local".to_owned(), server }
    }

    /// From here on, clients are this function.
    pub(crate) fn as_function(&mut self, name: &str) {
        self.key = format!("AKIA{name}");
    }

    pub(crate) async fn stop(self) {
        self.server.stop().await;
        self.aws.close().await;
    }

    /// A client that nothing is added to.
    pub(crate) fn client(&self) -> reqwest::Client {
        self.web.0.clone()
    }

    fn config(&self) -> SdkConfig {
        let credentials = Credentials::new(&self.key, "local", None, None, "tests");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(self.web.clone())
            .endpoint_url(&self.url)
            .build()
    }

    /// A client of DynamoDB with connections of its own.
    pub(crate) fn dynamodb_apart(&self) -> aws_sdk_dynamodb::Client {
        let apart = self.config().into_builder().http_client(SdkClient::new()).build();
        aws_sdk_dynamodb::Client::new(&apart)
    }

    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config())
    }

    pub(crate) fn ssm(&self) -> aws_sdk_ssm::Client {
        aws_sdk_ssm::Client::new(&self.config())
    }

    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config())
    }

    pub(crate) fn lambda(&self) -> aws_sdk_lambda::Client {
        let once = RetryConfig::disabled();
        aws_sdk_lambda::Client::new(&self.config().into_builder().retry_config(once).build())
    }
}

/// One function, `greet`, that answers as it is told to, or else with what it was given.
#[derive(Default)]
pub(crate) struct Functions {
    pub(crate) answers: Mutex<VecDeque<InvokeResult>>,
    pub(crate) payloads: Mutex<Vec<String>>,
}

impl Invoke for Functions {
    fn invoke(&self, function: &str, payload: axum::body::Bytes) -> BoxFuture<'_, InvokeResult> {
        assert_eq!(function, "greet");
        Box::pin(async move {
            self.payloads.lock().unwrap().push(String::from_utf8(payload.to_vec()).unwrap());
            self.answers.lock().unwrap().pop_front().unwrap_or(Ok(FunctionResponse::Ok(payload)))
        })
    }

    fn list(&self) -> Vec<FunctionSummary> {
        vec![FunctionSummary {
            name: "greet".to_owned(),
            runtime: "provided.al2023".to_owned(),
            description: "Says hello".to_owned(),
            timeout_seconds: 7,
            memory_mb: 256,
        }]
    }
}

/// Waits until `look` gives something; gives up after twenty seconds.
pub(crate) async fn eventually<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let found = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    found.await.expect("it did not come to pass within twenty seconds")
}
