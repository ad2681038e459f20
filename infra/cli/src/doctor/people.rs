//! Whether WeChat tells unionids, without which one person is several.

use super::finding::Finding;
use crate::app::registered::Registered;
use crate::aws::failed;
use crate::deployment::Deployment;
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::BTreeMap;

const CHECK: &str = "unionid";
/// So many rows are looked at: enough to meet some people, and few enough to cost
/// next to nothing in a large table.
const SAMPLE: i32 = 500;

/// What the sample has of an app: people, and those with a unionid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Met {
    people: usize,
    with_union_id: usize,
}

pub(super) async fn check(
    deployment: &Deployment,
    apps: &BTreeMap<String, Registered>,
) -> Vec<Finding> {
    let table = deployment.table("users");
    let asked = deployment
        .dynamodb()
        .scan()
        .table_name(&table)
        .limit(SAMPLE)
        .filter_expression("#item = :profile")
        .projection_expression("#user, union_id")
        .expression_attribute_names("#item", "item")
        .expression_attribute_names("#user", "user")
        .expression_attribute_values(":profile", AttributeValue::S("profile".to_owned()));
    let rows = match asked.send().await {
        Ok(page) => page.items.unwrap_or_default(),
        Err(error) => {
            let permission = format!("dynamodb:Scan on {table}");
            let error = failed("looking at some users", &permission, &error);
            return vec![Finding::of_error(CHECK, None, error)];
        }
    };
    let text = |value: Option<&AttributeValue>| value.and_then(|it| it.as_s().ok()).cloned();
    let rows: Vec<_> = rows
        .iter()
        .filter_map(|row| Some((text(row.get("user"))?, row.contains_key("union_id"))))
        .collect();
    let readable = apps.iter().filter_map(|(alias, app)| Some((alias, app.read.as_ref().ok()?)));
    readable.map(|(alias, read)| finding(alias, met(&rows, read.app_id.as_str()))).collect()
}

fn met(rows: &[(String, bool)], app_id: &str) -> Met {
    let own = rows.iter().filter(|(user, _)| user.split('#').next() == Some(app_id));
    own.fold(Met::default(), |met, (_, with)| Met {
        people: met.people + 1,
        with_union_id: met.with_union_id + usize::from(*with),
    })
}

fn finding(alias: &str, met: Met) -> Finding {
    match met {
        Met { people: 0, .. } => {
            Finding::skipped(CHECK, Some(alias), "nobody was met yet who could have one")
        }
        Met { people, with_union_id: 0 } => Finding::warning(
            CHECK,
            Some(alias),
            format!("WeChat tells none: of {people} people, none has one"),
            "bind the app to your open-platform account (https://open.weixin.qq.com → 管理中心), the \
             same for all apps; whoever follows or logs in after that has one",
        ),
        Met { people, with_union_id } => {
            Finding::ok(CHECK, Some(alias), format!("of {people} people, {with_union_id} have one"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn an_app_without_any_unionid_is_told() {
        let rows = [("wx1#a", true), ("wx1#b", false), ("wx2#c", false), ("wx10#d", true)];
        let rows = rows.map(|(user, with)| (user.to_owned(), with));
        assert_eq!(met(&rows, "wx1"), Met { people: 2, with_union_id: 1 });
        let state = |app_id| finding("shop", met(&rows, app_id)).state;
        assert_eq!(state("wx1"), State::Ok);
        assert_eq!(state("wx2"), State::Warning);
        assert_eq!(state("wx3"), State::Skipped);
    }
}
