//! The deployed template with each of its parameters.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use local_aws::services::permission::{AuthorizationRequest, Decision, Use};
use local_aws::services::ssm::Kind;
use local_aws::template::{Template, TemplateError};
use std::path::Path;

use crate::{map, target};

/// The template that is deployed, with these parameters.
fn deployed_with(parameters: &[(&str, &str)]) -> Result<Template, TemplateError> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../aws/template.yaml");
    Template::read(&path, &target(), &map(&[("Stage", "local")]), &map(parameters))
}

/// What is found under `/hongyan/{stage}/deployment`.
fn found(template: &Template) -> Value {
    let [parameter] = template.parameters.as_slice() else { panic!("{:?}", template.parameters) };
    assert_eq!(parameter.name, "/hongyan/local/deployment");
    assert_eq!(parameter.kind, Kind::String);
    serde_json::from_str(&parameter.value).unwrap()
}

#[test]
fn deployment_parameter_holds_its_addresses() {
    let alarms = "arn:aws:sns:us-east-1:000000000000:hongyan-local-alarms";
    let door = "http://127.0.0.1:8080";
    let domain = [("DomainName", "wechat.example.com"), ("CertificateArn", CERTIFICATE)];
    for (parameters, api, addresses) in [
        (&[][..], door, &[][..]),
        (&[("Egress", "nat")], door, &["127.0.0.1"]),
        (&domain, "https://wechat.example.com", &[]),
    ] {
        assert_eq!(
            found(&deployed_with(parameters).unwrap()),
            json!({ "api": api, "front": "", "alarms": alarms, "addresses": addresses })
        );
    }
}

const CERTIFICATE: &str = "arn:aws:acm:us-east-1:000000000000:certificate/0-1";

#[test]
fn functions_that_call_wechat_run_in_the_chosen_network() {
    let subnets =
        [("Egress", "subnets"), ("SubnetIds", "subnet-1,subnet-2"), ("SecurityGroupIds", "sg-1")];
    for parameters in [&[("Egress", "nat")][..], &subnets] {
        let template = deployed_with(parameters).unwrap();
        for function in &template.functions {
            let network = |it: &Use| it.action.starts_with("ec2:");
            let inside = function.execution_role_uses.iter().any(network);
            assert_eq!(inside, function.variables.contains_key("WECHAT_URL"), "{}", function.name);
            // Its own code is denied all of it.
            let code_of = Some(target().arn("lambda", &format!("function:{}", function.name)));
            for done in function.execution_role_uses.iter().filter(|it| network(it)) {
                let asked = AuthorizationRequest {
                    code_of: code_of.clone(),
                    ..AuthorizationRequest::new(&done.action, "*")
                };
                let decision = function.policy.decide(&asked);
                assert_eq!(decision, Decision::Denied, "{done:?}");
            }
        }
    }
}

/// Exact resources, but where AWS has no other way.
#[test]
fn each_function_has_a_role_of_its_own_that_allows_nothing_everywhere() {
    let template = deployed_with(&[("Egress", "nat")]).unwrap();
    let roles: BTreeSet<_> = template.functions.iter().map(|function| &function.role).collect();
    assert_eq!(roles.len(), template.functions.len());
    for function in &template.functions {
        assert!(function.has_own_role, "{}", function.name);
        assert_eq!(function.log_group, format!("/hongyan/local/{}", function.binary));
        for unused in function.policy.unused(&[]) {
            assert!(!unused.action.contains('*'), "{}: {unused}", function.name);
            let service = unused.action.split(':').next().unwrap();
            let everywhere = unused.resource == "*";
            assert_eq!(
                everywhere,
                ["ec2", "xray"].contains(&service),
                "{}: {unused}",
                function.name
            );
        }
    }
}

#[test]
fn issuer_is_the_same_for_login_and_authorizer() {
    let domain = [("DomainName", "wechat.example.com"), ("CertificateArn", CERTIFICATE)];
    let with = |name, value| [&domain[..], &[(name, value)]].concat();
    let door = "http://127.0.0.1:8080";
    for (parameters, issuer) in [
        (vec![], door),
        // Its record may not be there yet.
        (domain.to_vec(), door),
        (with("HostedZoneId", "Z1"), "https://wechat.example.com"),
        (with("Issuer", "https://id.example.com"), "https://id.example.com"),
    ] {
        let template = deployed_with(&parameters).unwrap();
        let login = template.functions.iter().find(|it| it.binary == "login").unwrap();
        assert_eq!(login.variables["ISSUER"], issuer);
        let takers: Vec<_> =
            template.routes.iter().filter_map(|route| route.authorizer.as_deref()).collect();
        assert!(!takers.is_empty());
        assert!(takers.iter().all(|taker| taker.issuer == issuer), "{takers:?}");
    }
}

/// A route's limit: requests a second, and at once.
fn limit(template: &Template, route: &str) -> (f64, u32) {
    let route = template.routes.iter().find(|it| it.to_string() == route).unwrap();
    (route.limit.rate.unwrap(), route.limit.burst.unwrap())
}

/// The limits of an account: "Quotas for configuring and running an HTTP API".
#[test]
fn no_limit_before_the_signature_is_below_the_accounts() {
    let account = (10_000.0, 5_000);
    let is_callback = |route: &str| route.starts_with("POST /callback/");
    for (without_key, limit_without) in [("accepted", account), ("refused", (100.0, 200))] {
        let template = deployed_with(&[("CallbackWithoutKey", without_key)]).unwrap();
        assert_eq!(limit(&template, "POST /callback/{app}/{key}"), account);
        assert_eq!(limit(&template, "POST /callback/{app}"), limit_without);
        // Whatever strangers send to all other routes leaves most of the account's.
        let others = template.routes.iter().filter(|route| !is_callback(&route.to_string()));
        let others = others.filter(|route| route.function != "hongyan-local-callback");
        let (rate, burst) = others.fold((0.0, 0), |(rate, burst), route| {
            (rate + route.limit.rate.unwrap(), burst + route.limit.burst.unwrap())
        });
        assert!(rate <= account.0 / 2.0 && burst <= account.1 / 2, "{rate} {burst}");
        let callback = template.functions.iter().find(|it| it.binary == "callback").unwrap();
        assert_eq!(callback.variables["CALLBACK_WITHOUT_KEY"], without_key);
    }
}

#[test]
fn callback_urls_begin_with_the_front() {
    let front = deployed_with(&[("FrontDomain", "push.example.com")]).unwrap();
    assert_eq!(found(&front)["front"], "https://push.example.com");
}

/// A path has the key of a callback URL, a query WeChat's signature.
#[test]
fn access_log_names_the_caller_and_no_path() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../aws/template.yaml");
    let template = std::fs::read_to_string(path).unwrap();
    let (_, settings) = template.split_once("AccessLogSettings:").unwrap();
    let format = settings.lines().find(|line| line.trim().starts_with('{')).unwrap();
    let format: Value = serde_json::from_str(format.trim()).unwrap();
    let mut variables: Vec<_> =
        format.as_object().unwrap().values().map(|it| it.as_str().unwrap()).collect();
    variables.sort_unstable();
    assert_eq!(
        variables,
        [
            "$context.identity.sourceIp",
            "$context.integrationLatency",
            "$context.requestId",
            "$context.requestTime",
            "$context.responseLatency",
            "$context.routeKey",
            "$context.status",
        ]
    );
}

#[test]
fn parameters_apply_where_documented() {
    let plain = deployed_with(&[]).unwrap();
    let changed = deployed_with(&[
        ("CallbackConcurrency", "50"),
        ("SendConcurrency", "20"),
        ("LogLevel", "WARN"),
        ("RetentionDays", "15"),
        ("DeletionProtection", "false"),
        ("LoginRate", "7"),
        ("DefaultBurst", "8"),
    ])
    .unwrap();
    let function = |template: &Template, binary: &str| {
        template.functions.iter().find(|it| it.binary == binary).unwrap().clone()
    };
    for (binary, concurrency) in [("callback", Some(50)), ("send", Some(20)), ("login", None)] {
        assert_eq!(function(&changed, binary).reserved_concurrency, concurrency);
        assert_eq!(function(&plain, binary).reserved_concurrency, None);
    }
    assert_eq!(plain.queue_mappings[0].maximum_concurrency, None);
    assert_eq!(changed.queue_mappings[0].maximum_concurrency, Some(20));
    for (template, days, level, protected) in
        [(&plain, "30", "INFO", true), (&changed, "15", "WARN", false)]
    {
        for function in &template.functions {
            assert_eq!(function.log_level.as_deref(), Some(level));
            let days_of = function.variables.get("RETENTION_DAYS").map(String::as_str);
            // What these two write has times of its own.
            let own = matches!(function.binary.as_str(), "followers" | "token");
            assert_eq!(days_of, (!own).then_some(days));
        }
        for table in &template.tables {
            assert_eq!(table["DeletionProtectionEnabled"], protected);
        }
    }
    let limit = |template: &Template, key: &str| {
        template.routes.iter().find(|route| route.to_string() == key).unwrap().limit
    };
    assert_eq!(limit(&changed, "POST /login/{app}").rate, Some(7.0));
    assert_eq!(limit(&changed, "GET /session").burst, Some(8));
    assert_ne!(limit(&plain, "POST /login/{app}").rate, Some(7.0));
}

#[test]
fn conflicting_parameters_are_refused() {
    for (parameters, message) in [
        (
            &[("Egress", "subnets"), ("SecurityGroupIds", "sg-1")][..],
            "Egress=subnets needs SubnetIds",
        ),
        (&[("Egress", "subnets"), ("SubnetIds", "subnet-1")], "needs SecurityGroupIds"),
        (&[("SubnetIds", "subnet-1")], "SubnetIds would have no effect"),
        (
            &[("Egress", "nat"), ("SecurityGroupIds", "sg-1")],
            "SecurityGroupIds would have no effect",
        ),
        (&[("DomainName", "wechat.example.com")], "DomainName needs CertificateArn"),
        (&[("CertificateArn", CERTIFICATE)], "CertificateArn would have no effect"),
        (&[("HostedZoneId", "Z1")], "HostedZoneId would have no effect"),
        (&[("RetentionDays", "14")], "must be at least 15"),
        (&[("SendConcurrency", "1")], "`SendConcurrency` can't be `1`"),
        (&[("AlarmEmail", "unknown")], "`AlarmEmail` can't be `unknown`"),
        (&[("LogLevel", "TRACE")], "`LogLevel` can't be `TRACE`"),
    ] {
        let error = deployed_with(parameters).expect_err(message).to_string();
        assert!(error.contains(message), "{error}: expected {message}");
    }
}
