//! A call as faults and permissions see it: what is asked of which service, and by whom.

use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use serde_json::Value as Json;

use crate::services::{lambda, sqs};

/// A call of an operation.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) service: &'static str,
    pub(crate) operation: String,
    /// The tables, queues, parameters and functions that it names.
    pub(super) resources: Vec<String>,
    /// The function that makes it, known by its access key.
    pub(crate) caller: Option<String>,
}

impl Call {
    /// What the head of a request says; what its body names is yet to be read.
    /// `None` if it is for no service that is known here.
    pub(crate) fn from_request(request: &Request) -> Option<Self> {
        let caller = caller(request.headers());
        let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
        if let Some((api, operation)) = target.and_then(|target| target.split_once('.')) {
            let service = match api {
                "DynamoDB_20120810" => "dynamodb",
                "DynamoDBStreams_20120810" => "dynamodbstreams",
                "AmazonSSM" => "ssm",
                "AmazonSQS" => "sqs",
                _ => return None,
            };
            let operation = operation.to_owned();
            return Some(Self { service, operation, resources: Vec::new(), caller });
        }
        let path = request.uri().path().strip_prefix("/2015-03-31/functions")?;
        let path = path.trim_start_matches('/');
        let (operation, function) = match (request.method(), path.split_once('/')) {
            (&Method::GET, None) if path.is_empty() => ("ListFunctions", None),
            (&Method::GET, None) => ("GetFunction", Some(path)),
            (&Method::POST, Some((function, "invocations"))) => ("Invoke", Some(function)),
            _ => return None,
        };
        let resources = function.into_iter().map(|named| {
            // SDKs escape the colons of an ARN.
            lambda::name_of(&named.replace("%3A", ":").replace("%3a", ":")).to_owned()
        });
        Some(Self {
            service: "lambda",
            operation: operation.to_owned(),
            resources: resources.collect(),
            caller,
        })
    }

    /// Adds what a body names: any operation's, for they agree on their names.
    pub(super) fn read(&mut self, body: &[u8]) {
        if let Ok(body) = serde_json::from_slice(body) {
            collect(&body, &mut self.resources);
        }
    }
}

/// Names stand at the top of a request, or in the entries of a batch or a transaction.
fn collect(json: &Json, names: &mut Vec<String>) {
    let Json::Object(fields) = json else { return };
    for (field, value) in fields {
        match (field.as_str(), value) {
            ("TableName" | "StreamArn", Json::String(text)) => names.push(table(text).to_owned()),
            ("QueueUrl", Json::String(url)) => names.push(sqs::name_of(url).to_owned()),
            ("QueueName" | "Name" | "Path", Json::String(name)) => names.push(name.clone()),
            ("Names", Json::Array(all)) => {
                names.extend(all.iter().filter_map(Json::as_str).map(str::to_owned));
            }
            ("RequestItems", Json::Object(tables)) => {
                names.extend(tables.keys().map(|name| table(name).to_owned()));
            }
            ("TransactItems", Json::Array(items)) => {
                let operations = items.iter().filter_map(Json::as_object).flatten();
                operations.for_each(|(_, operation)| collect(operation, names));
            }
            _ => {}
        }
    }
}

/// The name of a table that is named by itself, by its ARN or by its stream's.
fn table(text: &str) -> &str {
    let name = text.split_once(":table/").map_or(text, |(_, name)| name);
    name.split('/').next().unwrap_or(name)
}

/// Each function here has an access key of its own; no other key has its prefix.
fn caller(headers: &HeaderMap) -> Option<String> {
    let signature = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (_, credential) = signature.split_once("Credential=")?;
    let (key, _) = credential.split_once('/')?;
    crate::runtime::function_of(key).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use serde_json::json;

    use super::*;

    fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request {
        let request = headers
            .iter()
            .fold(Request::builder(), |request, (name, value)| request.header(*name, *value));
        request.method(method).uri(path).body(Body::empty()).unwrap()
    }

    #[test]
    fn a_call_is_known_by_its_target_or_its_path() {
        let known = |method: &str, path: &str, target: &str| {
            let headers: &[_] = if target.is_empty() { &[] } else { &[("x-amz-target", target)] };
            let call = Call::from_request(&request(method, path, headers))?;
            Some((call.service, call.operation, call.resources.concat()))
        };
        let is = |service: &'static str, operation: &str, name: &str| {
            Some((service, operation.to_owned(), name.to_owned()))
        };
        assert_eq!(known("POST", "/", "DynamoDB_20120810.PutItem"), is("dynamodb", "PutItem", ""));
        assert_eq!(known("POST", "/", "AmazonSSM.GetParameter"), is("ssm", "GetParameter", ""));
        assert_eq!(known("POST", "/", "secretsmanager.GetSecretValue"), None);
        let functions = "/2015-03-31/functions";
        let invoke = |name: &str| known("POST", &format!("{functions}/{name}/invocations"), "");
        assert_eq!(invoke("send"), is("lambda", "Invoke", "send"));
        assert_eq!(
            invoke("arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Asend"),
            is("lambda", "Invoke", "send")
        );
        assert_eq!(known("GET", functions, ""), is("lambda", "ListFunctions", ""));
        assert_eq!(known("GET", "/elsewhere", ""), None);
    }

    #[test]
    fn a_caller_is_known_by_its_key() {
        let by = |key: &str| {
            let signature = format!(
                "AWS4-HMAC-SHA256 Credential={key}/20261120/us-east-1/ssm/aws4_request, SignedHeaders=host, Signature=0"
            );
            let headers =
                [("x-amz-target", "AmazonSSM.GetParameter"), ("authorization", &signature)];
            Call::from_request(&request("POST", "/", &headers)).unwrap().caller
        };
        let key = crate::runtime::access_key("shop-local-send");
        assert_eq!(by(&key).as_deref(), Some("shop-local-send"));
        assert_eq!(by("any"), None);
    }

    #[test]
    fn every_way_to_name_something_is_read() {
        let names = |body: Json| {
            let mut names = Vec::new();
            collect(&body, &mut names);
            names
        };
        let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/rows";
        for body in [
            json!({"TableName": "rows"}),
            json!({"TableName": arn}),
            json!({"StreamArn": format!("{arn}/stream/1.2")}),
            json!({"RequestItems": {"rows": []}}),
            json!({"TransactItems": [{"Put": {"TableName": "rows"}}]}),
            json!({"QueueUrl": "http://localhost:4566/000000000000/rows"}),
            json!({"Names": ["rows"]}),
        ] {
            assert_eq!(names(body.clone()), ["rows"], "{body}");
        }
    }
}
