//! Running a program, with its output kept until somebody needs it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::clock::Stopwatch;
use crate::failure::Failure;

/// A program that runs longer hangs: the slowest, a first build, takes a few minutes.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// One run of a program.
pub(crate) struct Run {
    command: Command,
    shown: String,
    verbose: bool,
    limit: Duration,
}

/// What came of a run.
pub(crate) struct Ran {
    /// The command line.
    pub(crate) shown: String,
    /// How the program ended.
    pub(crate) status: ExitStatus,
    /// What it printed, standard output and standard error as they came.
    pub(crate) output: String,
}

impl Run {
    /// Prepares to run `program`, without arguments.
    pub(crate) fn new(program: impl AsRef<OsStr>, verbose: bool) -> Self {
        let mut command = Command::new(&program);
        command.stdin(Stdio::null());
        // `cargo run` tells its program which package it is; a cargo below must not hear that.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&*name);
            }
        }
        // The name of a tool says enough; where it is kept does not matter to a reader.
        let name = Path::new(&program).file_name();
        let shown = name.unwrap_or_else(|| program.as_ref()).to_string_lossy();
        Self {
            command,
            shown: shown.into_owned(),
            verbose,
            limit: LIMIT,
        }
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

    /// Ends the program, and fails, when it runs longer than this.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs it with the terminal of this process, so that it can draw and be interrupted.
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

    /// Runs it; a status other than 0 is a failure that carries the output.
    pub(crate) fn succeed(self) -> Result<String, Failure> {
        self.finish()?.success()
    }

    /// Runs it, and gives what it printed on standard output alone.
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

    /// Runs it, and gives what came of it, whatever its status.
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
        // The command holds the ends of the pipe that are to be written to; with them it goes.
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
                    // What hangs is most often a test that cargo started. Both may have ended by
                    // themselves meanwhile: then there is nothing to kill.
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
    /// What was printed, or a failure when the status is not 0.
    pub(crate) fn success(self) -> Result<String, Failure> {
        if self.status.success() {
            return Ok(self.output);
        }
        let what = format!("`{}`: {}", self.shown, self.status);
        Err(Failure::new(what).output(self.output))
    }
}

/// The lines that come out of `source`, read on a thread that ends with it.
pub(crate) fn lines_of(source: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut source = BufReader::new(source);
        let mut line = Vec::new();
        // Not every program prints UTF-8, and a line that is not must not stop the reading.
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

/// The failure of a program that could not be started.
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
    fn a_program_that_hangs_is_ended_with_its_children() {
        let run = Run::new("sh", false)
            .args(["-c", "echo before; sleep 1000; true"])
            .limit(Duration::from_millis(200));
        let failure = run.finish().err().expect("it does not end by itself");
        assert_eq!(failure.output, "before\n");
        assert!(failure.what.contains("no end after"), "{}", failure.what);
    }
}
