//! What a function may not do, as the SDKs see it.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use aws_sdk_lambda::primitives::Blob;
use local_aws::services::Fault;
use local_aws::services::permission::{Effect, Pattern, Policy, Statement, Use};

use crate::dynamodb::{key, letters};
use crate::endpoint::Endpoint;

const ACCOUNT: &str = "us-east-1:000000000000";

fn allow(action: &str, resource: &str) -> Statement {
    Statement {
        line: 1,
        effect: Effect::Allow,
        actions: vec![action.to_owned()],
        resources: vec![Pattern::parse(resource).unwrap()],
        leading_keys: None,
        code_of: None,
    }
}

/// An endpoint whose clients are the function `reader`, with these permissions.
async fn reader(statements: Vec<Statement>) -> Endpoint {
    let mut endpoint = Endpoint::start().await;
    endpoint.aws.dynamodb.create_table(&letters()).unwrap();
    endpoint.aws.permissions.know_table(&letters());
    endpoint.aws.queues.create("mail", &Default::default()).unwrap();
    endpoint.aws.permissions.grant("reader", "stack-ReaderRole", Policy(statements));
    endpoint.as_function("reader");
    endpoint
}

/// Its status, its code and its message.
fn refusal<E: aws_sdk_dynamodb::error::ProvideErrorMetadata>(
    error: &SdkError<E, aws_sdk_dynamodb::config::http::HttpResponse>,
) -> (u16, String, String) {
    let status = error.raw_response().unwrap().status().as_u16();
    let error = error.as_service_error().unwrap();
    (status, error.code().unwrap().to_owned(), error.message().unwrap().to_owned())
}

fn denial(action: &str, resource: &str) -> String {
    format!(
        "User: arn:aws:sts::000000000000:assumed-role/stack-ReaderRole/reader is not authorized to perform: {action} on resource: {resource} because no identity-based policy allows the {action} action"
    )
}

#[tokio::test]
async fn each_service_refuses_as_it_does_on_aws() {
    let endpoint = reader(Vec::new()).await;
    let denied = "AccessDeniedException".to_owned();

    let table = format!("arn:aws:dynamodb:{ACCOUNT}:table/letters");
    let put = endpoint.dynamodb().put_item().table_name("letters");
    let put = put.set_item(Some(key("ann", "1"))).send().await.unwrap_err();
    assert_eq!(refusal(&put), (400, denied.clone(), denial("dynamodb:PutItem", &table)));

    let parameter = format!("arn:aws:ssm:{ACCOUNT}:parameter/prod/secret");
    let get = endpoint.ssm().get_parameter().name("/prod/secret").send().await.unwrap_err();
    assert_eq!(refusal(&get), (400, denied.clone(), denial("ssm:GetParameter", &parameter)));

    let function = format!("arn:aws:lambda:{ACCOUNT}:function:greet");
    let invoke = endpoint.lambda().invoke().function_name("greet").payload(Blob::new("{}"));
    let invoke = invoke.send().await.unwrap_err();
    assert_eq!(refusal(&invoke), (403, denied, denial("lambda:InvokeFunction", &function)));
    assert!(endpoint.functions.payloads.lock().unwrap().is_empty());

    let queue = format!("arn:aws:sqs:{ACCOUNT}:mail");
    let url = format!("{}/000000000000/mail", endpoint.url);
    let send = endpoint.sqs().send_message().queue_url(url).message_body("hi");
    let (status, _, message) = refusal(&send.send().await.unwrap_err());
    assert_eq!((status, message), (403, denial("sqs:sendmessage", &queue)));
    assert_eq!(endpoint.aws.queues.length("mail"), Some(0));
    assert_eq!(endpoint.aws.permissions.uses(), []);
}

#[tokio::test]
async fn a_transaction_is_refused_for_any_of_its_items() {
    let table = format!("arn:aws:dynamodb:{ACCOUNT}:table/letters");
    let mut own = allow("dynamodb:PutItem", &table);
    own.leading_keys = Some(vec!["ann*".to_owned()]);
    let endpoint = reader(vec![own, allow("dynamodb:GetItem", &table)]).await;
    let put = |user: &str| {
        let put = Put::builder().table_name("letters").set_item(Some(key(user, "1")));
        TransactWriteItem::builder().put(put.build().unwrap()).build()
    };
    let write = |items| endpoint.dynamodb().transact_write_items().set_transact_items(Some(items));
    let refused = write(vec![put("ann"), put("bob")]).send().await.unwrap_err();
    let (_, code, message) = refusal(&refused);
    assert_eq!(
        (code.as_str(), message),
        ("AccessDeniedException", denial("dynamodb:PutItem", &table))
    );
    let get =
        || endpoint.dynamodb().get_item().table_name("letters").set_key(Some(key("ann", "1")));
    assert_eq!(get().send().await.unwrap().item, None);

    write(vec![put("ann"), put("anna")]).send().await.unwrap();
    assert!(get().send().await.unwrap().item.is_some());
    let uses: Vec<Use> = endpoint.aws.permissions.uses();
    let actions: Vec<_> = uses.iter().map(|it| it.action.as_str()).collect();
    assert_eq!(actions, ["dynamodb:GetItem", "dynamodb:PutItem"]);
}

#[tokio::test]
async fn refused_call_fires_no_fault_and_other_clients_may_do_everything() {
    let mut endpoint = reader(Vec::new()).await;
    let fault = Fault::new("dynamodb", "PutItem").refuse("InternalServerError").once();
    let fault = endpoint.aws.faults.inject(fault).unwrap();
    let put = |endpoint: &Endpoint| {
        endpoint.dynamodb().put_item().table_name("letters").set_item(Some(key("ann", "1"))).send()
    };
    let refused = put(&endpoint).await.unwrap_err();
    assert_eq!(refused.into_service_error().code(), Some("AccessDeniedException"));
    assert_eq!(fault.fired(), 0);
    fault.cancel();
    // A function without a role isn't one of the template's.
    endpoint.as_function("stranger");
    put(&endpoint).await.unwrap();
}

#[tokio::test]
async fn dynamodb_usage_of_a_function_is_metered_in_units() {
    let endpoint = reader(vec![allow("dynamodb:*", "*")]).await;
    let put = || endpoint.dynamodb().put_item().table_name("letters");
    put().set_item(Some(key("ann", "0"))).send().await.unwrap();
    endpoint.aws.usage.reset();
    put().set_item(Some(key("ann", "1"))).send().await.unwrap();
    let get = endpoint.dynamodb().get_item().table_name("letters");
    get.set_key(Some(key("ann", "1"))).consistent_read(true).send().await.unwrap();

    let used = endpoint.aws.usage.used_by("reader");
    assert_eq!((used.calls, used.reads, used.writes), (2, 1.0, 1.0));
    assert_eq!(endpoint.aws.usage.used_by("writer"), Default::default());
}
