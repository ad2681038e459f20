//! Fault injection: errors, delays and broken connections of AWS, on demand.
//!
//! A [`Fault`] waits for calls of one operation and refuses, delays or holds
//! them, or breaks the connection; before the call is executed, or after.
//! [`Faults::inject`] registers it, and the returned [`FaultHandle`] reports its
//! progress and cancels it. Only calls through the port are affected: mappings,
//! pipes and this process's own handles aren't clients.
//!
//! An SDK retries a failed call (three attempts by default); each attempt is a call
//! here.

pub(crate) mod call;
mod faults;
mod inject;

pub(crate) use call::Call;
pub use faults::{FaultHandle, Faults};
pub(crate) use inject::inject;

use std::time::Duration;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

/// The services that faults can affect, by their names in the AWS CLI.
const SERVICES: &[&str] = &["dynamodb", "dynamodbstreams", "lambda", "sqs", "ssm"];

/// A fault, and the calls that it waits for.
///
/// JSON over HTTP. In Rust, the first calls choose what it waits for and the next ones
/// what it does:
///
/// ```
/// # use local_aws::Fault;
/// let fault = Fault::new("dynamodb", "PutItem").by("shop-local-callback").hold().once();
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use]
pub struct Fault {
    /// `dynamodb`, `dynamodbstreams`, `lambda`, `sqs` or `ssm`; `*` for all.
    pub service: String,
    /// The operation, as in `PutItem`; `*` for all.
    pub operation: String,
    /// Only calls that name this table, queue, parameter or function (by its
    /// name, not its ARN). One that ends in `*` stands for all that begin so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Only calls that this function makes, as in `shop-local-callback`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// Percentage of these calls, spread evenly: with 50 every second one. By default
    /// all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<u32>,
    /// Maximum number of calls that it affects; by default no maximum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// How long it lasts, in milliseconds from its injection; by default until it is
    /// cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
    /// Delay in milliseconds: before the call is executed or, with `after`, before the
    /// response. Goes with any of the others.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub delay_ms: u64,
    /// Holds calls until the fault is released, cancelled or over.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hold: bool,
    /// Refuses with this error code, as in `ThrottlingException`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refuse: Option<String>,
    /// The status of the refusal, where the code's own isn't meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Breaks the connection before the first byte of an answer.
    #[serde(default, skip_serializing_if = "is_false")]
    pub reset: bool,
    /// Executes the call first; only its response is lost or late.
    #[serde(default, skip_serializing_if = "is_false")]
    pub after: bool,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Why a fault is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidFault(String);

impl Fault {
    /// A fault of one operation (or `*`) of one service (or `*`) that does nothing yet.
    pub fn new(service: &str, operation: &str) -> Self {
        Self { service: service.to_owned(), operation: operation.to_owned(), ..Self::default() }
    }

    /// Only calls that name this table, queue, parameter or function.
    pub fn on(self, resource: impl Into<String>) -> Self {
        Self { resource: Some(resource.into()), ..self }
    }

    /// Only calls that this function makes.
    pub fn by(self, caller: impl Into<String>) -> Self {
        Self { caller: Some(caller.into()), ..self }
    }

    /// Affects this percentage of these calls, spread evenly.
    pub fn percent(self, percent: u32) -> Self {
        Self { percent: Some(percent), ..self }
    }

    /// Affects this number of calls and is over then.
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    /// Affects one call.
    pub fn once(self) -> Self {
        self.times(1)
    }

    /// Is over after this time, to the millisecond.
    pub fn lasting(self, time: Duration) -> Self {
        Self { for_ms: Some(crate::clock::millis(time)), ..self }
    }

    /// Delays by this time, to the millisecond.
    pub fn delay(self, time: Duration) -> Self {
        Self { delay_ms: crate::clock::millis(time), ..self }
    }

    /// Holds calls until it is released, cancelled or over.
    pub fn hold(self) -> Self {
        Self { hold: true, ..self }
    }

    /// Refuses with this error code.
    pub fn refuse(self, code: &str) -> Self {
        Self { refuse: Some(code.to_owned()), ..self }
    }

    /// Breaks the connection.
    pub fn reset(self) -> Self {
        Self { reset: true, ..self }
    }

    /// Executes the call first.
    pub fn after(self) -> Self {
        Self { after: true, ..self }
    }

    /// Checks that the fault can have an effect.
    fn check(&self) -> Result<(), InvalidFault> {
        let wrong = |why: &str| Err(InvalidFault(why.to_owned()));
        if self.service != "*" && !SERVICES.contains(&self.service.as_str()) {
            return Err(InvalidFault(format!(
                "there is no service `{}`: service is one of {}, or * for all",
                self.service,
                SERVICES.join(", ")
            )));
        }
        let named = self.operation.starts_with(|first: char| first.is_ascii_uppercase());
        if self.operation != "*" && !named {
            return wrong("operation must be one such as PutItem, or * for all");
        }
        if self.percent.is_some_and(|percent| !(1..=100).contains(&percent)) {
            return wrong("percent must be 1 to 100");
        }
        if self.times == Some(0) || self.for_ms == Some(0) {
            return wrong("times or for_ms is 0, so that it would never affect a call");
        }
        if self.refuse.is_none() && !self.reset && !self.hold && self.delay_ms == 0 {
            return wrong("a fault needs one of refuse, reset, hold, delay_ms");
        }
        if self.reset && self.refuse.is_some() {
            return wrong("reset answers nothing: it doesn't go with refuse");
        }
        match self.status {
            Some(_) if self.refuse.is_none() => wrong("status goes with refuse only"),
            Some(status) if !(400..=599).contains(&status) => wrong("status must be 400 to 599"),
            _ => Ok(()),
        }
    }

    fn concerns(&self, call: &Call) -> bool {
        let caller = self.caller.is_none() || self.caller == call.caller;
        let named = |wanted: &String| {
            call.resources.iter().any(|name| match wanted.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => name == wanted,
            })
        };
        self.may_concern(call) && caller && self.resource.as_ref().is_none_or(named)
    }

    /// Whether it affects the call of this number among those that it concerns: the first
    /// is number 1.
    fn is_due(&self, number: u64) -> bool {
        let percent = self.percent.map_or(100, u64::from);
        number * percent / 100 > (number - 1) * percent / 100
    }

    /// As far as can be told without reading the call's body.
    fn may_concern(&self, call: &Call) -> bool {
        let fits = |wanted: &str, is: &str| wanted == "*" || wanted == is;
        fits(&self.service, call.service) && fits(&self.operation, &call.operation)
    }

    /// The status of its refusal.
    fn refusal_status(&self, service: &str, code: &str) -> StatusCode {
        let chosen = self.status.and_then(|status| StatusCode::from_u16(status).ok());
        chosen.unwrap_or_else(|| usual_status(service, code))
    }
}

/// The status that the service's API reference names for an error code. Those
/// of AWS JSON have 400 for all that isn't their own failure; Lambda is REST.
fn usual_status(service: &str, code: &str) -> StatusCode {
    match (service, code) {
        (
            _,
            "InternalServerError"
            | "InternalServerErrorException"
            | "InternalFailure"
            | "InternalError"
            | "ServiceException",
        ) => StatusCode::INTERNAL_SERVER_ERROR,
        (_, "ServiceUnavailable" | "ServiceUnavailableException") => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        ("lambda", "TooManyRequestsException") => StatusCode::TOO_MANY_REQUESTS,
        ("lambda", "AccessDeniedException") => StatusCode::FORBIDDEN,
        ("lambda", "ResourceNotFoundException") => StatusCode::NOT_FOUND,
        ("lambda", "ResourceConflictException") => StatusCode::CONFLICT,
        ("lambda", "EC2ThrottledException" | "ResourceNotReadyException") => {
            StatusCode::BAD_GATEWAY
        }
        _ => StatusCode::BAD_REQUEST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_without_effect_is_invalid() {
        let put = || Fault::new("dynamodb", "PutItem");
        let error = |fault: Fault| fault.check().unwrap_err().to_string();
        assert_eq!(put().refuse("InternalServerError").check(), Ok(()));
        assert_eq!(Fault::new("*", "*").reset().after().times(3).check(), Ok(()));
        assert!(error(Fault::new("dynamo", "PutItem").reset()).contains("dynamodbstreams"));
        assert!(error(Fault::new("dynamodb", "put-item").reset()).contains("PutItem"));
        assert!(error(put()).contains("one of refuse"));
        assert!(error(put().hold().times(0)).contains("never"));
        assert!(error(put().hold().percent(0)).contains("1 to 100"));
        assert!(error(put().hold().percent(101)).contains("1 to 100"));
        assert!(error(put().reset().refuse("X")).contains("reset"));
        assert!(error(Fault { status: Some(500), ..put().reset() }).contains("refuse only"));
        assert!(error(Fault { status: Some(200), ..put().refuse("X") }).contains("400 to 599"));
    }

    #[test]
    fn fault_concerns_calls_that_match_every_field() {
        let call = Call {
            service: "dynamodb",
            operation: "PutItem".to_owned(),
            resources: vec!["shop-local-events".to_owned()],
            caller: Some("shop-local-callback".to_owned()),
        };
        let put = || Fault::new("dynamodb", "PutItem");
        for fits in [
            put(),
            Fault::new("*", "PutItem"),
            Fault::new("dynamodb", "*"),
            put().on("shop-local-events"),
            put().on("shop-local-*").by("shop-local-callback"),
        ] {
            assert!(fits.concerns(&call), "{fits:?}");
        }
        for other in [
            Fault::new("sqs", "*"),
            Fault::new("dynamodb", "GetItem"),
            put().on("shop-local-users"),
            put().on("shop-local"),
            put().by("shop-local-events"),
        ] {
            assert!(!other.concerns(&call), "{other:?}");
        }
    }

    #[test]
    fn a_share_of_calls_is_spread_evenly() {
        let due = |fault: Fault, calls: u64| {
            (1..=calls).filter(|number| fault.is_due(*number)).collect::<Vec<_>>()
        };
        assert_eq!(due(Fault::default(), 3), [1, 2, 3]);
        assert_eq!(due(Fault::default().percent(50), 6), [2, 4, 6]);
        assert_eq!(due(Fault::default().percent(75), 8), [2, 3, 4, 6, 7, 8]);
        assert_eq!(due(Fault::default().percent(1), 250), [100, 200]);
    }

    #[test]
    fn a_refusal_has_the_status_that_its_service_gives_it() {
        let status =
            |service: &str, code: &str| Fault::default().refusal_status(service, code).as_u16();
        assert_eq!(status("dynamodb", "InternalServerError"), 500);
        assert_eq!(status("dynamodb", "ProvisionedThroughputExceededException"), 400);
        assert_eq!(status("ssm", "ThrottlingException"), 400);
        assert_eq!(status("lambda", "TooManyRequestsException"), 429);
        let chosen = Fault { status: Some(503), ..Fault::default() };
        assert_eq!(chosen.refusal_status("dynamodb", "ThrottlingException").as_u16(), 503);
    }
}
