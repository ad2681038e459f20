//! The injected faults and their progress.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Call, Fault, InvalidFault};

/// All faults that wait for calls. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    waiting: Mutex<Vec<FaultHandle>>,
    last: AtomicU64,
}

/// An injected fault. Cheap to clone; dropping it changes nothing.
#[derive(Clone, Debug)]
pub struct FaultHandle(Arc<Registration>);

#[derive(Debug)]
struct Registration {
    id: u64,
    fault: Fault,
    until: Option<Instant>,
    progress: watch::Sender<FaultProgress>,
}

/// How far a fault has come.
#[derive(Debug, Default)]
struct FaultProgress {
    /// How many calls it concerned, affected or not.
    concerned: u64,
    /// How many calls it may still affect.
    left: Option<u32>,
    fired: u64,
    /// How many calls it affects now, held or not.
    under_way: usize,
    holding: usize,
    /// How often it was released; held calls continue when this grows.
    releases: u64,
    cancelled: bool,
}

impl Faults {
    /// Registers a fault. Where several wait for a call, the one injected first affects it.
    /// Refuses one that names no service that is here, does nothing, or could never affect
    /// a call.
    pub fn inject(&self, fault: Fault) -> Result<FaultHandle, InvalidFault> {
        fault.check()?;
        let progress = FaultProgress { left: fault.times, ..FaultProgress::default() };
        let handle = FaultHandle(Arc::new(Registration {
            id: self.0.last.fetch_add(1, Ordering::SeqCst) + 1,
            until: fault.for_ms.map(|time| Instant::now() + Duration::from_millis(time)),
            fault,
            progress: watch::Sender::new(progress),
        }));
        self.waiting().push(handle.clone());
        Ok(handle)
    }

    /// The faults that aren't over, in the order of their injection.
    pub fn list(&self) -> Vec<FaultHandle> {
        let mut waiting = self.waiting();
        waiting.retain(|handle| !handle.is_over());
        waiting.clone()
    }

    /// The fault of this number, unless it is over.
    pub fn get(&self, id: u64) -> Option<FaultHandle> {
        self.list().into_iter().find(|handle| handle.id() == id)
    }

    /// Cancels all faults and returns their number. Held calls continue.
    pub fn cancel(&self) -> usize {
        let all = self.list();
        all.iter().for_each(FaultHandle::cancel);
        all.len()
    }

    /// Whether a fault needs to know the resources that this call's body names.
    pub(super) fn need_resources(&self, call: &Call) -> bool {
        self.waiting()
            .iter()
            .any(|handle| handle.0.fault.resource.is_some() && handle.0.fault.may_concern(call))
    }

    /// Fires the fault that waits for this call, if one does.
    pub(super) fn fire(&self, call: &Call) -> Option<Injection> {
        let mut waiting = self.waiting();
        waiting.retain(|handle| !handle.is_over());
        waiting
            .iter()
            .find_map(|handle| handle.0.fault.concerns(call).then(|| handle.fire()).flatten())
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<FaultHandle>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FaultHandle {
    /// Its number, unlike that of any other.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// How many calls it has affected.
    pub fn fired(&self) -> u64 {
        self.0.progress.borrow().fired
    }

    /// How many calls it holds now.
    pub fn holding(&self) -> usize {
        self.0.progress.borrow().holding
    }

    /// Returns once it has affected this number of calls or more.
    pub async fn has_fired(&self, calls: u64) {
        self.until(|progress| progress.fired >= calls).await;
    }

    /// Returns when it holds exactly this number of calls.
    ///
    /// A held call ends shortly after its caller does, and isn't executed if it was held
    /// before execution: after killing a caller, wait for zero before releasing or
    /// cancelling the fault.
    pub async fn holds(&self, calls: usize) {
        self.until(|progress| progress.holding == calls).await;
    }

    /// Releases the calls that are held now and returns their number. The fault stays
    /// for the next calls, if it has times left.
    pub fn release(&self) -> usize {
        let mut held = 0;
        self.0.progress.send_modify(|progress| {
            progress.releases += 1;
            held = progress.holding;
        });
        held
    }

    /// Ends it. Held calls continue.
    pub fn cancel(&self) {
        self.0.progress.send_modify(|progress| progress.cancelled = true);
    }

    /// The fault and its progress, as the control API shows it.
    pub fn json(&self) -> Json {
        let mut json = json!(self.0.fault);
        let progress = self.0.progress.borrow();
        json["id"] = self.0.id.into();
        json["left"] = progress.left.into();
        json["fired"] = progress.fired.into();
        json["holding"] = progress.holding.into();
        json
    }

    async fn until(&self, condition: impl Fn(&FaultProgress) -> bool) {
        // The sender lives in here, so that waiting doesn't fail.
        let _ = self.0.progress.subscribe().wait_for(condition).await;
    }

    fn is_over(&self) -> bool {
        let progress = self.0.progress.borrow();
        progress.cancelled
            || (progress.left == Some(0) && progress.under_way == 0)
            || self.0.until.is_some_and(|until| until <= Instant::now())
    }

    fn fire(&self) -> Option<Injection> {
        let fired = self.0.progress.send_if_modified(|progress| {
            if progress.left == Some(0) {
                return false;
            }
            progress.concerned += 1;
            if !self.0.fault.is_due(progress.concerned) {
                return false;
            }
            progress.left = progress.left.map(|left| left - 1);
            progress.fired += 1;
            progress.under_way += 1;
            true
        });
        fired.then(|| Injection(self.clone()))
    }
}

/// A fault while it affects one call. Dropped when the call is over, or its caller
/// gone.
pub(super) struct Injection(FaultHandle);

impl Injection {
    pub(super) fn fault(&self) -> &Fault {
        &self.0.0.fault
    }

    /// Waits as long as the fault says.
    pub(super) async fn wait(&self) {
        let Registration { fault, until, .. } = &*self.0.0;
        tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
        if !fault.hold {
            return;
        }
        let held = HoldGuard::new(&self.0.0.progress);
        let released =
            self.0.until(|progress| progress.cancelled || progress.releases > held.since);
        match until {
            // Over is as good as released.
            Some(until) => drop(tokio::time::timeout_at(*until, released).await),
            None => released.await,
        }
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        self.0.0.progress.send_modify(|progress| progress.under_way -= 1);
    }
}

/// Counts a call for as long as it is held.
struct HoldGuard<'c> {
    progress: &'c watch::Sender<FaultProgress>,
    /// How often the fault had been released before.
    since: u64,
}

impl<'c> HoldGuard<'c> {
    fn new(progress: &'c watch::Sender<FaultProgress>) -> Self {
        let mut since = 0;
        progress.send_modify(|progress| {
            progress.holding += 1;
            since = progress.releases;
        });
        Self { progress, since }
    }
}

impl Drop for HoldGuard<'_> {
    fn drop(&mut self) {
        self.progress.send_modify(|progress| progress.holding -= 1);
    }
}
