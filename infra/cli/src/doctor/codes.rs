//! Lists the error codes of WeChat's in the last day that this version doesn't know.

use super::finding::Finding;
use crate::aws::aws_error;
use crate::deployment::Deployment;
use crate::timestamp::format_time;
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;
use shared::clock::Timestamp;
use shared::store::{NoteKind, RefusalNote, read_refusal_notes};

const CHECK: &str = "error_codes";

pub(super) async fn check(deployment: &Deployment) -> Vec<Finding> {
    let table = deployment.resource_name("notifications");
    let now = Timestamp::now();
    let reads = NoteKind::UnknownCode.rows(now).map(|id| {
        let read = deployment.dynamodb().get_item().table_name(&table);
        read.key("id", AttributeValue::S(id)).send()
    });
    let items = match try_join_all(reads).await {
        Ok(responses) => responses.into_iter().filter_map(|response| response.item),
        Err(error) => {
            let permission = format!("dynamodb:GetItem on {table}");
            let error = aws_error("reading unknown error codes", &permission, &error);
            return vec![Finding::from_error(CHECK, None, error)];
        }
    };
    let mut codes: Vec<_> = items.flat_map(|item| read_refusal_notes(&item, now)).collect();
    codes.sort_by_key(|unknown| std::cmp::Reverse(unknown.at));
    if codes.is_empty() {
        return vec![Finding::ok(CHECK, None, "WeChat answered with no unknown one today")];
    }
    codes.iter().map(finding).collect()
}

fn finding(unknown: &RefusalNote) -> Finding {
    let RefusalNote { app, api, code, rid, at, .. } = unknown;
    let rid = rid.as_ref().map_or_else(String::new, |rid| format!(", rid {rid}"));
    Finding::warning(
        CHECK,
        Some(app),
        format!(
            "{api} answered {code} at {}{rid}, which this version doesn't know",
            format_time(*at)
        ),
        "look it up in WeChat's documentation, or ask WeChat with the rid; until a version of \
         Hongyan knows it, messages that it answers are in doubt",
    )
}
