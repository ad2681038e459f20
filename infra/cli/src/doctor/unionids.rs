//! Checks that WeChat sends unionids, which identify a person in all apps.

use super::finding::Finding;
use crate::app::registry::RegisteredApp;
use crate::aws::aws_error;
use crate::deployment::Deployment;
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::BTreeMap;

const CHECK: &str = "unionid";
/// Rows to scan: enough to include some people, and cheap in a large table.
const SAMPLE_ROWS: i32 = 500;

/// The people of an app in the sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct UnionIdSample {
    people: usize,
    with_union_id: usize,
}

pub(super) async fn check(
    deployment: &Deployment,
    apps: &BTreeMap<String, RegisteredApp>,
) -> Vec<Finding> {
    let table = deployment.resource_name("users");
    let scan = deployment
        .dynamodb()
        .scan()
        .table_name(&table)
        .limit(SAMPLE_ROWS)
        .filter_expression("#item = :profile")
        .projection_expression("#user, union_id")
        .expression_attribute_names("#item", "item")
        .expression_attribute_names("#user", "user")
        .expression_attribute_values(":profile", AttributeValue::S("profile".to_owned()));
    let rows = match scan.send().await {
        Ok(page) => page.items.unwrap_or_default(),
        Err(error) => {
            let permission = format!("dynamodb:Scan on {table}");
            let error = aws_error("scanning some users", &permission, &error);
            return vec![Finding::from_error(CHECK, None, error)];
        }
    };
    let text = |value: Option<&AttributeValue>| value.and_then(|it| it.as_s().ok()).cloned();
    let rows: Vec<_> = rows
        .iter()
        .filter_map(|row| Some((text(row.get("user"))?, row.contains_key("union_id"))))
        .collect();
    let apps = apps.iter().filter_map(|(alias, app)| Some((alias, app.settings.as_ref().ok()?)));
    apps.map(|(alias, settings)| finding(alias, count(&rows, settings.app_id.as_str()))).collect()
}

fn count(rows: &[(String, bool)], app_id: &str) -> UnionIdSample {
    let own = rows.iter().filter(|(user, _)| user.split('#').next() == Some(app_id));
    own.fold(UnionIdSample::default(), |sample, (_, with)| UnionIdSample {
        people: sample.people + 1,
        with_union_id: sample.with_union_id + usize::from(*with),
    })
}

fn finding(alias: &str, sample: UnionIdSample) -> Finding {
    match sample {
        UnionIdSample { people: 0, .. } => {
            Finding::skipped(CHECK, Some(alias), "the sample has no people of this app")
        }
        UnionIdSample { people, with_union_id: 0 } => Finding::warning(
            CHECK,
            Some(alias),
            format!("WeChat sends none: of {people} people, none has one"),
            "bind the app to your open-platform account (https://open.weixin.qq.com → 管理中心), the \
             same for all apps; people who follow or log in after that have one",
        ),
        UnionIdSample { people, with_union_id } => {
            Finding::ok(CHECK, Some(alias), format!("{with_union_id} of {people} people have one"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::FindingState;
    use super::*;

    #[test]
    fn app_without_unionids_is_a_warning() {
        let rows = [("wx1#a", true), ("wx1#b", false), ("wx2#c", false), ("wx10#d", true)];
        let rows = rows.map(|(user, with)| (user.to_owned(), with));
        assert_eq!(count(&rows, "wx1"), UnionIdSample { people: 2, with_union_id: 1 });
        let state = |app_id| finding("shop", count(&rows, app_id)).state;
        assert_eq!(state("wx1"), FindingState::Ok);
        assert_eq!(state("wx2"), FindingState::Warning);
        assert_eq!(state("wx3"), FindingState::Skipped);
    }
}
