//! Pins threads to cores.

/// Pins this thread, and the processes that it starts, to one core. Returns a phrase that
/// names it.
pub(crate) fn to_one_core() -> String {
    // The last one: the first one handles the machine's interrupts.
    let core = cores().pop();
    core.and_then(|core| pin_to(&[core])).unwrap_or_else(unpinned)
}

/// Pins this thread to all other cores, if there are any.
pub(crate) fn to_other_cores() -> String {
    let mut cores = cores();
    if cores.len() > 1 {
        cores.pop();
    }
    pin_to(&cores).unwrap_or_else(unpinned)
}

fn unpinned() -> String {
    "on a core that the system chooses".to_owned()
}

#[cfg(target_os = "linux")]
mod system {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    use std::sync::LazyLock;

    /// What was allowed at start, before this program pinned itself.
    static CORES: LazyLock<Vec<usize>> = LazyLock::new(|| {
        let allowed = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
        (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect()
    });

    pub(super) fn cores() -> Vec<usize> {
        CORES.clone()
    }

    pub(super) fn pin_to(cores: &[usize]) -> Option<String> {
        let mut set = CpuSet::new();
        cores.iter().for_each(|core| set.set(*core));
        sched_setaffinity(None, &set).ok()?;
        let names: Vec<_> = cores.iter().map(usize::to_string).collect();
        Some(format!("on core {}", names.join(", ")))
    }
}

/// Only Linux can pin threads.
#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn cores() -> Vec<usize> {
        Vec::new()
    }

    pub(super) fn pin_to(_: &[usize]) -> Option<String> {
        None
    }
}

use system::{cores, pin_to};
