use std::collections::BTreeSet;

use aws_sdk_ssm::Client;
use aws_sdk_ssm::error::ProvideErrorMetadata as _;
use aws_sdk_ssm::types::{ParameterStringFilter, ParameterTier, ParameterType};
use local_aws::services::ssm::Kind;

use crate::endpoint::Endpoint;

async fn put(client: &Client, name: &str, value: &str) -> i64 {
    let put = client.put_parameter().name(name).value(value).r#type(ParameterType::String);
    put.send().await.unwrap().version()
}

#[tokio::test]
async fn a_parameter_is_overwritten_only_on_demand() {
    let endpoint = Endpoint::start().await;
    let client = endpoint.ssm();
    assert_eq!(put(&client, "/shop/colour", "red").await, 1);

    let again = client.put_parameter().name("/shop/colour").value("blue");
    let refused = again.clone().r#type(ParameterType::String).send().await.unwrap_err();
    assert!(refused.into_service_error().is_parameter_already_exists());

    // Without a type, the parameter keeps its own.
    let done = again.clone().overwrite(true).send().await.unwrap();
    assert_eq!((done.version(), done.tier()), (2, Some(&ParameterTier::Standard)));
    let got = client.get_parameter().name("/shop/colour").send().await.unwrap();
    let got = got.parameter().unwrap();
    assert_eq!((got.value(), got.version()), (Some("blue"), 2));
    assert_eq!(got.r#type(), Some(&ParameterType::String));
    assert_eq!(got.arn(), Some("arn:aws:ssm:us-east-1:000000000000:parameter/shop/colour"));
    assert!(got.last_modified_date().unwrap().secs() > 1_700_000_000);

    let other = again.overwrite(true).r#type(ParameterType::SecureString);
    let mismatch = other.send().await.unwrap_err().into_service_error();
    assert!(
        mismatch.is_hierarchy_type_mismatch_exception()
            || mismatch.code() == Some("HierarchyTypeMismatch"),
        "{mismatch:?}"
    );
}

#[tokio::test]
async fn versions_are_read_by_number() {
    let endpoint = Endpoint::start().await;
    let client = endpoint.ssm();
    put(&client, "colour", "red").await;
    client.put_parameter().name("colour").value("blue").overwrite(true).send().await.unwrap();
    for name in ["colour:1", "arn:aws:ssm:us-east-1:000000000000:parameter/colour:1"] {
        let got = client.get_parameter().name(name).send().await.unwrap();
        let got = got.parameter().unwrap();
        assert_eq!((got.value(), got.selector()), (Some("red"), Some(":1")), "{name}");
        assert_eq!(got.name(), Some("colour"));
    }
    for (name, not_found) in [("colour:3", false), ("colour:label", false), ("shape", true)] {
        let error = client.get_parameter().name(name).send().await.unwrap_err();
        let error = error.into_service_error();
        assert_eq!(error.is_parameter_not_found(), not_found, "{name}: {error:?}");
        assert_eq!(error.is_parameter_version_not_found(), !not_found, "{name}: {error:?}");
    }
}

#[tokio::test]
async fn a_secret_is_told_only_to_those_who_ask_for_decryption() {
    let endpoint = Endpoint::start().await;
    let client = endpoint.ssm();
    let secret = "correct horse battery staple";
    let put = client.put_parameter().name("/app/secret").value(secret);
    put.r#type(ParameterType::SecureString).send().await.unwrap();

    let mut closed = Vec::new();
    for decrypt in [false, true] {
        let mut values = Vec::new();
        let one = client.get_parameter().name("/app/secret").with_decryption(decrypt);
        values.push(one.send().await.unwrap().parameter.unwrap().value.unwrap());
        let some = client.get_parameters().names("/app/secret").with_decryption(decrypt);
        values.push(some.send().await.unwrap().parameters.unwrap().remove(0).value.unwrap());
        let path = client.get_parameters_by_path().path("/app").with_decryption(decrypt);
        values.push(path.send().await.unwrap().parameters.unwrap().remove(0).value.unwrap());
        let history = client.get_parameter_history().name("/app/secret").with_decryption(decrypt);
        values.push(history.send().await.unwrap().parameters.unwrap().remove(0).value.unwrap());
        for value in &values {
            assert_eq!(value == secret, decrypt);
            assert!(decrypt || !value.contains("horse"));
        }
        closed = if decrypt { closed } else { values };
    }
    // One version has one ciphertext.
    assert_eq!(closed.iter().collect::<BTreeSet<_>>().len(), 1);
}

#[tokio::test]
async fn several_are_read_and_deleted_at_once() {
    let endpoint = Endpoint::start().await;
    let client = endpoint.ssm();
    put(&client, "a", "1").await;
    put(&client, "b", "2").await;
    let got = client.get_parameters().names("a").names("c").names("b:1").send().await.unwrap();
    let names: Vec<_> = got.parameters().iter().filter_map(|it| it.name()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(got.invalid_parameters(), ["c"]);

    let many: Vec<_> = (0..11).map(|n| n.to_string()).collect();
    let error = client.get_parameters().set_names(Some(many)).send().await.unwrap_err();
    assert_eq!(error.into_service_error().code(), Some("ValidationException"));

    client.delete_parameter().name("a").send().await.unwrap();
    let again = client.delete_parameter().name("a").send().await.unwrap_err();
    assert!(again.into_service_error().is_parameter_not_found());
    let deleted = client.delete_parameters().names("a").names("b").send().await.unwrap();
    assert_eq!(deleted.deleted_parameters(), ["b"]);
    assert_eq!(deleted.invalid_parameters(), ["a"]);
}

#[tokio::test]
async fn a_path_is_read_flat_deep_and_in_pages() {
    let endpoint = Endpoint::start().await;
    let client = endpoint.ssm();
    for n in 0..25 {
        put(&client, &format!("/many/{n:02}"), "x").await;
    }
    put(&client, "/many/deep/below", "x").await;
    put(&client, "/manyother", "x").await;

    let (mut sizes, mut names, mut token) = (Vec::new(), Vec::new(), None);
    loop {
        let page = client.get_parameters_by_path().path("/many").set_next_token(token);
        let page = page.send().await.unwrap();
        sizes.push(page.parameters().len());
        names.extend(page.parameters().iter().map(|it| it.name().unwrap().to_owned()));
        token = page.next_token().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [10, 10, 5]);
    assert_eq!(names, (0..25).map(|n| format!("/many/{n:02}")).collect::<Vec<_>>());

    let deep = client.get_parameters_by_path().path("/").recursive(true).into_paginator();
    let deep: Vec<_> = deep.send().try_collect().await.unwrap();
    assert_eq!(deep.iter().map(|page| page.parameters().len()).sum::<usize>(), 27);

    for (request, code) in [
        (client.get_parameters_by_path().path("/many").max_results(11), "ValidationException"),
        (client.get_parameters_by_path().path("many"), "ValidationException"),
        (client.get_parameters_by_path().path("/many").next_token("?"), "InvalidNextToken"),
    ] {
        let error = request.send().await.unwrap_err();
        assert_eq!(error.into_service_error().code(), Some(code));
    }
}

#[tokio::test]
async fn history_and_description_tell_what_was_put() {
    let endpoint = Endpoint::start().await;
    let client = endpoint.ssm();
    let first = client.put_parameter().name("/app/list").value("a,b").description("letters");
    first.r#type(ParameterType::StringList).send().await.unwrap();
    client.put_parameter().name("/app/list").value("c").overwrite(true).send().await.unwrap();
    put(&client, "other", "x").await;

    let history = client.get_parameter_history().name("/app/list").send().await.unwrap();
    let values: Vec<_> = history.parameters().iter().filter_map(|it| it.value()).collect();
    assert_eq!(values, ["a,b", "c"]);

    let all = client.describe_parameters().send().await.unwrap();
    assert_eq!(all.parameters().len(), 2);
    let filter = |key: &str, option: &str, value: &str| {
        ParameterStringFilter::builder().key(key).option(option).values(value).build().unwrap()
    };
    for (filter, expected) in [
        (filter("Name", "BeginsWith", "/app"), vec!["/app/list"]),
        (filter("Path", "Recursive", "/app"), vec!["/app/list"]),
        (filter("Type", "Equals", "String"), vec!["other"]),
        (filter("Name", "Contains", "nothing"), vec![]),
    ] {
        let found = client.describe_parameters().parameter_filters(filter).send().await.unwrap();
        let names: Vec<_> = found.parameters().iter().filter_map(|it| it.name()).collect();
        assert_eq!(names, expected);
    }
    let list = &all.parameters()[0];
    assert_eq!(list.description(), Some("letters"));
    assert_eq!((list.version(), list.r#type()), (2, Some(&ParameterType::StringList)));

    let label = filter("Label", "Equals", "x");
    let error = client.describe_parameters().parameter_filters(label).send().await.unwrap_err();
    assert!(error.into_service_error().is_invalid_filter_key());
}

#[tokio::test]
async fn invalid_parameter_is_refused() {
    let endpoint = Endpoint::start().await;
    let client = endpoint.ssm();
    let put = |name: &str, value: &str| {
        client.put_parameter().name(name).value(value).r#type(ParameterType::String)
    };
    for (request, code) in [
        (put("big", &"x".repeat(4097)), "ValidationException"),
        (put("no spaces", "x"), "ValidationException"),
        (put("/trailing/", "x"), "ValidationException"),
        (put("aws-thing", "x"), "AccessDeniedException"),
        (put("empty", ""), "ValidationException"),
        (client.put_parameter().name("untyped").value("x"), "ValidationException"),
        (put("pattern", "x").allowed_pattern("a+"), "ValidationException"),
    ] {
        let error = request.send().await.unwrap_err().into_service_error();
        assert_eq!(error.code(), Some(code), "{error:?}");
        assert!(!error.message().unwrap().is_empty());
    }
    put("limit", &"x".repeat(4096)).send().await.unwrap();
    let advanced = put("advanced", &"x".repeat(8192)).tier(ParameterTier::Advanced);
    advanced.send().await.unwrap();
}

#[tokio::test]
async fn racing_overwrites_have_versions_of_their_own() {
    let endpoint = Endpoint::start().await;
    let client = endpoint.ssm();
    put(&client, "raced", "0").await;
    let races: Vec<_> = (0..20)
        .map(|n| {
            let put = client.put_parameter().name("raced").value(n.to_string()).overwrite(true);
            tokio::spawn(put.send())
        })
        .collect();
    let mut versions = BTreeSet::new();
    for race in races {
        versions.insert(race.await.unwrap().unwrap().version());
    }
    assert_eq!(versions, (2..=21).collect());
}

#[tokio::test]
async fn the_runner_puts_and_reads_without_a_client() {
    let endpoint = Endpoint::start().await;
    let parameters = &endpoint.aws.parameters;
    assert_eq!(parameters.put("/app/secret", Kind::SecureString, "one").unwrap(), 1);
    assert_eq!(parameters.put("/app/secret", Kind::SecureString, "one").unwrap(), 1);
    assert_eq!(parameters.put("/app/secret", Kind::SecureString, "two").unwrap(), 2);
    assert_eq!(parameters.get("/app/secret").as_deref(), Some("two"));
    assert_eq!(parameters.get("/app/other"), None);
    assert!(parameters.put("no spaces", Kind::String, "x").is_err());
    let got = endpoint.ssm().get_parameter().name("/app/secret").with_decryption(true);
    assert_eq!(got.send().await.unwrap().parameter().unwrap().value(), Some("two"));
}
