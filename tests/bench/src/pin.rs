//! Staying on one core.

/// Keeps this thread, and every process that it starts, on one core. Gives a
/// word for it.
#[cfg(target_os = "linux")]
pub(crate) fn to_one_core() -> String {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let mut one = CpuSet::new();
    let allowed = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
    // The last one: the first has the machine's interrupts to answer.
    let core = (0..CpuSet::MAX_CPU).rev().find(|core| allowed.is_set(*core));
    let Some(core) = core else { return anywhere() };
    one.set(core);
    match sched_setaffinity(None, &one) {
        Ok(()) => format!("on core {core}"),
        Err(_) => anywhere(),
    }
}

/// Only Linux lets a thread choose its core.
#[cfg(not(target_os = "linux"))]
pub(crate) fn to_one_core() -> String {
    anywhere()
}

fn anywhere() -> String {
    "in one thread, on whichever core the system gives it".to_owned()
}
