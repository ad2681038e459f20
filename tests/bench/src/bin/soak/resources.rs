//! Memory and open files of processes, from `proc(5)`.

use bench::processes::memory_kb;
use bench::stack::FUNCTIONS;
use std::collections::BTreeMap;

const RESIDENT: &str = "VmRSS";

/// The resources of one or several processes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Resources {
    /// Resident memory.
    pub(crate) memory_kb: u64,
    /// Open file descriptors.
    pub(crate) files: u64,
}

/// The functions' processes that were seen so far.
#[derive(Default)]
pub(crate) struct Processes(BTreeMap<u32, String>);

impl Processes {
    /// Samples the resources of each function, over all its processes.
    ///
    /// # Errors
    ///
    /// If a process that was seen before has ended.
    pub(crate) fn sample(&mut self, living: &[u32]) -> Result<BTreeMap<String, Resources>, String> {
        let mut all = BTreeMap::<String, Resources>::new();
        for process in living {
            // If it ends right now, the next sample misses it.
            let Some((function, resources)) = resources_of(*process) else { continue };
            if !FUNCTIONS.contains(&function.as_str()) {
                continue;
            }
            let total = all.entry(function.clone()).or_default();
            total.memory_kb += resources.memory_kb;
            total.files += resources.files;
            self.0.insert(*process, function);
        }
        match self.0.iter().find(|(process, _)| !living.contains(process)) {
            Some((process, function)) => Err(format!("process {process} of {function} has ended")),
            None => Ok(all),
        }
    }

    /// How many processes of a function were seen.
    pub(crate) fn count(&self, function: &str) -> usize {
        self.0.values().filter(|it| *it == function).count()
    }
}

/// The name of a process, and its resources.
fn resources_of(process: u32) -> Option<(String, Resources)> {
    let folder = format!("/proc/{process}");
    let name = std::fs::read_to_string(format!("{folder}/comm")).ok()?.trim().to_owned();
    let memory_kb = memory_kb(process, RESIDENT)?;
    let files = std::fs::read_dir(format!("{folder}/fd")).ok()?.count();
    Some((name, Resources { memory_kb, files: files.try_into().ok()? }))
}

/// The resident memory of this program, which includes the local AWS and the sandbox.
pub(crate) fn own_memory_kb() -> u64 {
    memory_kb(std::process::id(), RESIDENT).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_open_files() {
        let file = std::fs::File::open("/proc/self/status").unwrap();
        let (_, before) = resources_of(std::process::id()).unwrap();
        drop(file);
        assert!(before.memory_kb > 100 && before.files > 3, "{before:?}");
        assert!(own_memory_kb() > 100);
    }

    #[test]
    fn sample_fails_when_a_process_has_ended() {
        let mut processes = Processes(BTreeMap::from([(1, "send".to_owned())]));
        assert_eq!(processes.sample(&[]).unwrap_err(), "process 1 of send has ended");
        assert_eq!(processes.count("send"), 1);
    }
}
