//! What the processes of a function have used, as Linux tells (`proc(5)`).

/// Linux counts processor time in hundredths of a second, whatever its clock
/// ("`proc_pid_stat`" in its manual, and `CLK_TCK` of `sysconf`).
const MILLISECONDS_A_TICK: f64 = 10.0;

/// What the processes of a function have used.
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
    let read = |process: &u32, file: &str| {
        std::fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default()
    };
    let mut used = Used::default();
    for process in processes {
        if read(process, "comm").trim() != function {
            continue;
        }
        // After the name in parentheses; the 14th and 15th of all are the times.
        let stat = read(process, "stat");
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: f64 = fields.skip(11).take(2).filter_map(|it| it.parse::<f64>().ok()).sum();
        used.processor += ticks * MILLISECONDS_A_TICK;
        let status = read(process, "status");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        used.peak = used.peak.max(peak.unwrap_or_default() / 1024.0);
    }
    used
}
