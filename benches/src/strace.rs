//! Counts the system calls of another process.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// strace, attached to a process.
#[derive(Debug)]
pub struct Strace {
    process: Child,
    /// Where strace writes its table.
    file: PathBuf,
}

impl Strace {
    /// Attaches to all threads of a process. `None` where strace is missing, or not allowed to.
    #[must_use]
    pub fn attach(id: u32) -> Option<Self> {
        let file = std::env::temp_dir().join(format!("trunkline-strace-{id}"));
        let mut command = Command::new("strace");
        command
            .args(["-c", "-f", "-o"])
            .arg(&file)
            .args(["-p", &id.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = command.spawn().ok()?;
        let mut lines = BufReader::new(process.stderr.take()?).lines();
        // The first line is "Process 12 attached", or why not.
        let is_attached = lines
            .next()
            .and_then(Result::ok)
            .is_some_and(|line| line.contains("attached"));
        // It prints more lines as threads start, so its pipe stays open.
        std::thread::spawn(move || lines.count());
        let attached = Self { process, file };
        is_attached.then_some(attached)
    }

    /// Detaches, and returns the number of system calls.
    #[must_use]
    pub fn detach(mut self) -> Option<u64> {
        let id = Pid::from_child(&self.process);
        kill_process(id, Signal::INT).ok()?;
        self.process.wait().ok()?;
        total(&fs::read_to_string(&self.file).ok()?)
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        // Fails if it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_file(&self.file);
    }
}

/// Returns the number of calls in the last line of the table: share, seconds, microseconds a call,
/// calls, errors if there are any, `total`.
fn total(table: &str) -> Option<u64> {
    let line = table.lines().find(|line| line.ends_with("total"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::total;

    const WITHOUT_ERRORS: &str = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.000012           1        12           recvfrom
 40.00    0.000008           2         4           sendto
------ ----------- ----------- --------- --------- ----------------
100.00    0.000020           1        16           total
";

    #[test]
    fn the_total_is_the_number_of_calls() {
        assert_eq!(total(WITHOUT_ERRORS), Some(16));
        let with_errors = WITHOUT_ERRORS.replace("16           total", "16         3 total");
        assert_eq!(total(&with_errors), Some(16));
        assert_eq!(total(""), None);
    }
}
