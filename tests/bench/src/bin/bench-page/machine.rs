//! The machine that was measured on.

use std::fs;
use std::process::Command;

/// The day, the machine and the compiler, as a list.
pub(crate) fn describe() -> String {
    let lines = [
        ("Day", output_of("date", &["+%F"])),
        ("Processor", processor()),
        ("Memory", memory()),
        ("System", output_of("uname", &["-srm"])),
        ("Compiler", output_of("rustc", &["--version"])),
        ("Load before (1, 5, 15 minutes)", load()),
    ];
    lines.map(|(name, value)| format!("- {name}: {value}\n")).concat()
}

fn processor() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    format!("{}, {cores} cores", model.map_or("unknown", |(_, model)| model.trim()))
}

fn memory() -> String {
    let info = read("/proc/meminfo");
    let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kilobytes = total.and_then(|it| it.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.map_or("unknown".to_owned(), |it| format!("{} GiB", it.div_ceil(1 << 20)))
}

fn load() -> String {
    read("/proc/loadavg").split_whitespace().take(3).collect::<Vec<_>>().join(", ")
}

/// The first line that a program prints.
fn output_of(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|_| "unknown".to_owned())
}

fn read(file: &str) -> String {
    fs::read_to_string(file).unwrap_or_default()
}
