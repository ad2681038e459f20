//! What processes have used, as Linux tells (`proc(5)`).

use std::fs;

/// What processes have used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    /// Processor time of all of them, in milliseconds.
    pub processor: f64,
    /// The most memory that one of them had, in MB.
    pub peak: f64,
}

/// What those of these processes have used that run the function's binary.
#[must_use]
pub fn of(function: &str, processes: &[u32]) -> Used {
    sum(processes.iter().copied().filter(|process| read(*process, "comm").trim() == function))
}

/// What a process has used, and those that it has started.
#[must_use]
pub fn family(process: u32) -> Used {
    let children = numbers("/proc").into_iter().filter(|other| {
        // Behind its name in parentheses stand its state and its parent.
        let stat = read(*other, "stat");
        let behind = stat.rsplit(')').next().unwrap_or_default();
        behind.split_whitespace().nth(1).and_then(|parent| parent.parse().ok()) == Some(process)
    });
    sum(std::iter::once(process).chain(children))
}

/// A process's memory, in kB: `VmRSS` is what it has now, `VmHWM` the most that it has
/// had. `None` if the process is gone.
#[must_use]
pub fn memory(process: u32, field: &str) -> Option<u64> {
    let status = read(process, "status");
    let value = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    value.split_whitespace().next()?.parse().ok()
}

fn sum(processes: impl Iterator<Item = u32>) -> Used {
    let mut used = Used::default();
    for process in processes {
        // In nanoseconds, thread by thread ("Scheduler Statistics" in the kernel's
        // documentation); `stat` counts in hundredths of a second.
        for thread in numbers(&format!("/proc/{process}/task")) {
            let times = read(process, &format!("task/{thread}/schedstat"));
            let time = times.split_whitespace().next().and_then(|time| time.parse::<f64>().ok());
            used.processor += time.unwrap_or_default() / 1e6;
        }
        let peak = memory(process, "VmHWM").unwrap_or_default();
        used.peak = used.peak.max(peak as f64 / 1024.0);
    }
    used
}

/// The processes or threads that a folder tells of.
fn numbers(folder: &str) -> Vec<u32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Nothing if the process is gone.
fn read(process: u32, file: &str) -> String {
    fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default()
}
