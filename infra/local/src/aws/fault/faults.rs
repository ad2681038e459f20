//! The faults that are ordered, and what has become of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Call, Fault, Senseless};

/// All faults that wait for calls. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    waiting: Mutex<Vec<Ordered>>,
    last: AtomicU64,
}

/// A fault that was ordered. Cheap to clone; dropping it changes nothing.
#[derive(Clone, Debug)]
pub struct Ordered(Arc<Order>);

#[derive(Debug)]
struct Order {
    id: u64,
    fault: Fault,
    until: Option<Instant>,
    course: watch::Sender<Course>,
}

/// How far a fault has come.
#[derive(Debug)]
struct Course {
    /// How many calls it would have fired, if it befell all.
    concerned: u64,
    /// How many calls it may still befall.
    left: Option<u32>,
    fired: u64,
    /// How many calls it is befalling right now, held or not.
    under_way: usize,
    holding: usize,
    /// How often it was released; who is held goes on when this grows.
    releases: u64,
    called_off: bool,
}

impl Faults {
    /// Orders a fault. Where several wait for a call, the one ordered first befalls it.
    ///
    /// # Errors
    ///
    /// Why it makes no sense: it names no service that is here, does nothing,
    /// or could never befall a call.
    pub fn order(&self, fault: Fault) -> Result<Ordered, Senseless> {
        fault.check()?;
        let course = Course {
            concerned: 0,
            left: fault.times,
            fired: 0,
            under_way: 0,
            holding: 0,
            releases: 0,
            called_off: false,
        };
        let ordered = Ordered(Arc::new(Order {
            id: self.0.last.fetch_add(1, Ordering::SeqCst) + 1,
            until: fault.for_ms.map(|time| Instant::now() + Duration::from_millis(time)),
            fault,
            course: watch::Sender::new(course),
        }));
        self.waiting().push(ordered.clone());
        Ok(ordered)
    }

    /// The faults that aren't over, in the order in which they were ordered.
    #[must_use]
    pub fn list(&self) -> Vec<Ordered> {
        let mut waiting = self.waiting();
        waiting.retain(|ordered| !ordered.is_over());
        waiting.clone()
    }

    /// The fault of this number, unless it is over.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<Ordered> {
        self.list().into_iter().find(|ordered| ordered.id() == id)
    }

    /// Calls off all faults; tells how many. Calls that are held go on.
    pub fn call_off(&self) -> usize {
        let all = self.list();
        all.iter().for_each(Ordered::call_off);
        all.len()
    }

    /// Whether it matters what this call's body names.
    pub(super) fn ask_for_resources(&self, call: &Call) -> bool {
        self.waiting()
            .iter()
            .any(|ordered| ordered.0.fault.resource.is_some() && ordered.0.fault.may_concern(call))
    }

    /// The fault that befalls this call, one time less.
    pub(super) fn take(&self, call: &Call) -> Option<Injecting> {
        let mut waiting = self.waiting();
        waiting.retain(|ordered| !ordered.is_over());
        waiting
            .iter()
            .find_map(|ordered| ordered.0.fault.concerns(call).then(|| ordered.take()).flatten())
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Ordered>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ordered {
    /// Its number, unlike that of any other.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// How many calls it has fired.
    #[must_use]
    pub fn fired(&self) -> u64 {
        self.0.course.borrow().fired
    }

    /// How many calls it holds now.
    #[must_use]
    pub fn holding(&self) -> usize {
        self.0.course.borrow().holding
    }

    /// Returns once it has fired so many calls or more.
    pub async fn has_befallen(&self, calls: u64) {
        self.until(|course| course.fired >= calls).await;
    }

    /// Returns when it holds exactly so many calls.
    ///
    /// One that is held is gone a moment after its caller is, without having
    /// taken effect if it was held before: whoever kills a caller waits for
    /// zero, and only then releases or calls off.
    pub async fn holds(&self, calls: usize) {
        self.until(|course| course.holding == calls).await;
    }

    /// Lets those go on that are held now; tells how many. It stays for the
    /// next ones, if it has times left.
    pub fn release(&self) -> usize {
        let mut held = 0;
        self.0.course.send_modify(|course| {
            course.releases += 1;
            held = course.holding;
        });
        held
    }

    /// Ends it. Calls that are held go on.
    pub fn call_off(&self) {
        self.0.course.send_modify(|course| course.called_off = true);
    }

    /// What it is and what has become of it, as the control API shows it.
    #[must_use]
    pub fn json(&self) -> Json {
        let mut json = json!(self.0.fault);
        let course = self.0.course.borrow();
        json["id"] = self.0.id.into();
        json["left"] = course.left.into();
        json["fired"] = course.fired.into();
        json["holding"] = course.holding.into();
        json
    }

    async fn until(&self, condition: impl Fn(&Course) -> bool) {
        // The sender lives in here, so that waiting doesn't fail.
        let _ = self.0.course.subscribe().wait_for(condition).await;
    }

    fn is_over(&self) -> bool {
        let course = self.0.course.borrow();
        course.called_off
            || (course.left == Some(0) && course.under_way == 0)
            || self.0.until.is_some_and(|until| until <= Instant::now())
    }

    fn take(&self) -> Option<Injecting> {
        let taken = self.0.course.send_if_modified(|course| {
            if course.left == Some(0) {
                return false;
            }
            course.concerned += 1;
            if !self.0.fault.is_due(course.concerned) {
                return false;
            }
            course.left = course.left.map(|left| left - 1);
            course.fired += 1;
            course.under_way += 1;
            true
        });
        taken.then(|| Injecting(self.clone()))
    }
}

/// A fault in the act of befalling one call. Dropped when the call is over, or
/// its caller gone.
pub(super) struct Injecting(Ordered);

impl Injecting {
    pub(super) fn fault(&self) -> &Fault {
        &self.0.0.fault
    }

    /// Waits as long as the fault says.
    pub(super) async fn wait(&self) {
        let Order { fault, until, .. } = &*self.0.0;
        tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
        if !fault.hold {
            return;
        }
        let held = Held::new(&self.0.0.course);
        let released = self.0.until(|course| course.called_off || course.releases > held.since);
        match until {
            // Over is as good as released.
            Some(until) => drop(tokio::time::timeout_at(*until, released).await),
            None => released.await,
        }
    }
}

impl Drop for Injecting {
    fn drop(&mut self) {
        self.0.0.course.send_modify(|course| course.under_way -= 1);
    }
}

/// Counts a call for as long as it is held.
struct Held<'c> {
    course: &'c watch::Sender<Course>,
    /// How often the fault had been released before.
    since: u64,
}

impl<'c> Held<'c> {
    fn new(course: &'c watch::Sender<Course>) -> Self {
        let mut since = 0;
        course.send_modify(|course| {
            course.holding += 1;
            since = course.releases;
        });
        Self { course, since }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.course.send_modify(|course| course.holding -= 1);
    }
}
