//! CloudWatch, as far as alarms need it: the metrics that functions print and those that AWS
//! measures of them, and the alarms of a template, evaluated on a clock that only moves when
//! it is told to.
//!
//! It is a model for tests: a condition that lasts for an hour takes no time. Because the
//! clock stands still in between, a measured time (Lambda's `Duration`, the age of a stream
//! record or of a message) is the time by which the clock was moved meanwhile.
//!
//! Sources: "Using Amazon CloudWatch alarms" in the CloudWatch user guide, "Types of metrics
//! for Lambda functions", "Available CloudWatch metrics for Amazon SQS", "Monitor CloudWatch
//! metrics for HTTP APIs".

mod alarm;
mod clock;
mod embedded;
mod expression;
mod series;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value as Json;

use crate::{
    observer::{InvocationEnd, Observed, TrafficObserver},
    services::sqs::Queues,
};
use alarm::Alarm;
use clock::SteppedClock;
use series::{Metrics, Series};

/// CloudWatch evaluates an alarm every minute, and SQS measures a queue every minute.
const MINUTE: Duration = Duration::from_secs(60);

/// The state of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmState {
    /// It has not been evaluated.
    InsufficientData,
    /// The condition is not met.
    Ok,
    /// The condition is met.
    Alarm,
}

/// Metrics and alarms: a handle, cheap to clone.
#[derive(Clone, Default)]
pub struct CloudWatch(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    clock: SteppedClock,
    metrics: Metrics,
    alarms: BTreeMap<String, (Alarm, AlarmState)>,
    queues: Option<Queues>,
    /// When each invocation under way began, of which function, and whether in a new
    /// environment.
    invocations: BTreeMap<u64, (String, Duration, bool)>,
    /// The alarms that have been in the state `Alarm`.
    begun: BTreeSet<String>,
    /// How much time passes with each invocation of a function.
    steps: BTreeMap<String, Duration>,
}

impl CloudWatch {
    /// Evaluates these alarms, as a template has them, from now on, and measures the queues
    /// that they name. An alarm with a property that this model doesn't have is an error.
    pub fn watch(&self, alarms: &[Json], queues: Queues) -> Result<(), String> {
        let mut state = self.state();
        for alarm in alarms {
            let alarm = Alarm::read(alarm)?;
            state.alarms.insert(alarm.id.clone(), (alarm, AlarmState::InsufficientData));
        }
        state.queues = Some(queues);
        Ok(())
    }

    /// The logical ids of the alarms.
    pub fn alarms(&self) -> Vec<String> {
        self.state().alarms.keys().cloned().collect()
    }

    /// Measures what AWS measures of the traffic.
    pub fn observer(&self) -> TrafficObserver {
        let state = self.clone();
        TrafficObserver::new(move |observed| state.state().observe(&observed))
            .only_calls(|_, _| false)
    }

    /// Takes the metrics from a line of a function's log, if it has any.
    pub fn read_line(&self, line: &str) {
        let Some(measured) = embedded::read(line) else { return };
        let mut state = self.state();
        let now = state.clock.now();
        for (series, value) in measured {
            state.metrics.put(series, now, value);
        }
    }

    /// Lets time pass. Alarms are evaluated at each whole minute on the way.
    pub fn advance(&self, by: Duration) {
        self.state().advance(by);
    }

    /// Lets time pass with each invocation of a function from now on, before it: zero ends
    /// that.
    pub fn advance_with_each_invocation(&self, function: &str, by: Duration) {
        self.state().steps.insert(function.to_owned(), by);
    }

    /// The state of an alarm, by its logical id, at its last evaluation.
    pub fn state_of(&self, alarm: &str) -> Option<AlarmState> {
        self.state().alarms.get(alarm).map(|(_, state)| *state)
    }

    /// Whether an alarm has ever been in the state [`AlarmState::Alarm`].
    pub fn has_begun(&self, alarm: &str) -> bool {
        self.state().begun.contains(alarm)
    }

    /// The length of an alarm's period, and how many are evaluated.
    pub fn periods_of(&self, alarm: &str) -> Option<(Duration, u32)> {
        let state = self.state();
        let (alarm, _) = state.alarms.get(alarm)?;
        Some((alarm.period, alarm.periods))
    }

    /// Whether the alarm's condition would be met in the period that ends with this minute,
    /// had it only this one.
    pub fn is_breaching(&self, alarm: &str) -> bool {
        let mut state = self.state();
        let (now, end) = (state.clock.now(), state.clock.next_minute());
        state.measure_queues(now);
        let found = state.alarms.get(alarm);
        found.is_some_and(|(alarm, _)| alarm.is_breaching(&state.metrics, end))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn observe(&mut self, observed: &Observed<'_>) {
        match *observed {
            Observed::InvocationStarted { number, function, cold, .. } => {
                if let Some(step) = self.steps.get(function).copied() {
                    self.advance(step);
                }
                let started = (function.to_owned(), self.clock.now(), cold);
                self.invocations.insert(number, started);
            }
            Observed::InvocationEnded { number, end, .. } => {
                if let Some((function, began, cold)) = self.invocations.remove(&number) {
                    self.count_invocation(&function, began, end, cold);
                }
            }
            Observed::Throttled { function } => {
                self.put("AWS/Lambda", "Throttles", ("FunctionName", function), 1.0);
            }
            Observed::StreamRead { function, created } => {
                let age = self.clock.now().saturating_sub(self.clock.at(created));
                let millis = age.as_secs_f64() * 1000.0;
                self.put("AWS/Lambda", "IteratorAge", ("FunctionName", function), millis);
            }
            Observed::Response { api, status } => {
                let of = ("ApiId", api);
                self.put("AWS/ApiGateway", "Count", of, 1.0);
                // As CloudWatch shows a rate of errors, a request without one counts as 0.
                let is = |class: u16| f64::from(u8::from(status / 100 == class));
                self.put("AWS/ApiGateway", "4xx", of, is(4));
                self.put("AWS/ApiGateway", "5xx", of, is(5));
            }
            _ => {}
        }
    }

    /// Lambda's metrics have the time at which the function was invoked.
    fn count_invocation(
        &mut self,
        function: &str,
        began: Duration,
        end: InvocationEnd,
        cold: bool,
    ) {
        // A process that dies between two invocations is replaced, and fails none.
        if end == InvocationEnd::NeverTaken && !cold {
            return;
        }
        let took = self.clock.now().saturating_sub(began).as_secs_f64() * 1000.0;
        let failed = f64::from(u8::from(end != InvocationEnd::Answered));
        for (metric, value) in [("Invocations", 1.0), ("Errors", failed), ("Duration", took)] {
            let series = Series::new("AWS/Lambda", metric, [("FunctionName", function)]);
            self.metrics.put(series, began, value);
        }
    }

    fn put(&mut self, namespace: &str, metric: &str, of: (&str, &str), value: f64) {
        let now = self.clock.now();
        self.metrics.put(Series::new(namespace, metric, [of]), now, value);
    }

    fn advance(&mut self, by: Duration) {
        let until = self.clock.now() + by;
        while self.clock.next_minute() <= until {
            let minute = self.clock.next_minute();
            // What is measured at the end of a minute belongs to it.
            self.measure_queues(minute - Duration::from_millis(1));
            self.clock.move_to(minute);
            for (id, (alarm, state)) in &mut self.alarms {
                *state = alarm.evaluate(&self.metrics, minute);
                if *state == AlarmState::Alarm {
                    self.begun.insert(id.clone());
                }
            }
        }
        self.clock.move_to(until);
    }

    fn measure_queues(&mut self, at: Duration) {
        let Some(queues) = self.queues.clone() else { return };
        let names = self.alarms.values().flat_map(|(alarm, _)| alarm.values_of("QueueName"));
        let names: Vec<String> = names.map(str::to_owned).collect();
        for name in names {
            let visible = queues.visible(&name).unwrap_or_default();
            let oldest = queues.oldest(&name).map(|sent| at.saturating_sub(self.clock.at(sent)));
            let age = oldest.unwrap_or_default().as_secs_f64();
            #[expect(clippy::cast_precision_loss, reason = "a few messages")]
            let visible = visible as f64;
            for (metric, value) in [
                ("ApproximateNumberOfMessagesVisible", visible),
                ("ApproximateAgeOfOldestMessage", age),
            ] {
                let series = Series::new("AWS/SQS", metric, [("QueueName", name.as_str())]);
                self.metrics.put(series, at, value);
            }
        }
    }
}

#[cfg(test)]
mod tests;
