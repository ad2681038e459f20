//! The second half of a pipe: what the function answers goes to a bus.
//!
//! Rules: EventBridge user guide, "Event enrichment in Amazon EventBridge
//! Pipes" (a list of records goes in even if it is one; each object of the list
//! that comes out is an event; nothing is sent for `""`, `{}` and `[]`),
//! "Amazon EventBridge Pipes batching and concurrency" and "… error handling
//! and troubleshooting".
//!
//! AWS lets a bus take some events of a list and repeats the others; here it
//! takes all of a list or none.

use serde_json::{Value as Json, json};

use super::Stream;
use crate::{
    batch::Verdict,
    eventbridge::buses::Entry,
    services::{
        ACCOUNT, REGION,
        lambda::{FunctionResponse, InvokeError},
    },
    template::BusTarget,
};

/// Where a pipe leads.
pub(super) struct Forward {
    /// The pipe's name.
    pub(super) pipe: String,
    pub(super) target: BusTarget,
}

impl Forward {
    /// Makes events of records, and puts them on the bus.
    pub(super) async fn deliver(&self, stream: &Stream, records: &[&Json]) -> Verdict {
        let event = json!(records).to_string();
        let answer = match stream.functions.invoke(&stream.mapping.function, event.into()).await {
            Ok(FunctionResponse::Ok(answer)) => answer,
            Ok(FunctionResponse::FunctionError(_)) | Err(InvokeError::NotFound) => {
                return Verdict::AllFailed { error: true };
            }
            Err(InvokeError::Throttled) => return Verdict::Throttled,
        };
        let put = details(&answer).and_then(|details| {
            let entries = details.into_iter().map(|detail| Entry {
                source: self.target.source.clone(),
                detail_type: self.target.detail_type.clone(),
                resources: self.target.resources.clone(),
                detail,
            });
            let entries: Vec<_> = entries.collect();
            if entries.is_empty() {
                return Ok(());
            }
            let put = stream.aws.buses.put(&self.target.bus, entries);
            put.map_err(|refusal| refusal.to_string())
        });
        match put {
            Ok(()) => Verdict::Done,
            Err(why) => {
                let function = &stream.mapping.function;
                stream.trouble(format!("{function}'s answer can't be forwarded: {why}"));
                Verdict::AllFailed { error: false }
            }
        }
    }

    /// How a message about records that are given up begins.
    pub(super) fn context(&self, condition: &str) -> Json {
        json!({
            "partnerResourceArn": format!("arn:aws:pipes:{REGION}:{ACCOUNT}:pipe/{}", self.pipe),
            "condition": condition,
        })
    }
}

/// The events in a response. Errors don't quote the response: it may be private.
fn details(answer: &[u8]) -> Result<Vec<Json>, String> {
    if answer.is_empty() {
        return Ok(Vec::new());
    }
    match serde_json::from_slice(answer) {
        Ok(Json::Array(details)) => Ok(details),
        Ok(Json::Object(detail)) if detail.is_empty() => Ok(Vec::new()),
        Ok(Json::Object(detail)) => Ok(vec![Json::Object(detail)]),
        Ok(Json::String(text)) if text.is_empty() => Ok(Vec::new()),
        Ok(_) => Err("it is neither an object nor a list of objects".to_owned()),
        Err(_) => Err("it isn't JSON".to_owned()),
    }
}

#[cfg(test)]
mod tests;
