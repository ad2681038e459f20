//! The processor time and memory of processes, from `proc(5)`.

use std::fs;

/// What processes have used.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessUsage {
    /// Processor time of all of them, in milliseconds.
    pub processor_ms: f64,
    /// The largest peak of resident memory among them, in MB.
    pub peak_mb: f64,
}

/// The usage of those of these processes that run the function's binary.
#[must_use]
pub fn usage_of_function(function: &str, processes: &[u32]) -> ProcessUsage {
    sum(processes.iter().copied().filter(|process| read(*process, "comm").trim() == function))
}

/// The usage of a process and its children.
#[must_use]
pub fn usage_with_children(process: u32) -> ProcessUsage {
    let children = numbered_entries("/proc").into_iter().filter(|other| {
        // The name, in parentheses, is followed by the state and the parent.
        let stat = read(*other, "stat");
        let fields = stat.rsplit(')').next().unwrap_or_default();
        fields.split_whitespace().nth(1).and_then(|parent| parent.parse().ok()) == Some(process)
    });
    sum(std::iter::once(process).chain(children))
}

/// A process's memory, in kB: `VmRSS` is the resident memory, `VmHWM` its peak. `None`
/// if the process has ended.
#[must_use]
pub fn memory_kb(process: u32, field: &str) -> Option<u64> {
    let status = read(process, "status");
    let value = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    value.split_whitespace().next()?.parse().ok()
}

fn sum(processes: impl Iterator<Item = u32>) -> ProcessUsage {
    let mut usage = ProcessUsage::default();
    for process in processes {
        // In nanoseconds for each thread ("Scheduler Statistics" in the kernel's
        // documentation); `stat` counts in hundredths of a second.
        for thread in numbered_entries(&format!("/proc/{process}/task")) {
            let times = read(process, &format!("task/{thread}/schedstat"));
            let time = times.split_whitespace().next().and_then(|time| time.parse::<f64>().ok());
            usage.processor_ms += time.unwrap_or_default() / 1e6;
        }
        let peak = memory_kb(process, "VmHWM").unwrap_or_default();
        usage.peak_mb = usage.peak_mb.max(peak as f64 / 1024.0);
    }
    usage
}

/// The processes or threads that a folder lists.
fn numbered_entries(folder: &str) -> Vec<u32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Empty if the process has ended.
fn read(process: u32, file: &str) -> String {
    fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default()
}
