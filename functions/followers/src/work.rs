//! The work on one import by one invocation.

use crate::app::App;
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::parameters::WeChatApp;
use shared::store::{FollowerImport, ImportCounts, ImportLease};
use std::sync::Mutex;

/// A claim holds for so many seconds since it was renewed: so long nobody goes on
/// with what was left behind by whoever was ended in the middle.
pub(crate) const LEASE: u64 = 90;
/// It is renewed when so many seconds of it are over.
const RENEWED: u64 = 20;
/// What is begun takes so many seconds at most: four calls to WeChat with their
/// pauses, and AWS.
const STEP: u64 = 40;

/// Why the work on an import stops before its end.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The invocation ends; the next minute goes on.
    NoTime,
    /// It has to wait until then, for this reason.
    Later(Timestamp, String),
    /// It can't be done until somebody mends this.
    Failed(String),
    /// Somebody else works on it by now, or it was called off.
    Lost,
    /// AWS didn't do its part.
    Aws(AwsError),
}

impl From<AwsError> for Halt {
    fn from(error: AwsError) -> Self {
        Self::Aws(error)
    }
}

/// The work on one import by one invocation.
pub(crate) struct Work<'a> {
    pub(crate) account: &'a WeChatApp,
    pub(crate) deadline: Timestamp,
    /// What has been used and done, also since the last page.
    pub(crate) counts: Counts,
    claim: ImportLease,
    /// When the claim was renewed last, with the import as it was stored then.
    renewed: tokio::sync::Mutex<(Timestamp, FollowerImport)>,
}

impl<'a> Work<'a> {
    pub(crate) fn new(
        account: &'a WeChatApp,
        claim: ImportLease,
        import: &FollowerImport,
        deadline: Timestamp,
    ) -> Self {
        let renewed = tokio::sync::Mutex::new((Timestamp::now(), import.clone()));
        let counts = Counts(Mutex::new(import.counts));
        Self { account, deadline, counts, claim, renewed }
    }

    /// Whether something may be begun.
    pub(crate) fn is_time_left(&self) -> bool {
        Timestamp::now().plus(STEP) <= self.deadline
    }

    /// Stores how far the import is.
    pub(crate) async fn store(&self, app: &App, import: &mut FollowerImport) -> Result<(), Halt> {
        import.counts = self.counts.get();
        let mut renewed = self.renewed.lock().await;
        let now = Timestamp::now();
        if !app.imports.save(&self.claim, import, Some(now.plus(LEASE))).await? {
            return Err(Halt::Lost);
        }
        *renewed = (now, import.clone());
        Ok(())
    }

    /// Keeps the right to work on it, if some of its time is over.
    pub(crate) async fn renew(&self, app: &App) -> Result<(), Halt> {
        // One of several who come at once does it.
        let mut renewed = self.renewed.lock().await;
        let now = Timestamp::now();
        if now.seconds_since(renewed.0) < RENEWED {
            return Ok(());
        }
        renewed.1.counts = self.counts.get();
        if !app.imports.save(&self.claim, &renewed.1, Some(now.plus(LEASE))).await? {
            return Err(Halt::Lost);
        }
        renewed.0 = now;
        Ok(())
    }

    /// Gives the right back. False if it was somebody else's already.
    pub(crate) async fn give_back(
        &self,
        app: &App,
        import: &mut FollowerImport,
    ) -> Result<bool, AwsError> {
        import.counts = self.counts.get();
        app.imports.save(&self.claim, import, None).await
    }
}

/// What has been used and done, counted by several at once.
#[derive(Debug)]
pub(crate) struct Counts(Mutex<ImportCounts>);

impl Counts {
    pub(crate) fn get(&self) -> ImportCounts {
        *self.0.lock().expect("nothing panics under this lock")
    }

    pub(crate) fn list(&self) {
        self.change(|counts| counts.lists += 1);
    }

    pub(crate) fn batch(&self) {
        self.change(|counts| counts.batches += 1);
    }

    /// So many were brought in, of whom so many have no unionid.
    pub(crate) fn imported(&self, so_many: usize, without_union_id: usize) {
        self.change(|counts| {
            counts.imported += so_many as u64;
            counts.without_union_id += without_union_id as u64;
        });
    }

    pub(crate) fn left(&self) {
        self.change(|counts| counts.left += 1);
    }

    fn change(&self, change: impl FnOnce(&mut ImportCounts)) {
        change(&mut self.0.lock().expect("nothing panics under this lock"));
    }
}
