//! What AWS asks in us-east-1, without its free tiers, and what is assumed of the
//! waiting.
//!
//! Sources: the pricing pages of Lambda (arm64), DynamoDB (on demand), API Gateway
//! (HTTP APIs), EventBridge (Scheduler) and CloudWatch (logs).

use costs::Usage;

/// How long a call of DynamoDB takes from a function in its region, in milliseconds.
pub(crate) const DYNAMODB: f64 = 5.0;
/// How long a call of WeChat takes, in milliseconds: as from a region near China.
pub(crate) const WECHAT: f64 = 100.0;
/// A function has a whole processor with so much memory ("Configure Lambda function
/// memory" in the Lambda developer guide), and less in proportion.
const WHOLE_PROCESSOR: f64 = 1769.0;
/// What Lambda itself logs of an invocation, in bytes.
const PLATFORM_LOG: f64 = 700.0;

const LAMBDA_GIGABYTE_SECOND: f64 = 0.000_013_333_4;
const LAMBDA_REQUEST: f64 = 0.20e-6;
const READ: f64 = 0.125e-6;
const WRITE: f64 = 0.625e-6;
const GATEWAY_REQUEST: f64 = 1.00e-6;
const SCHEDULED: f64 = 1.00e-6;
const LOG_BYTE: f64 = 0.50e-9;

/// The milliseconds for which one piece of work is billed in one function.
pub(crate) fn billed(used: &Usage) -> f64 {
    let computing = used.processor * WHOLE_PROCESSOR / used.memory;
    let waiting = used.dynamodb * DYNAMODB + used.wechat * WECHAT;
    // Each invocation is rounded up to the millisecond.
    computing + waiting + 0.5 * used.invocations
}

/// What one piece of work uses of everything that is paid for.
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
        self.gigabyte_seconds += billed(used) / 1000.0 * used.memory / 1024.0;
        self.invocations += used.invocations;
        self.reads += used.reads;
        self.writes += used.writes;
        self.log_bytes += used.log_bytes + PLATFORM_LOG * used.invocations;
    }

    /// In US dollars, for so many of it.
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
    fn a_second_of_a_gigabyte_costs_what_lambda_asks() {
        let used = Usage {
            memory: 1024.0,
            invocations: 1.0,
            processor: 999.5 * 1024.0 / WHOLE_PROCESSOR,
            ..Usage::default()
        };
        assert!((billed(&used) - 1000.0).abs() < 1e-6);
        let mut bill = Bill { requests: 1.0, ..Bill::default() };
        bill.add(&used);
        let price = bill.price(0.0, 1e6);
        assert!((price.lambda - (13.333_4 + 0.20)).abs() < 1e-6, "{}", price.lambda);
        assert!((price.gateway - 1.0).abs() < 1e-6);
        assert!((price.logs - 0.35).abs() < 1e-6);
    }
}
