//! One import while one invocation holds its lease.

use crate::app::App;
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::metric;
use shared::parameters::WeChatApp;
use shared::store::{FollowerImport, ImportCounts, ImportLease};
use std::collections::BTreeSet;
use std::sync::Mutex;

/// Lease duration in seconds. Until it expires, no other invocation resumes the import of a
/// crashed one.
pub(crate) const LEASE_TTL: u64 = 90;
/// Age in seconds at which the lease is renewed.
const RENEWAL_AGE: u64 = 20;
/// The longest step in seconds: four calls to WeChat with their pauses, and AWS.
const MAX_STEP_SECS: u64 = 40;

/// Why the work on an import stops before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The invocation's time is over; the next minute's invocation resumes.
    Deadline,
    /// The import has to wait until then, for this reason.
    RetryAt(Timestamp, String),
    /// The import is impossible until an operator fixes this.
    Failed(String),
    /// Another invocation holds the lease, or the import was cancelled.
    LeaseLost,
    Aws(AwsError),
}

impl From<AwsError> for Stop {
    fn from(error: AwsError) -> Self {
        Self::Aws(error)
    }
}

/// An import whose lease this invocation holds.
pub(crate) struct ImportJob<'a> {
    pub(crate) account: &'a WeChatApp,
    pub(crate) deadline: Timestamp,
    /// The totals, including those since the last stored page.
    pub(crate) counts: Counts,
    lease: ImportLease,
    /// The time of the last renewal, and the import as it was stored then.
    renewed: tokio::sync::Mutex<(Timestamp, FollowerImport)>,
}

impl<'a> ImportJob<'a> {
    pub(crate) fn new(
        account: &'a WeChatApp,
        lease: ImportLease,
        import: &FollowerImport,
        deadline: Timestamp,
    ) -> Self {
        let renewed = tokio::sync::Mutex::new((Timestamp::now(), import.clone()));
        let counts = Counts(Mutex::new(import.counts));
        Self { account, deadline, counts, lease, renewed }
    }

    /// Counts and logs followers whom an answer of WeChat's names in a way that can't be
    /// read: they are left out, and what is wrong with each is logged without the openid.
    pub(crate) fn report_unreadable(&self, problems: &[&str]) {
        if problems.is_empty() {
            return;
        }
        let number = problems.len() as u64;
        self.counts.update(|counts| counts.unreadable += number);
        metric::FOLLOWERS_UNREADABLE.record(number, [&self.account.alias]);
        let problems: BTreeSet<_> = problems.iter().collect();
        tracing::warn!(
            app = self.account.alias,
            number,
            ?problems,
            "left out followers whom WeChat's answer names in a way that can't be read"
        );
    }

    /// Whether there is time for one more step.
    pub(crate) fn is_time_left(&self) -> bool {
        Timestamp::now().plus(MAX_STEP_SECS) <= self.deadline
    }

    /// Stores the progress of the import, and renews the lease.
    pub(crate) async fn save(&self, app: &App, import: &mut FollowerImport) -> Result<(), Stop> {
        import.counts = self.counts.get();
        let mut renewed = self.renewed.lock().await;
        let now = Timestamp::now();
        if !app.imports.save(&self.lease, import, Some(now.plus(LEASE_TTL))).await? {
            return Err(Stop::LeaseLost);
        }
        *renewed = (now, import.clone());
        Ok(())
    }

    /// Renews the lease if it is old enough.
    pub(crate) async fn renew(&self, app: &App) -> Result<(), Stop> {
        // Of several concurrent batches, one renews.
        let mut renewed = self.renewed.lock().await;
        let now = Timestamp::now();
        if now.seconds_since(renewed.0) < RENEWAL_AGE {
            return Ok(());
        }
        renewed.1.counts = self.counts.get();
        if !app.imports.save(&self.lease, &renewed.1, Some(now.plus(LEASE_TTL))).await? {
            return Err(Stop::LeaseLost);
        }
        renewed.0 = now;
        Ok(())
    }

    /// Stores the progress and releases the lease. False if the lease was lost before.
    pub(crate) async fn release(
        &self,
        app: &App,
        import: &mut FollowerImport,
    ) -> Result<bool, AwsError> {
        import.counts = self.counts.get();
        app.imports.save(&self.lease, import, None).await
    }
}

/// The totals of an import, updated by concurrent batches.
#[derive(Debug)]
pub(crate) struct Counts(Mutex<ImportCounts>);

impl Counts {
    pub(crate) fn get(&self) -> ImportCounts {
        *self.0.lock().expect("nothing panics under this lock")
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut ImportCounts)) {
        change(&mut self.0.lock().expect("nothing panics under this lock"));
    }
}
