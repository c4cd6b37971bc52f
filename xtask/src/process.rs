//! Runs programs and captures their output.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::clock::Stopwatch;
use crate::failure::Failure;

/// A program that runs longer than this hangs. The slowest one, a first build, takes a few minutes.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// A program that is about to run.
pub(crate) struct Run {
    command: Command,
    shown: String,
    verbose: bool,
    limit: Duration,
}

/// Result of a program that has run.
pub(crate) struct Ran {
    /// The command line, or what [`Run::shown`] set.
    pub(crate) shown: String,
    /// How the program ended.
    pub(crate) status: ExitStatus,
    /// What it printed on standard output and standard error, in the order of arrival.
    pub(crate) output: String,
}

impl Run {
    /// Prepares to run `program`, without arguments.
    pub(crate) fn new(program: impl AsRef<OsStr>, verbose: bool) -> Self {
        let mut command = Command::new(&program);
        command.stdin(Stdio::null());
        // `cargo run` sets these for its program. A cargo that is started here must not inherit
        // them.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&*name);
            }
        }
        // Show only the name of a tool: its folder does not matter to the reader.
        let name = Path::new(&program).file_name();
        let shown = name.unwrap_or_else(|| program.as_ref()).to_string_lossy();
        Self {
            command,
            shown: shown.into_owned(),
            verbose,
            limit: LIMIT,
        }
    }

    /// Adds an argument.
    pub(crate) fn arg(self, arg: impl AsRef<OsStr>) -> Self {
        self.args([arg])
    }

    /// Adds arguments.
    pub(crate) fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        for arg in args {
            self.shown.push(' ');
            self.shown.push_str(&arg.as_ref().to_string_lossy());
            self.command.arg(arg);
        }
        self
    }

    /// Shows this in place of the program and the arguments so far: what a shell runs, without the shell.
    /// Arguments that are added later are shown after it.
    pub(crate) fn shown(mut self, shown: impl Into<String>) -> Self {
        self.shown = shown.into();
        self
    }

    /// Sets the folder to run in.
    pub(crate) fn folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Kills the program, and fails, if it runs longer than this.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs it on the terminal of this process, so that it can draw there and be interrupted.
    pub(crate) fn attached(mut self) -> Result<(), Failure> {
        let status = self
            .command
            .stdin(Stdio::inherit())
            .status()
            .map_err(|error| cannot_run(&self.shown, &error))?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure::new(format!("`{}`: {status}", self.shown)))
        }
    }

    /// Runs it and returns its output. A status other than 0 is a failure that contains the output.
    pub(crate) fn succeed(self) -> Result<String, Failure> {
        self.finish()?.success()
    }

    /// Runs it and returns only its standard output. A status other than 0 is a failure.
    pub(crate) fn stdout(mut self) -> Result<String, Failure> {
        let output = self
            .command
            .output()
            .map_err(|error| cannot_run(&self.shown, &error))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let failure = Failure::new(format!("`{}`: {}", self.shown, output.status));
        Err(failure.output(String::from_utf8_lossy(&output.stderr)))
    }

    /// Runs it and returns the result, whatever its status.
    pub(crate) fn finish(mut self) -> Result<Ran, Failure> {
        let failed = |error| cannot_run(&self.shown, &error);
        let (reader, writer) = std::io::pipe().map_err(failed)?;
        let second = writer.try_clone().map_err(failed)?;
        let stopwatch = Stopwatch::start();
        let mut child = self
            .command
            .stdout(writer)
            .stderr(second)
            .spawn()
            .map_err(failed)?;
        // The command owns the write ends of the pipe. They must close, so that the reader sees the
        // end.
        drop(self.command);
        let lines = lines_of(reader);
        let mut output = String::new();
        loop {
            match lines.recv_timeout(stopwatch.left(self.limit)) {
                Ok(line) => {
                    if self.verbose {
                        println!("{line}");
                    }
                    output.push_str(&line);
                    output.push('\n');
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    // Usually a test that cargo started hangs, so kill the children too. Errors do
                    // not matter: the processes may have ended meanwhile.
                    let id = child.id().to_string();
                    let _ = Command::new("pkill").args(["-KILL", "-P", &id]).status();
                    let _ = child.kill();
                    let _ = child.wait();
                    let what = format!("`{}`: no end after {:?}", self.shown, self.limit);
                    return Err(Failure::new(what).output(output));
                }
            }
        }
        let status = child
            .wait()
            .map_err(|error| cannot_run(&self.shown, &error))?;
        Ok(Ran {
            shown: self.shown,
            status,
            output,
        })
    }
}

impl Ran {
    /// Returns the output, or a failure if the status is not 0.
    pub(crate) fn success(self) -> Result<String, Failure> {
        if self.status.success() {
            return Ok(self.output);
        }
        let what = format!("`{}`: {}", self.shown, self.status);
        Err(Failure::new(what).output(self.output))
    }
}

/// Returns the lines of `source` as they arrive. A thread reads them until the end of `source`.
pub(crate) fn lines_of(source: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut source = BufReader::new(source);
        let mut line = Vec::new();
        // A line that is not UTF-8 must not stop the reading.
        while matches!(source.read_until(b'\n', &mut line), Ok(count) if count > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if sender.send(text).is_err() {
                return;
            }
            line.clear();
        }
    });
    receiver
}

/// Returns the failure for a program that could not be started.
fn cannot_run(shown: &str, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot run `{shown}`: {error}"))
}

#[cfg(all(test, unix))]
mod tests {
    use std::time::Duration;

    use super::Run;

    #[test]
    fn both_streams_are_kept_in_order() {
        let run = Run::new("sh", false).args(["-c", "echo one; echo two >&2; echo three; exit 3"]);
        let ran = run.finish().expect("there is a shell");
        assert_eq!(ran.output, "one\ntwo\nthree\n");
        assert_eq!(ran.status.code(), Some(3));
        assert!(ran.success().is_err());
    }

    #[test]
    fn what_is_shown_can_be_set() {
        let run = Run::new("sh", false).args(["-c", r#"echo "$@"; exit 3"#, "sh"]);
        let ran = run.arg("/path/target").shown("target").arg("-x").finish();
        let ran = ran.expect("there is a shell");
        assert_eq!(ran.output, "/path/target -x\n");
        let failure = ran.success().expect_err("its status is 3");
        assert!(
            failure.what.starts_with("`target -x`: "),
            "{}",
            failure.what
        );
    }

    #[test]
    fn a_program_that_hangs_is_ended_with_its_children() {
        let ended = |limit| {
            let run = Run::new("sh", false).args(["-c", "echo before; sleep 1000; true"]);
            let ran = run.limit(limit).finish();
            ran.err().expect("it does not end by itself")
        };
        let mut failure = ended(Duration::from_millis(200));
        if failure.output.is_empty() {
            // A busy machine takes longer to start the shell.
            failure = ended(Duration::from_secs(10));
        }
        assert_eq!(failure.output, "before\n");
        assert!(failure.what.contains("no end after"), "{}", failure.what);
    }
}
