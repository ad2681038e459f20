//! Staying on one core.

/// Keeps this thread, and every process that it starts, on one core. Gives a
/// word for it.
pub(crate) fn to_one_core() -> String {
    // The last one: the first has the machine's interrupts to answer.
    let core = cores().pop();
    core.and_then(|core| keep(&[core])).unwrap_or_else(anywhere)
}

/// Keeps this thread away from that core, if there are others.
pub(crate) fn to_the_others() -> String {
    let mut cores = cores();
    if cores.len() > 1 {
        cores.pop();
    }
    keep(&cores).unwrap_or_else(anywhere)
}

fn anywhere() -> String {
    "on whichever core the system gives it".to_owned()
}

#[cfg(target_os = "linux")]
mod system {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    use std::sync::LazyLock;

    /// What was allowed when this program began: from then on it is what it chose.
    static CORES: LazyLock<Vec<usize>> = LazyLock::new(|| {
        let allowed = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
        (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect()
    });

    pub(super) fn cores() -> Vec<usize> {
        CORES.clone()
    }

    pub(super) fn keep(cores: &[usize]) -> Option<String> {
        let mut set = CpuSet::new();
        cores.iter().for_each(|core| set.set(*core));
        sched_setaffinity(None, &set).ok()?;
        let names: Vec<_> = cores.iter().map(usize::to_string).collect();
        Some(format!("on core {}", names.join(", ")))
    }
}

/// Only Linux lets a thread choose its core.
#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn cores() -> Vec<usize> {
        Vec::new()
    }

    pub(super) fn keep(_: &[usize]) -> Option<String> {
        None
    }
}

use system::{cores, keep};
