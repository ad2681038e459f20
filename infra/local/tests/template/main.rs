//! `infra/aws/template.yaml`, as this machine reads it.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

mod parameters;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use local_aws::{
    route::Authorizer,
    template::{BusTarget, DeploymentTarget, Every, Start, Template},
};

fn target() -> DeploymentTarget {
    DeploymentTarget {
        stack: "hongyan".to_owned(),
        region: "us-east-1".to_owned(),
        account: "000000000000".to_owned(),
        api_id: "local".to_owned(),
        http: "http://127.0.0.1:8080".to_owned(),
        aws: "http://127.0.0.1:4566".to_owned(),
    }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// The template that is deployed. What its owner may tune (timeouts, sizes,
/// rates) isn't repeated here.
fn deployed() -> Template {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../aws/template.yaml");
    let defaults = map(&[
        ("Stage", "local"),
        ("Architecture", "x86_64"),
        ("WeChatUrl", "http://127.0.0.1:8090"),
        ("Issuer", "http://127.0.0.1:8080"),
    ]);
    Template::read(&path, &target(), &defaults, &BTreeMap::new()).unwrap()
}

#[test]
fn the_deployed_template_is_understood_whole() {
    let template = deployed();
    let function =
        |name: &str| template.functions.iter().find(|function| function.name == name).unwrap();
    let callback = function("hongyan-local-callback");
    assert_eq!(callback.binary, "callback");
    assert_eq!(callback.variables["PARAMETER_PREFIX"], "/hongyan/local");
    assert_eq!(callback.variables["EVENTS_TABLE"], "hongyan-local-events");
    let events = function("hongyan-local-events");
    assert_eq!(events.variables["TOKEN_FUNCTION"], "hongyan-local-token");
    assert_eq!(events.variables["WECHAT_URL"], "http://127.0.0.1:8090");

    let mut keys: Vec<String> = template.routes.iter().map(ToString::to_string).collect();
    keys.sort();
    assert!(keys.contains(&"POST /callback/{app}".to_owned()), "{keys:?}");
    assert!(keys.contains(&"GET /.well-known/jwks.json".to_owned()), "{keys:?}");
    for route in &template.routes {
        let session = Authorizer {
            name: "session".to_owned(),
            issuer: "http://127.0.0.1:8080".to_owned(),
            audience: vec!["hongyan".to_owned()],
        };
        let guarded = ["GET /session", "POST /form-ids", "POST /phone"];
        let expected = guarded.contains(&&*route.to_string()).then_some(session);
        assert_eq!(route.authorizer.as_deref(), expected.as_ref(), "{route}");
        assert!(route.limit.rate > Some(0.0) && route.limit.burst > Some(0), "{route}");
    }
    assert_eq!(template.cors, None);

    let stream =
        template.streams.iter().find(|mapping| mapping.function == "hongyan-local-events").unwrap();
    assert_eq!(stream.table, "hongyan-local-events");
    assert_eq!(stream.on_failure.as_deref(), Some("hongyan-local-events-dlq"));
    assert!(stream.bisect && stream.reports_failures && stream.start == Start::TrimHorizon);
    assert!(stream.filters.pass(&serde_json::json!({"eventName": "INSERT"})));
    assert!(!stream.filters.pass(&serde_json::json!({"eventName": "REMOVE"})));

    let queue = template
        .queue_mappings
        .iter()
        .find(|mapping| mapping.function == "hongyan-local-send")
        .unwrap();
    assert_eq!(
        (queue.queue.as_str(), queue.reports_failures),
        ("hongyan-local-notifications", true)
    );
    let notifications =
        template.queues.iter().find(|queue| queue.name == "hongyan-local-notifications").unwrap();
    assert!(notifications.attributes.contains_key("VisibilityTimeout"));
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&notifications.attributes["RedrivePolicy"])
            .unwrap()["deadLetterTargetArn"],
        "arn:aws:sqs:us-east-1:000000000000:hongyan-local-notifications-dlq"
    );

    let config = |name: &str| {
        let function = template.functions.iter().find(|function| function.binary == name);
        function.unwrap().event_invoke_config.clone()
    };
    assert_eq!(config("send").on_failure.as_deref(), Some("hongyan-local-notifications-dlq"));
    assert_eq!((config("send").retries, config("token").retries), (2, 0));

    let token = template
        .schedules
        .iter()
        .find(|schedule| schedule.function == "hongyan-local-token")
        .unwrap();
    assert!(token.scheduler);

    let table =
        template.tables.iter().find(|table| table["TableName"] == "hongyan-local-events").unwrap();
    assert_eq!(table["StreamSpecification"]["StreamEnabled"], true);
    assert_eq!(table["TimeToLiveSpecification"]["AttributeName"], "expires");
    assert_eq!(table["GlobalSecondaryIndexes"][0]["IndexName"], "pending");
}

/// What callers read of the routes is what API Gateway has.
#[test]
fn the_openapi_document_has_the_routes_of_the_template() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../aws/openapi.json");
    let document: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut documented = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let has_session = !operation["security"].is_null();
            documented.push((format!("{} {path}", method.to_uppercase()), has_session));
        }
    }
    let routes = deployed().routes;
    let mut deployed: Vec<_> =
        routes.iter().map(|route| (route.to_string(), route.authorizer.is_some())).collect();
    documented.sort();
    deployed.sort();
    assert_eq!(documented, deployed);
}

/// Nothing about the deployment is written twice: what the template says, this
/// machine does.
#[test]
fn a_change_in_the_template_is_followed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../aws/template.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let changed = text
        .replace("POST /callback/{app}", "POST /wechat/{app}")
        .replace("TableName: !Sub hongyan-${Stage}-users", "TableName: !Sub people-${Stage}")
        .lines()
        .map(|line| match line.split_once("ScheduleExpression: ") {
            Some((indent, _)) => format!("{indent}ScheduleExpression: rate(5 minutes)\n"),
            None => format!("{line}\n"),
        })
        .collect::<String>();
    assert_ne!(text, changed);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("template.yaml");
    std::fs::write(&path, changed).unwrap();
    let template = Template::read(&path, &target(), &BTreeMap::new(), &BTreeMap::new()).unwrap();
    assert!(template.routes.iter().any(|route| route.to_string() == "POST /wechat/{app}"));
    assert!(!template.routes.iter().any(|route| route.to_string() == "POST /callback/{app}"));
    assert!(template.tables.iter().any(|table| table["TableName"] == "people-prod"));
    let send = template.functions.iter().find(|function| function.binary == "send").unwrap();
    assert_eq!(send.variables["USERS_TABLE"], "people-prod");
    assert!(
        template
            .schedules
            .iter()
            .all(|schedule| schedule.every == Every::Rate(Duration::from_secs(300)))
    );
}

#[test]
fn template_forwards_events_when_a_bus_is_given() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../aws/template.yaml");
    let read = |parameters: &[(&str, &str)]| {
        Template::read(&path, &target(), &map(&[("Stage", "local")]), &map(parameters)).unwrap()
    };
    let off = read(&[]);
    assert!(off.pipes.is_empty());
    let on = read(&[("EventBus", "default")]);
    let [pipe] = on.pipes.as_slice() else { panic!("{:?}", on.pipes) };
    assert_eq!(pipe.name, "hongyan-local-forward");
    assert_eq!(pipe.stream.function, "hongyan-local-events");
    assert_eq!(pipe.stream.table, "hongyan-local-events");
    assert_eq!((pipe.stream.start, pipe.stream.bisect), (Start::Latest, true));
    assert!(pipe.stream.retries.is_some());
    assert!(pipe.stream.maximum_age.is_some_and(|age| age > Duration::ZERO));
    let insert = |name: &str| pipe.stream.filters.pass(&serde_json::json!({ "eventName": name }));
    assert_eq!(["INSERT", "MODIFY", "REMOVE"].map(insert), [true, false, false]);
    let dead = pipe.stream.on_failure.as_deref().unwrap();
    assert!(on.queues.iter().any(|queue| queue.name == dead));
    assert_eq!(on.queues.len(), off.queues.len() + 1);
    assert_eq!(
        pipe.target,
        BusTarget {
            bus: "default".to_owned(),
            source: "hongyan".to_owned(),
            detail_type: "WeChat event".to_owned(),
            resources: Vec::new(),
        }
    );
}

/// A second stage in the same account takes no name of the first.
#[test]
fn two_stages_share_no_name() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../aws/template.yaml");
    let read = |stage: &str| {
        let given = map(&[("Stage", stage), ("EventBus", "default")]);
        Template::read(&path, &target(), &BTreeMap::new(), &given).unwrap()
    };
    let names = |template: &Template| -> BTreeSet<String> {
        let functions = template.functions.iter().map(|it| it.name.clone());
        let schedules = template.schedules.iter().map(|it| it.name.clone());
        let queues = template.queues.iter().map(|it| it.name.clone());
        let pipes = template.pipes.iter().map(|it| it.name.clone());
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let tables = template.tables.iter().map(|it| text(&it["TableName"]));
        let alarms = template.alarms.iter().map(|it| text(&it["AlarmName"]));
        functions.chain(schedules).chain(queues).chain(pipes).chain(tables).chain(alarms).collect()
    };
    let (prod, test) = (names(&read("prod")), names(&read("test")));
    assert!(prod.len() > 40, "{prod:?}");
    assert_eq!(prod.intersection(&test).collect::<Vec<_>>(), [""; 0]);
}
