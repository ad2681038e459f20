//! No policy of the templates, those of `examples/` included, allows what no function
//! ever does.
//!
//! That one allows too little, any scenario shows: the call is refused. That one
//! allows too much, only all of them together can show. While they run, each
//! cloud appends what its functions use to the file that `PERMISSIONS_USED` names;
//! `make test` starts with no such file and runs the ignored test here at the end.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

use local_aws::services::permission::{Use, read_uses};
use local_aws::template::{DeploymentTarget, Template};
use shared::config::optional;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What is allowed though no scenario uses it: the function's binary, the action,
/// the end of the resource, and the reason.
const EXCEPTIONS: &[[&str; 4]] = &[];

/// The template that is deployed.
const HONGYAN: &str = "infra/aws/template.yaml";

/// The stacks of the gallery.
const EXAMPLES: [&str; 3] = ["keyword-bot", "orders", "protected-api"];

/// A template as it is on this machine.
fn template(path: &str) -> Template {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let place = DeploymentTarget {
        stack: "hongyan-local".to_owned(),
        region: local_aws::services::REGION.to_owned(),
        account: local_aws::services::ACCOUNT.to_owned(),
        api_id: "local".to_owned(),
        http: "http://127.0.0.1:8080".to_owned(),
        aws: "http://127.0.0.1:4566".to_owned(),
    };
    let defaults = [("Stage", "local"), ("Issuer", &*place.http)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    Template::read(&path, &place, &defaults.into(), &BTreeMap::new()).unwrap()
}

/// What is wrong with the policies, or with the exceptions.
fn problems(template: &Template, uses: &BTreeSet<Use>, exceptions: &[[&str; 4]]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut needed = vec![false; exceptions.len()];
    for function in &template.functions {
        let own = uses.iter().filter(|it| it.function == function.name);
        // What Lambda does in the function's name it needs in any case.
        let own: Vec<_> = own.chain(&function.execution_role_uses).cloned().collect();
        for unused in function.policy.unused(&own) {
            let excepted = exceptions.iter().position(|[binary, action, resource, _]| {
                *binary == function.binary
                    && *action == unused.action
                    && unused.resource.ends_with(resource)
            });
            match excepted {
                Some(at) => needed[at] = true,
                None => problems.push(format!("{}, {unused}", function.logical_id)),
            }
        }
    }
    let stale = exceptions.iter().zip(needed).filter(|(_, needed)| !needed);
    problems.extend(stale.map(|([binary, action, resource, _], _)| {
        format!("the exception for {binary}, {action} on {resource} isn't needed any more")
    }));
    problems
}

#[test]
#[ignore = "`make test` runs it after all scenarios"]
fn every_permission_is_used_by_a_scenario() {
    let file = optional("PERMISSIONS_USED").expect("PERMISSIONS_USED isn't set: run `make test`");
    let uses = read_uses(Path::new(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert!(!uses.is_empty(), "{file} is empty: no scenario has run");
    let mut found = problems(&template(HONGYAN), &uses, EXCEPTIONS);
    for name in EXAMPLES {
        let path = format!("examples/{name}/template.yaml");
        let own = problems(&template(&path), &uses, &[]);
        found.extend(own.into_iter().map(|problem| format!("{path}: {problem}")));
    }
    assert!(
        found.is_empty(),
        "no scenario uses these permissions of {HONGYAN}, or of the template that is named. Take them away, or write a scenario that needs them:\n{}",
        found.join("\n")
    );
}

/// As if each permission had been used.
fn all_uses(template: &Template) -> BTreeSet<Use> {
    let mut uses = BTreeSet::new();
    for function in &template.functions {
        uses.extend(function.policy.unused(&[]).into_iter().map(|it| Use {
            function: function.name.clone(),
            action: it.action,
            resource: it.resource.replace('*', "any"),
        }));
    }
    uses
}

#[test]
fn unused_permission_is_a_problem_unless_it_is_an_exception() {
    let template = template(HONGYAN);
    let mut uses = all_uses(&template);
    assert!(uses.len() > 50, "{}", uses.len());
    assert_eq!(problems(&template, &uses, &[]), [""; 0]);

    let put = uses
        .iter()
        .find(|it| it.function == "hongyan-local-callback" && it.action == "dynamodb:PutItem");
    let put = put.unwrap().clone();
    uses.remove(&put);
    // Another role's use is no use.
    uses.insert(Use { function: "hongyan-local-token".to_owned(), ..put });
    let found = problems(&template, &uses, &[]);
    let [problem] = found.as_slice() else { panic!("{found:?}") };
    assert!(problem.starts_with("CallbackFunction, line "), "{problem}");
    assert!(problem.ends_with(":table/hongyan-local-events"), "{problem}");

    let exception = ["callback", "dynamodb:PutItem", "/hongyan-local-events", "for this test"];
    assert_eq!(problems(&template, &uses, &[exception]), [""; 0]);
    let stale =
        ["callback", "dynamodb:DescribeTimeToLive", "/hongyan-local-events", "for this test"];
    assert_eq!(problems(&template, &uses, &[exception, stale]).len(), 1);
}
