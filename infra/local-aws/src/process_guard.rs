//! Kills the functions' processes when the runner ends, however it ends.
//!
//! A function usually notices by itself: its Runtime API is gone, and
//! `lambda_runtime` exits. One that is busy or stuck doesn't look. Therefore a
//! shell stands by at the other end of a pipe. It leads the process group that
//! all functions belong to, and when the pipe closes (which the kernel does
//! even after `kill -9`) it kills that group, itself included.
//!
//! The parent-death signal of Linux would do the same without a process, but
//! has to be asked for between fork and exec, which is unsafe code.

use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

/// The process that stands by. Dropping it kills everyone in its group.
#[derive(Debug)]
pub(crate) struct ProcessGuard {
    shell: Child,
    group: Pid,
}

impl ProcessGuard {
    /// Starts the shell.
    pub(crate) fn stand_by() -> std::io::Result<Self> {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "read -r _; kill -9 0"])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let shell = command.spawn()?;
        let group = Pid::from_child(&shell);
        Ok(Self { shell, group })
    }

    /// The process group that functions are to join.
    pub(crate) fn group(&self) -> i32 {
        self.group.as_raw_nonzero().get()
    }

    /// Kills everyone in the group.
    pub(crate) fn kill(&self) {
        // The shell hasn't been waited for, so no other process can have its id.
        let _ = kill_process_group(self.group, Signal::KILL);
    }
}

impl Drop for ProcessGuard {
    fn drop(&mut self) {
        self.kill();
        let _ = self.shell.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;

    use super::*;

    fn sleeper(guard: &ProcessGuard) -> Child {
        Command::new("/bin/sleep").arg("20").process_group(guard.group()).spawn().unwrap()
    }

    #[test]
    fn dropping_it_kills_the_group() {
        let guard = ProcessGuard::stand_by().unwrap();
        let mut child = sleeper(&guard);
        drop(guard);
        assert!(!child.wait().unwrap().success());
    }

    /// Closing the pipe is what the kernel does for a runner that is killed.
    #[test]
    fn a_closed_pipe_kills_the_group() {
        let mut guard = ProcessGuard::stand_by().unwrap();
        let mut child = sleeper(&guard);
        drop(guard.shell.stdin.take());
        assert!(!child.wait().unwrap().success());
    }
}
