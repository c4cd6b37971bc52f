//! The test's side of a backend: its process.

use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::counters::Counters;
use super::options::Options;
use super::protocol::{ASKED, BackendCommand, BackendReport};

/// How long a backend may take to start or to answer. Closing its connections takes less.
const PATIENCE: Duration = Duration::from_secs(15);

/// The program that a backend runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// The executable at this path, whose `main` is [`main`](super::main).
    Path(PathBuf),
    /// The current program, whose `main` begins with [`serve_if_asked`](super::serve_if_asked).
    ThisProgram,
    /// The current test binary, in its test of this name, which calls
    /// [`serve_if_asked`](super::serve_if_asked) and nothing else. So a test of any package can
    /// have backends without a program that must be built first.
    ThisTest(&'static str),
}

/// A backend in a process of its own, which is killed on drop.
#[derive(Debug)]
pub struct Backend {
    name: String,
    port: u16,
    ipv6: bool,
    child: Child,
    stdin: ChildStdin,
    reports: Receiver<BackendReport>,
    last: Counters,
    exit: Option<Exit>,
}

/// How a backend ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The exit status of the process.
    pub status: ExitStatus,
    /// The counters that the process printed at the end of its drain; `None` if it did not drain.
    pub counters: Option<Counters>,
}

impl Backend {
    /// Starts a backend. It listens when this method returns.
    ///
    /// # Errors
    ///
    /// When the program cannot be started or does not listen within 15 s.
    pub fn start(program: &Program, options: &Options) -> io::Result<Self> {
        let mut command = match program {
            Program::Path(path) => {
                let mut command = std::process::Command::new(path);
                command.args(options.to_args());
                command
            }
            Program::ThisProgram => {
                let mut command = std::process::Command::new(std::env::current_exe()?);
                command.env(ASKED, options.to_args().join(" "));
                command
            }
            Program::ThisTest(test) => {
                let mut command = std::process::Command::new(std::env::current_exe()?);
                command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
                command.env(ASKED, options.to_args().join(" "));
                command
            }
        };
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C must reach only the parent process, which ends the backends itself.
            .process_group(0)
            .spawn()
            .map_err(|error| {
                io::Error::new(
                    error.kind(),
                    format!("cannot start {}: {error}", command.get_program().display()),
                )
            })?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("a child has no pipes"));
        };
        let mut backend = Self {
            name: options.name.clone(),
            port: 0,
            ipv6: false,
            child,
            stdin,
            reports: read_reports(stdout),
            last: Counters::default(),
            exit: None,
        };
        match backend.next_report()? {
            BackendReport::Ready { port, ipv6 } => {
                backend.port = port;
                backend.ipv6 = ipv6;
                Ok(backend)
            }
            other => Err(backend.unexpected(&other)),
        }
    }

    /// Returns the name that the backend sends in its replies.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns the port, which is the same on both addresses.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the IPv4 address at which the backend listens.
    #[must_use]
    pub fn address_v4(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Returns the IPv6 address at which the backend listens; `None` on a machine without ::1.
    #[must_use]
    pub fn address_v6(&self) -> Option<SocketAddr> {
        self.ipv6.then(|| (Ipv6Addr::LOCALHOST, self.port).into())
    }

    /// Returns the counters so far; after the end of the process, the last ones it reported.
    ///
    /// # Errors
    ///
    /// When the backend does not answer within 15 s.
    pub fn stats(&mut self) -> io::Result<Counters> {
        if self.exit.is_none() {
            self.ask(BackendCommand::Stats)?;
        }
        Ok(self.last)
    }

    /// Closes its IPv6 connections gracefully (after GOAWAY and the calls in flight) and goes
    /// silent on IPv6: a SYN gets no answer. Both are done when this method returns.
    ///
    /// # Errors
    ///
    /// When the backend has no IPv6 or has ended, or a connection did not close within 5 s.
    pub fn ipv6_silent(&mut self) -> io::Result<()> {
        self.ask(BackendCommand::Ipv6Silent)
    }

    /// Accepts on IPv6 again.
    ///
    /// # Errors
    ///
    /// When the backend has no IPv6 or has ended.
    pub fn ipv6_normal(&mut self) -> io::Result<()> {
        self.ask(BackendCommand::Ipv6Normal)
    }

    /// Sends SIGTERM: the backend drains, unless its options turn that off. Does not wait.
    ///
    /// # Errors
    ///
    /// When the signal cannot be sent. It is no error if the backend has ended.
    pub fn sigterm(&mut self) -> io::Result<()> {
        self.signal(Signal::TERM, "SIGTERM")
    }

    /// Sends SIGSTOP: the process stops, and its kernel goes on to accept connections and bytes.
    ///
    /// # Errors
    ///
    /// As [`sigterm`](Self::sigterm).
    pub fn sigstop(&mut self) -> io::Result<()> {
        self.signal(Signal::STOP, "SIGSTOP")
    }

    /// Sends SIGCONT: a process that was stopped goes on.
    ///
    /// # Errors
    ///
    /// As [`sigterm`](Self::sigterm).
    pub fn sigcont(&mut self) -> io::Result<()> {
        self.signal(Signal::CONT, "SIGCONT")
    }

    fn signal(&self, signal: Signal, name: &str) -> io::Result<()> {
        if self.exit.is_some() {
            return Ok(());
        }
        // No other process can have this id until this one is waited for.
        i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(|| io::Error::other("a child without a process id"))
            .and_then(|pid| Ok(kill_process(pid, signal)?))
            .map_err(|error| self.error(format_args!("cannot send {name}: {error}")))
    }

    /// Kills the process at once, by SIGKILL.
    ///
    /// # Errors
    ///
    /// When the process cannot be killed.
    pub fn kill(&mut self) -> io::Result<Exit> {
        if self.exit.is_none() {
            self.child.kill()?;
        }
        self.wait(PATIENCE)
    }

    /// Returns how the process ended, if it has.
    ///
    /// # Errors
    ///
    /// When the system does not return the exit status.
    pub fn exit(&mut self) -> io::Result<Option<Exit>> {
        if self.exit.is_none() && self.child.try_wait()?.is_some() {
            return self.wait(PATIENCE).map(Some);
        }
        Ok(self.exit)
    }

    /// Waits for the end of the process.
    ///
    /// # Errors
    ///
    /// When the process has not ended `patience` after its last report.
    pub fn wait(&mut self, patience: Duration) -> io::Result<Exit> {
        if let Some(exit) = self.exit {
            return Ok(exit);
        }
        let mut counters = None;
        loop {
            match self.reports.recv_timeout(patience) {
                Ok(BackendReport::Final(last)) => {
                    self.last = last;
                    counters = Some(last);
                }
                Ok(BackendReport::Stats(last)) => self.last = last,
                Ok(_) => {}
                // The pipe is closed: the process has ended.
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(self.error(format_args!("still runs after {patience:?}")));
                }
            }
        }
        let status = self.child.wait()?;
        Ok(*self.exit.insert(Exit { status, counters }))
    }

    /// Sends a command and waits for its answer. If the process ends meanwhile, that is an error,
    /// except for `stats`: then its last counters are used.
    fn ask(&mut self, command: BackendCommand) -> io::Result<()> {
        // If the pipe is closed, the wait for the answer reports why.
        let _ = self.stdin.write_all(format!("{command}\n").as_bytes());
        loop {
            match self.reports.recv_timeout(PATIENCE) {
                Ok(BackendReport::Stats(counters)) => {
                    self.last = counters;
                    if command == BackendCommand::Stats {
                        return Ok(());
                    }
                }
                Ok(BackendReport::Done(done)) if done == command.to_string() => return Ok(()),
                Ok(BackendReport::Failed(why)) => return Err(self.error(format_args!("{why}"))),
                Ok(BackendReport::Final(counters)) => {
                    self.last = counters;
                    let status = self.child.wait()?;
                    self.exit = Some(Exit {
                        status,
                        counters: Some(counters),
                    });
                    return self.ended(command);
                }
                Ok(other) => return Err(self.unexpected(&other)),
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait()?;
                    self.exit = Some(Exit {
                        status,
                        counters: None,
                    });
                    return self.ended(command);
                }
                Err(RecvTimeoutError::Timeout) => {
                    return Err(
                        self.error(format_args!("no answer to {command:?} in {PATIENCE:?}"))
                    );
                }
            }
        }
    }

    fn ended(&self, command: BackendCommand) -> io::Result<()> {
        match self.exit {
            Some(exit) if command != BackendCommand::Stats => {
                Err(self.error(format_args!("ended ({}) before {command:?}", exit.status)))
            }
            _ => Ok(()),
        }
    }

    fn next_report(&mut self) -> io::Result<BackendReport> {
        match self.reports.recv_timeout(PATIENCE) {
            Ok(report) => Ok(report),
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.child.wait()?;
                Err(self.error(format_args!("ended at once ({status})")))
            }
            Err(RecvTimeoutError::Timeout) => {
                Err(self.error(format_args!("does not listen after {PATIENCE:?}")))
            }
        }
    }

    fn unexpected(&self, report: &BackendReport) -> io::Error {
        self.error(format_args!("sent an unexpected report: {report:?}"))
    }

    fn error(&self, what: fmt::Arguments<'_>) -> io::Error {
        io::Error::other(format!(
            "backend {} (process {}): {what}",
            self.name,
            self.child.id()
        ))
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        if self.exit.is_none() {
            // An error cannot be reported here; the end of its input also ends the process.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Reads the reports of a backend until its end. Skips what the test harness prints, which may be
/// before a report on the same line.
fn read_reports(stdout: ChildStdout) -> Receiver<BackendReport> {
    let (sender, reports) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let Some(at) = line.find('{') else { continue };
            if let Ok(report) = serde_json::from_str(&line[at..])
                && sender.send(report).is_err()
            {
                return;
            }
        }
    });
    reports
}
