//! What a function says of a batch: partial batch responses.
//!
//! Lambda developer guide, "Configuring partial batch response with DynamoDB
//! and Lambda" and "… for an Amazon SQS event source" agree on the rules: an
//! empty or missing list is success; an identifier that is empty, missing or
//! unknown means that the whole batch has failed, as does an answer of another
//! shape.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::services::lambda::{FunctionResponse, InvokeError, InvokeResult};

/// How a batch went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All of it is done.
    Done,
    /// These identifiers have failed; the others are done.
    Failed(BTreeSet<String>),
    /// All of it has failed. `error`: with an error of the function, as
    /// opposed to a report of failures.
    AllFailed { error: bool },
    /// The function didn't run: too many others do.
    Throttled,
}

/// Judges an invocation with these records. `reports`: whether the mapping
/// asks for reports at all.
pub(crate) fn judge<'i>(
    outcome: &InvokeResult,
    reports: bool,
    identifiers: impl Iterator<Item = &'i str>,
) -> Verdict {
    let payload = match outcome {
        Ok(FunctionResponse::Ok(payload)) => payload,
        Ok(FunctionResponse::FunctionError(_)) | Err(InvokeError::NotFound) => {
            return Verdict::AllFailed { error: true };
        }
        Err(InvokeError::Throttled) => return Verdict::Throttled,
    };
    if !reports || payload.is_empty() {
        return Verdict::Done;
    }
    let all_failed = Verdict::AllFailed { error: false };
    let failures = match serde_json::from_slice::<Json>(payload) {
        Ok(Json::Null) => return Verdict::Done,
        Ok(Json::Object(mut answer)) => match answer.remove("batchItemFailures") {
            None | Some(Json::Null) => return Verdict::Done,
            Some(Json::Array(failures)) => failures,
            Some(_) => return all_failed,
        },
        Ok(_) | Err(_) => return all_failed,
    };
    let known: BTreeSet<&str> = identifiers.collect();
    let named = failures.iter().map(|failure| failure.get("itemIdentifier").and_then(Json::as_str));
    let named: Option<BTreeSet<String>> =
        named.map(|name| name.filter(|name| known.contains(name)).map(str::to_owned)).collect();
    match named {
        None => all_failed,
        Some(named) if named.is_empty() => Verdict::Done,
        Some(named) => Verdict::Failed(named),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(answer: &'static str) -> Verdict {
        judge(&Ok(FunctionResponse::Ok(answer.into())), true, ["1", "2"].into_iter())
    }

    #[test]
    fn reports_are_judged_as_documented() {
        for answer in
            ["", "null", "{}", r#"{"batchItemFailures": []}"#, r#"{"batchItemFailures": null}"#]
        {
            assert_eq!(verdict(answer), Verdict::Done, "{answer}");
        }
        for answer in [
            r#"{"batchItemFailures": [{"itemIdentifier": ""}]}"#,
            r#"{"batchItemFailures": [{"itemIdentifier": null}]}"#,
            r#"{"batchItemFailures": [{"identifier": "1"}]}"#,
            r#"{"batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": "3"}]}"#,
            r#"{"batchItemFailures": "1"}"#,
            "\"done\"",
            "not JSON",
        ] {
            assert_eq!(verdict(answer), Verdict::AllFailed { error: false }, "{answer}");
        }
        let failed = Verdict::Failed(BTreeSet::from(["2".to_owned()]));
        assert_eq!(verdict(r#"{"batchItemFailures": [{"itemIdentifier": "2"}]}"#), failed);
        // Who doesn't ask for reports doesn't read any.
        let answer =
            Ok(FunctionResponse::Ok(r#"{"batchItemFailures": [{"itemIdentifier": "2"}]}"#.into()));
        assert_eq!(judge(&answer, false, ["1", "2"].into_iter()), Verdict::Done);
        assert_eq!(judge(&Err(InvokeError::Throttled), true, [].into_iter()), Verdict::Throttled);
        assert_eq!(
            judge(&Ok(FunctionResponse::FunctionError("{}".into())), true, [].into_iter()),
            Verdict::AllFailed { error: true }
        );
    }
}
