//! The actions and resources that a call needs permission for.

use axum::http::Uri;
use serde_json::Value as Json;

use crate::services::account::{ACCOUNT, REGION};
use crate::services::{lambda, sqs};

/// An action on a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationRequest {
    /// As in `dynamodb:PutItem`.
    pub action: String,
    /// The ARN; `*` for what belongs to no resource.
    pub resource: String,
    /// The partition keys of the items that are meant, where that can be told.
    pub leading_keys: Option<Vec<String>>,
    /// The ARN of the function whose code calls; none if Lambda itself calls with the
    /// execution role.
    pub code_of: Option<String>,
}

impl AuthorizationRequest {
    /// A request for an action on a resource, without conditions.
    pub fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into(), leading_keys: None, code_of: None }
    }

    /// The action as its service displays it: SQS in small letters.
    pub(crate) fn displayed_action(&self) -> String {
        match self.action.split_once(':') {
            Some(("sqs", _)) => self.action.to_ascii_lowercase(),
            _ => self.action.clone(),
        }
    }
}

/// The authorization requests of a call of DynamoDB, its streams, SSM or SQS. `key_of`
/// gives the partition key's attribute of a table. An unknown operation, or a body that
/// names nothing, requests `*`, which only a policy for all resources allows.
pub(crate) fn for_call(
    service: &str,
    operation: &str,
    body: &[u8],
    key_of: &dyn Fn(&str) -> Option<String>,
) -> Vec<AuthorizationRequest> {
    let body = serde_json::from_slice(body).unwrap_or_default();
    let asked = match service {
        "dynamodb" => for_tables(operation, &body, key_of),
        "dynamodbstreams" => {
            let stream = body["StreamArn"].as_str().unwrap_or("*");
            vec![AuthorizationRequest::new(format!("dynamodb:{operation}"), stream)]
        }
        "ssm" => for_parameters(operation, &body),
        _ => vec![for_queue(operation, &body)],
    };
    if asked.is_empty() {
        vec![AuthorizationRequest::new(format!("{service}:{operation}"), "*")]
    } else {
        asked
    }
}

/// Lambda's operations ("Actions, resources, and condition keys for AWS Lambda").
/// An ARN with a version or an alias is a resource of its own.
pub(crate) fn for_lambda(operation: &str, uri: &Uri) -> AuthorizationRequest {
    let action = if operation == "Invoke" { "InvokeFunction" } else { operation };
    let action = format!("lambda:{action}");
    let path = uri.path().trim_start_matches("/2015-03-31/functions").trim_start_matches('/');
    let named = path.split('/').next().unwrap_or_default();
    if named.is_empty() {
        return AuthorizationRequest::new(action, "*");
    }
    // SDKs escape the colons of an ARN.
    let named = named.replace("%3A", ":").replace("%3a", ":").replace("%24", "$");
    let query = uri.query().into_iter().flat_map(|query| query.split('&'));
    let qualifier = query.filter_map(|field| field.strip_prefix("Qualifier=")).next();
    let (name, suffix) = lambda::parse(&named);
    let resource = match qualifier.map(|it| it.replace("%24", "$")).as_deref().or(suffix) {
        Some(qualifier) => format!("{}:{qualifier}", lambda::arn(name)),
        None => lambda::arn(name),
    };
    AuthorizationRequest::new(action, resource)
}

/// DynamoDB's ("Actions, resources, and condition keys for Amazon DynamoDB", and
/// "Using IAM with DynamoDB transactions": what stands in a transaction needs what
/// it would need alone, and the transaction itself needs nothing).
fn for_tables(
    operation: &str,
    body: &Json,
    key_of: &dyn Fn(&str) -> Option<String>,
) -> Vec<AuthorizationRequest> {
    let item = |action: &str, request: &Json| {
        let table = table_of(&request["TableName"])?;
        let place = if action == "PutItem" { &request["Item"] } else { &request["Key"] };
        let leading = key_of(&table).and_then(|key| key_text(&place[key.as_str()]));
        Some(AuthorizationRequest {
            leading_keys: leading.map(|key| vec![key]),
            ..AuthorizationRequest::new(format!("dynamodb:{action}"), arn(&table))
        })
    };
    let action = format!("dynamodb:{operation}");
    match operation {
        "GetItem" | "PutItem" | "UpdateItem" | "DeleteItem" => {
            item(operation, body).into_iter().collect()
        }
        "TransactWriteItems" | "TransactGetItems" => {
            let items = body["TransactItems"].as_array().into_iter().flatten();
            let operations = items.filter_map(Json::as_object).flatten();
            let asked = operations.map(|(kind, request)| {
                let action = match kind.as_str() {
                    "Get" => "GetItem",
                    "Put" => "PutItem",
                    "Update" => "UpdateItem",
                    "Delete" => "DeleteItem",
                    "ConditionCheck" => "ConditionCheckItem",
                    other => other,
                };
                item(action, request)
                    .unwrap_or_else(|| AuthorizationRequest::new(format!("dynamodb:{action}"), "*"))
            });
            asked.collect()
        }
        "BatchGetItem" | "BatchWriteItem" => {
            let tables = body["RequestItems"].as_object().into_iter().flatten();
            tables
                .map(|(table, _)| AuthorizationRequest::new(&action, arn(name_in(table))))
                .collect()
        }
        _ => {
            let resource =
                table_of(&body["TableName"]).map(|table| match body["IndexName"].as_str() {
                    Some(index) => format!("{}/index/{index}", arn(&table)),
                    None => arn(&table),
                });
            resource
                .map(|resource| AuthorizationRequest::new(action, resource))
                .into_iter()
                .collect()
        }
    }
}

/// Parameter Store's ("Actions, resources, and condition keys for AWS Systems
/// Manager"): a parameter's slash is the one after `parameter`, and a folder is a
/// parameter of its path.
fn for_parameters(operation: &str, body: &Json) -> Vec<AuthorizationRequest> {
    let several = body["Names"].as_array().into_iter().flatten();
    let named = several.chain([&body["Name"], &body["Path"]]).filter_map(Json::as_str);
    let asked = named.map(|name| {
        // It may be named by its ARN, and with a version or a label at the end.
        let name = name.split_once(":parameter").map_or(name, |(_, name)| name);
        let name = name.split(':').next().unwrap_or(name).trim_start_matches('/');
        let resource = format!("arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/{name}");
        AuthorizationRequest::new(format!("ssm:{operation}"), resource)
    });
    asked.collect()
}

/// SQS's ("Actions, resources, and condition keys for Amazon SQS"): a batch needs
/// what each of its entries would need alone.
fn for_queue(operation: &str, body: &Json) -> AuthorizationRequest {
    let action = format!("sqs:{}", operation.strip_suffix("Batch").unwrap_or(operation));
    let queue = body["QueueUrl"].as_str().map(sqs::name_of).or(body["QueueName"].as_str());
    AuthorizationRequest::new(action, queue.map_or_else(|| "*".to_owned(), sqs::arn))
}

fn arn(table: &str) -> String {
    format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}")
}

fn table_of(named: &Json) -> Option<String> {
    named.as_str().map(|named| name_in(named).to_owned())
}

/// A table may be named by its ARN.
fn name_in(named: &str) -> &str {
    named.split_once(":table/").map_or(named, |(_, name)| name)
}

/// A key as a condition compares it: a text, or the text of a number.
fn key_text(value: &Json) -> Option<String> {
    value["S"].as_str().or(value["N"].as_str()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Each action and resource, the ARN cut down to its own part.
    fn resources_of(service: &str, operation: &str, body: &Json) -> Vec<(String, String)> {
        let key_of = |table: &str| (table == "Books").then(|| "ISBN".to_owned());
        let all = for_call(service, operation, body.to_string().as_bytes(), &key_of);
        let own = |arn: &str| arn.splitn(6, ':').last().unwrap().to_owned();
        all.into_iter().map(|it| (it.action, own(&it.resource))).collect()
    }

    fn pair(action: &str, resource: &str) -> (String, String) {
        (action.to_owned(), resource.to_owned())
    }

    #[test]
    fn tables_and_indexes_are_resources() {
        let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/Books";
        for named in ["Books", arn] {
            assert_eq!(
                resources_of("dynamodb", "PutItem", &json!({"TableName": named})),
                [pair("dynamodb:PutItem", "table/Books")]
            );
        }
        assert_eq!(
            resources_of("dynamodb", "Query", &json!({"TableName": "Books", "IndexName": "title"})),
            [pair("dynamodb:Query", "table/Books/index/title")]
        );
        assert_eq!(
            resources_of(
                "dynamodb",
                "BatchGetItem",
                &json!({"RequestItems": {"Books": {}, "People": {}}})
            ),
            [
                pair("dynamodb:BatchGetItem", "table/Books"),
                pair("dynamodb:BatchGetItem", "table/People")
            ]
        );
        assert_eq!(
            resources_of("dynamodb", "ListTables", &json!({})),
            [pair("dynamodb:ListTables", "*")]
        );
        assert_eq!(
            resources_of(
                "dynamodb",
                "ExecuteStatement",
                &json!({"Statement": "SELECT * FROM Books"})
            ),
            [pair("dynamodb:ExecuteStatement", "*")]
        );
        assert_eq!(resources_of("dynamodb", "PutItem", &json!(7)), [pair("dynamodb:PutItem", "*")]);
    }

    #[test]
    fn each_item_of_a_transaction_is_asked_for_by_its_own_action() {
        let in_books = json!({"TableName": "Books"});
        let items = json!({"TransactItems": [
            {"Put": in_books}, {"Update": in_books}, {"Delete": in_books},
            {"ConditionCheck": {"TableName": "People"}}, {"Put": {}},
        ]});
        assert_eq!(
            resources_of("dynamodb", "TransactWriteItems", &items),
            [
                pair("dynamodb:PutItem", "table/Books"),
                pair("dynamodb:UpdateItem", "table/Books"),
                pair("dynamodb:DeleteItem", "table/Books"),
                pair("dynamodb:ConditionCheckItem", "table/People"),
                pair("dynamodb:PutItem", "*"),
            ]
        );
        let items = json!({"TransactItems": [{"Get": in_books}]});
        assert_eq!(
            resources_of("dynamodb", "TransactGetItems", &items),
            [pair("dynamodb:GetItem", "table/Books")]
        );
    }

    #[test]
    fn leading_keys_are_the_partition_keys_of_items() {
        let key_of = |table: &str| (table == "Books").then(|| "ISBN".to_owned());
        let keys = |operation: &str, body: Json| {
            for_call("dynamodb", operation, body.to_string().as_bytes(), &key_of)
                .remove(0)
                .leading_keys
        };
        let one = |key: &str| Some(vec![key.to_owned()]);
        let item = json!({"ISBN": {"S": "978"}, "Title": {"S": "Geese"}});
        assert_eq!(keys("PutItem", json!({"TableName": "Books", "Item": item})), one("978"));
        let key = json!({"ISBN": {"N": "978"}, "Title": {"S": "Geese"}});
        assert_eq!(keys("UpdateItem", json!({"TableName": "Books", "Key": key})), one("978"));
        let key = json!({"ISBN": {"S": "978"}});
        let check = json!({"ConditionCheck": {"TableName": "Books", "Key": key}});
        assert_eq!(keys("TransactWriteItems", json!({"TransactItems": [check]})), one("978"));
        assert_eq!(keys("GetItem", json!({"TableName": "Others", "Key": key})), None);
        assert_eq!(keys("Scan", json!({"TableName": "Books"})), None);
    }

    #[test]
    fn parameters_and_folders_are_resources() {
        let arn = "arn:aws:ssm:us-east-1:000000000000:parameter/prod/apps/shop";
        for named in ["/prod/apps/shop", "prod/apps/shop", "/prod/apps/shop:3", arn] {
            assert_eq!(
                resources_of("ssm", "GetParameter", &json!({"Name": named})),
                [pair("ssm:GetParameter", "parameter/prod/apps/shop")]
            );
        }
        assert_eq!(
            resources_of("ssm", "GetParameters", &json!({"Names": ["/a", "/b"]})),
            [pair("ssm:GetParameters", "parameter/a"), pair("ssm:GetParameters", "parameter/b")]
        );
        assert_eq!(
            resources_of("ssm", "GetParametersByPath", &json!({"Path": "/prod/apps"})),
            [pair("ssm:GetParametersByPath", "parameter/prod/apps")]
        );
    }

    #[test]
    fn queues_are_resources_and_batches_no_actions_of_their_own() {
        let url = json!({"QueueUrl": "http://127.0.0.1:4566/000000000000/mail"});
        for operation in ["SendMessage", "SendMessageBatch"] {
            assert_eq!(resources_of("sqs", operation, &url), [pair("sqs:SendMessage", "mail")]);
        }
        let name = json!({"QueueName": "mail"});
        assert_eq!(resources_of("sqs", "GetQueueUrl", &name), [pair("sqs:GetQueueUrl", "mail")]);
        assert_eq!(resources_of("sqs", "ListQueues", &json!({})), [pair("sqs:ListQueues", "*")]);
        assert_eq!(for_queue("SendMessage", &url).displayed_action(), "sqs:sendmessage");
    }

    #[test]
    fn functions_are_resources_and_so_are_their_versions() {
        let asked = |operation: &str, uri: &str| {
            let asked = for_lambda(operation, &uri.parse().unwrap());
            (asked.action, asked.resource)
        };
        let all = "/2015-03-31/functions";
        let arn = lambda::arn("send");
        let invoke = |resource: &str| pair("lambda:InvokeFunction", resource);
        assert_eq!(asked("Invoke", &format!("{all}/send/invocations")), invoke(&arn));
        let escaped = arn.replace(':', "%3A");
        assert_eq!(asked("Invoke", &format!("{all}/{escaped}/invocations")), invoke(&arn));
        for versioned in ["send:7/invocations", "send/invocations?Qualifier=7"] {
            let arn = format!("{arn}:7");
            assert_eq!(asked("Invoke", &format!("{all}/{versioned}")), invoke(&arn));
        }
        assert_eq!(asked("ListFunctions", all), pair("lambda:ListFunctions", "*"));
        assert_eq!(asked("GetFunction", &format!("{all}/send")), pair("lambda:GetFunction", &arn));
    }
}
