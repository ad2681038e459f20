//! Passes clients' requests on to the engine's own server, and corrects its responses.

use std::net::SocketAddr;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderName, StatusCode, Uri, header};
use axum::response::Response;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::stream;
use crate::services::body;
use crate::services::refusal::Refusal;

/// How the engine begins its ARNs; ours name a real region, which some clients check.
const THEIRS: &str = "arn:aws:dynamodb:dynoxide:000000000000:";
const OURS: &str = "arn:aws:dynamodb:us-east-1:000000000000:";

/// The way to the engine's server.
pub(super) struct Proxy {
    client: Client<HttpConnector, Body>,
    engine: Uri,
}

/// The engine's response.
pub(super) struct ProxyResponse {
    /// For the client.
    pub(super) response: Response,
    /// The table that this request deleted.
    pub(super) deleted: Option<String>,
}

impl From<Response> for ProxyResponse {
    fn from(response: Response) -> Self {
        Self { response, deleted: None }
    }
}

impl Proxy {
    /// To the server at `engine`.
    pub(super) fn new(engine: SocketAddr) -> Self {
        let engine = Uri::builder()
            .scheme("http")
            .authority(engine.to_string())
            .path_and_query("/")
            .build()
            .expect("a socket address is a URI's authority");
        Self { client: Client::builder(TokioExecutor::new()).build_http(), engine }
    }

    /// Passes on one request for `operation`, without what only a browser would add.
    pub(super) async fn pass(&self, operation: &str, request: Request) -> ProxyResponse {
        let (mut head, asked) = request.into_parts();
        head.uri = self.engine.clone();
        for name in [header::HOST, header::ORIGIN, header::CONNECTION, header::EXPECT] {
            head.headers.remove(name);
        }
        if !needs_correction(operation) {
            return match self.client.request(Request::from_parts(head, asked)).await {
                Ok(answer) => answer.map(Body::new).into(),
                Err(error) => unreachable_engine(&error).into(),
            };
        }
        let asked = match body::whole(asked).await {
            Ok(asked) => asked,
            Err(refusal) => return refusal.json("1.0").into(),
        };
        let asked = Bytes::from(String::from_utf8_lossy(&asked).replace(OURS, THEIRS));
        head.headers.remove(header::CONTENT_LENGTH);
        head.headers.remove(header::TRANSFER_ENCODING);
        let answer = match self.client.request(Request::from_parts(head, Body::from(asked))).await {
            Ok(answer) => answer,
            Err(error) => return unreachable_engine(&error).into(),
        };
        let (mut head, body) = answer.into_parts();
        let Ok(body) = to_bytes(Body::new(body), usize::MAX).await else {
            return Refusal::internal("the database engine's answer broke off").json("1.0").into();
        };
        // Both describe the body as it was.
        head.headers.remove(header::CONTENT_LENGTH);
        head.headers.remove(HeaderName::from_static("x-amz-crc32"));
        let (body, deleted) = correct(operation, head.status, &body);
        ProxyResponse { response: Response::from_parts(head, Body::from(body)), deleted }
    }
}

fn unreachable_engine(error: &hyper_util::client::legacy::Error) -> Response {
    tracing::error!(%error, "the database engine does not answer");
    Refusal::internal("the database engine does not answer: is this stack being stopped?")
        .json("1.0")
}

/// Whether responses of this operation need corrections; items pass untouched.
fn needs_correction(operation: &str) -> bool {
    matches!(
        operation,
        "CreateTable"
            | "DeleteTable"
            | "DescribeStream"
            | "DescribeTable"
            | "GetRecords"
            | "GetShardIterator"
            | "ListStreams"
            | "ListTagsOfResource"
            | "TagResource"
            | "UntagResource"
            | "UpdateTable"
    )
}

/// Our ARNs, records as AWS would have them, and an open shard that looks open.
fn correct(operation: &str, status: StatusCode, body: &[u8]) -> (String, Option<String>) {
    let text = String::from_utf8_lossy(body).replace(THEIRS, OURS);
    let Ok(mut body) = serde_json::from_str::<Value>(&text) else { return (text, None) };
    if !status.is_success() {
        return (text, None);
    }
    match operation {
        "DeleteTable" => {
            let name = body["TableDescription"]["TableName"].as_str().map(str::to_owned);
            (text, name)
        }
        "DescribeStream" => {
            let shards = body["StreamDescription"]["Shards"].as_array_mut();
            for shard in shards.into_iter().flatten() {
                if let Some(range) = shard["SequenceNumberRange"].as_object_mut() {
                    range.remove("EndingSequenceNumber");
                }
            }
            (body.to_string(), None)
        }
        "GetRecords" => {
            if let Some(records) = body["Records"].as_array_mut() {
                records.retain(|record| !stream::changed_nothing(record));
                for record in records {
                    record["awsRegion"] = crate::services::REGION.into();
                }
            }
            (body.to_string(), None)
        }
        _ => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_shard_has_no_end() {
        let body = br#"{"StreamDescription": {"StreamArn": "arn:aws:dynamodb:dynoxide:000000000000:table/t/stream/1",
            "Shards": [{"ShardId": "s", "SequenceNumberRange": {"StartingSequenceNumber": "1", "EndingSequenceNumber": "2"}}]}}"#;
        let (corrected, _) = correct("DescribeStream", StatusCode::OK, body);
        assert!(!corrected.contains("EndingSequenceNumber"), "{corrected}");
        assert!(
            corrected.contains("arn:aws:dynamodb:us-east-1:000000000000:table/t"),
            "{corrected}"
        );
    }

    #[test]
    fn a_failed_deletion_deletes_no_stream() {
        let body =
            br#"{"__type": "ResourceNotFoundException", "TableDescription": {"TableName": "t"}}"#;
        assert_eq!(correct("DeleteTable", StatusCode::BAD_REQUEST, body).1, None);
        assert_eq!(correct("DeleteTable", StatusCode::OK, body).1.as_deref(), Some("t"));
    }
}
