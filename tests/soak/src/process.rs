//! What processes hold, as Linux tells (`proc(5)`).

use measuring::processes::memory;
use std::collections::BTreeMap;

const RESIDENT: &str = "VmRSS";

/// What a process holds, or several together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Held {
    /// Resident memory, in kB.
    pub(crate) memory: u64,
    /// Open file descriptors.
    pub(crate) files: u64,
}

/// The functions' processes that there have been.
#[derive(Default)]
pub(crate) struct Processes(BTreeMap<u32, String>);

impl Processes {
    /// What the processes of each function hold now, together.
    ///
    /// # Errors
    ///
    /// If a process is gone that was there before.
    pub(crate) fn look(&mut self, living: &[u32]) -> Result<BTreeMap<String, Held>, String> {
        let mut all = BTreeMap::<String, Held>::new();
        for process in living {
            // One may end just now; then the next look misses it.
            let Some((function, held)) = held(*process) else { continue };
            if !crate::FUNCTIONS.contains(&function.as_str()) {
                continue;
            }
            let together = all.entry(function.clone()).or_default();
            together.memory += held.memory;
            together.files += held.files;
            self.0.insert(*process, function);
        }
        match self.0.iter().find(|(process, _)| !living.contains(process)) {
            Some((process, function)) => Err(format!("process {process} of {function} is gone")),
            None => Ok(all),
        }
    }

    /// How many there are of each function.
    pub(crate) fn count(&self, function: &str) -> usize {
        self.0.values().filter(|it| *it == function).count()
    }
}

/// The name of a process, and what it holds.
fn held(process: u32) -> Option<(String, Held)> {
    let folder = format!("/proc/{process}");
    let name = std::fs::read_to_string(format!("{folder}/comm")).ok()?.trim().to_owned();
    let memory = memory(process, RESIDENT)?;
    let files = std::fs::read_dir(format!("{folder}/fd")).ok()?.count();
    Some((name, Held { memory, files: files.try_into().ok()? }))
}

/// The resident memory of this program, in kB: the local cloud and WeChat are in it.
pub(crate) fn own_memory() -> u64 {
    memory(std::process::id(), RESIDENT).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_holds_something() {
        let file = std::fs::File::open("/proc/self/status").unwrap();
        let (_, before) = held(std::process::id()).unwrap();
        drop(file);
        assert!(before.memory > 100 && before.files > 3, "{before:?}");
        assert!(own_memory() > 100);
    }

    #[test]
    fn a_process_that_is_gone_is_missed() {
        let mut processes = Processes(BTreeMap::from([(1, "send".to_owned())]));
        assert_eq!(processes.look(&[]).unwrap_err(), "process 1 of send is gone");
        assert_eq!(processes.count("send"), 1);
    }
}
