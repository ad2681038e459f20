//! AWS's prices in us-east-1 without free tiers, and the assumed latencies.
//!
//! Sources: the pricing pages of Lambda (arm64), DynamoDB (on demand), API Gateway
//! (HTTP APIs), EventBridge (Scheduler) and CloudWatch (logs).

use bench::usage::Usage;

/// The latency of DynamoDB from a function in its region, in milliseconds.
pub(crate) const DYNAMODB_CALL_MS: f64 = 5.0;
/// The latency of WeChat from a region near China, in milliseconds.
pub(crate) const WECHAT_CALL_MS: f64 = 100.0;
/// The memory with which a function has one whole processor; with less it has less in
/// proportion ("Configure Lambda function memory" in the Lambda developer guide).
const WHOLE_PROCESSOR_MB: f64 = 1769.0;
/// What Lambda itself logs of an invocation.
const PLATFORM_LOG_BYTES: f64 = 700.0;

const LAMBDA_GIGABYTE_SECOND: f64 = 0.000_013_333_4;
const LAMBDA_REQUEST: f64 = 0.20e-6;
const READ: f64 = 0.125e-6;
const WRITE: f64 = 0.625e-6;
const GATEWAY_REQUEST: f64 = 1.00e-6;
const SCHEDULED: f64 = 1.00e-6;
const LOG_BYTE: f64 = 0.50e-9;

/// The milliseconds that Lambda bills for this usage.
pub(crate) fn billed_ms(used: &Usage) -> f64 {
    let computing = used.processor_ms * WHOLE_PROCESSOR_MB / used.memory_mb;
    let waiting = used.dynamodb * DYNAMODB_CALL_MS + used.wechat * WECHAT_CALL_MS;
    // Each invocation is rounded up to the millisecond.
    computing + waiting + 0.5 * used.invocations
}

/// The billed usage of one piece of work.
#[derive(Debug, Default)]
pub(crate) struct Bill {
    gigabyte_seconds: f64,
    invocations: f64,
    reads: f64,
    writes: f64,
    log_bytes: f64,
    /// Requests to the HTTP API.
    pub(crate) requests: f64,
}

impl Bill {
    pub(crate) fn add(&mut self, used: &Usage) {
        self.gigabyte_seconds += billed_ms(used) / 1000.0 * used.memory_mb / 1024.0;
        self.invocations += used.invocations;
        self.reads += used.reads;
        self.writes += used.writes;
        self.log_bytes += used.log_bytes + PLATFORM_LOG_BYTES * used.invocations;
    }

    /// The price of this many pieces of work, each with this many scheduled invocations.
    pub(crate) fn price(&self, schedules: f64, times: f64) -> Price {
        Price {
            lambda: times
                * (self.gigabyte_seconds * LAMBDA_GIGABYTE_SECOND
                    + self.invocations * LAMBDA_REQUEST),
            dynamodb: times * (self.reads * READ + self.writes * WRITE),
            gateway: times * self.requests * GATEWAY_REQUEST,
            schedules: times * schedules * SCHEDULED,
            logs: times * self.log_bytes * LOG_BYTE,
        }
    }
}

/// In US dollars.
pub(crate) struct Price {
    pub(crate) lambda: f64,
    pub(crate) dynamodb: f64,
    pub(crate) gateway: f64,
    pub(crate) schedules: f64,
    pub(crate) logs: f64,
}

impl Price {
    pub(crate) fn all(&self) -> f64 {
        self.lambda + self.dynamodb + self.gateway + self.schedules + self.logs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gigabyte_second_costs_lambdas_price() {
        let used = Usage {
            memory_mb: 1024.0,
            invocations: 1.0,
            processor_ms: 999.5 * 1024.0 / WHOLE_PROCESSOR_MB,
            ..Usage::default()
        };
        assert!((billed_ms(&used) - 1000.0).abs() < 1e-6);
        let mut bill = Bill { requests: 1.0, ..Bill::default() };
        bill.add(&used);
        let price = bill.price(0.0, 1e6);
        assert!((price.lambda - (13.333_4 + 0.20)).abs() < 1e-6, "{}", price.lambda);
        assert!((price.gateway - 1.0).abs() < 1e-6);
        assert!((price.logs - 0.35).abs() < 1e-6);
    }
}
