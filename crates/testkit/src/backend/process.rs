//! A backend, seen from the test.

use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::protocol::{Command, Report};
use super::serve::ASKED;
use super::{Counters, Options};

/// How long a backend has to start or to answer; it closes connections in less.
const PATIENCE: Duration = Duration::from_secs(15);

/// Which program a backend runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// This executable, whose `main` is [`main`](super::main).
    Path(PathBuf),
    /// This very program, whose `main` begins with [`serve_if_asked`](super::serve_if_asked).
    ThisProgram,
    /// This very test binary, in its test of this name, which calls
    /// [`serve_if_asked`](super::serve_if_asked) and nothing else. So that a test of any package can
    /// have backends, without a program that somebody must build first.
    ThisTest(&'static str),
}

/// A backend in a process of its own, which is killed when this is dropped.
#[derive(Debug)]
pub struct Backend {
    name: String,
    port: u16,
    ipv6: bool,
    child: Child,
    stdin: ChildStdin,
    reports: Receiver<Report>,
    last: Counters,
    exit: Option<Exit>,
}

/// How a backend ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// What the process left.
    pub status: ExitStatus,
    /// The counters that it printed at the end of its drain; none if it did not drain.
    pub counters: Option<Counters>,
}

impl Backend {
    /// Starts a backend; when this returns, it listens.
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
            // Ctrl-C is for whoever started the backends, and ends them in its own way.
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
            Report::Ready { port, ipv6 } => {
                backend.port = port;
                backend.ipv6 = ipv6;
                Ok(backend)
            }
            other => Err(backend.unexpected(&other)),
        }
    }

    /// What it calls itself.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The port of both addresses.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it listens on IPv4.
    #[must_use]
    pub fn address_v4(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Where it listens on IPv6; none on a machine without ::1.
    #[must_use]
    pub fn address_v6(&self) -> Option<SocketAddr> {
        self.ipv6.then(|| (Ipv6Addr::LOCALHOST, self.port).into())
    }

    /// What it has counted up to now; of one that has ended, what is known last.
    ///
    /// # Errors
    ///
    /// When it does not answer within 15 s.
    pub fn stats(&mut self) -> io::Result<Counters> {
        if self.exit.is_none() {
            self.ask(Command::Stats)?;
        }
        Ok(self.last)
    }

    /// Closes its IPv6 connections gracefully (GOAWAY, what is in flight is finished) and goes
    /// silent on IPv6: a SYN gets no answer. When this returns, that is so.
    ///
    /// # Errors
    ///
    /// When it has no IPv6, has ended, or a connection did not close within 5 s.
    pub fn ipv6_silent(&mut self) -> io::Result<()> {
        self.ask(Command::Ipv6Silent)
    }

    /// Accepts on IPv6 again.
    ///
    /// # Errors
    ///
    /// When it has no IPv6, or has ended.
    pub fn ipv6_normal(&mut self) -> io::Result<()> {
        self.ask(Command::Ipv6Normal)
    }

    /// Asks it to end: it drains, unless it was started without; does not wait.
    ///
    /// # Errors
    ///
    /// When the signal cannot be sent. One that has ended is no error.
    pub fn sigterm(&mut self) -> io::Result<()> {
        if self.exit.is_some() {
            return Ok(());
        }
        // Until it is waited for, its id cannot be another's.
        i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(|| io::Error::other("a child without a process id"))
            .and_then(|pid| Ok(kill_process(pid, Signal::TERM)?))
            .map_err(|error| self.error(format_args!("cannot send SIGTERM: {error}")))
    }

    /// Ends it on the spot, by SIGKILL.
    ///
    /// # Errors
    ///
    /// When it cannot be killed.
    pub fn kill(&mut self) -> io::Result<Exit> {
        if self.exit.is_none() {
            self.child.kill()?;
        }
        self.wait(PATIENCE)
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    ///
    /// When its status cannot be had.
    pub fn exit(&mut self) -> io::Result<Option<Exit>> {
        if self.exit.is_none() && self.child.try_wait()?.is_some() {
            return self.wait(PATIENCE).map(Some);
        }
        Ok(self.exit)
    }

    /// Waits for its end.
    ///
    /// # Errors
    ///
    /// When it has not ended `patience` after it last said something.
    pub fn wait(&mut self, patience: Duration) -> io::Result<Exit> {
        if let Some(exit) = self.exit {
            return Ok(exit);
        }
        let mut counters = None;
        loop {
            match self.reports.recv_timeout(patience) {
                Ok(Report::Final(last)) => {
                    self.last = last;
                    counters = Some(last);
                }
                Ok(Report::Stats(last)) => self.last = last,
                Ok(_) => {}
                // Its end of the pipe is closed, which its end alone does.
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(self.error(format_args!("still runs after {patience:?}")));
                }
            }
        }
        let status = self.child.wait()?;
        Ok(*self.exit.insert(Exit { status, counters }))
    }

    /// Sends a command and waits for its answer. A process that ends meanwhile is an error, and
    /// for statistics none: what it counted last stands.
    fn ask(&mut self, command: Command) -> io::Result<()> {
        // A pipe that is closed shows in the answer, with more to say.
        let _ = self.stdin.write_all(format!("{command}\n").as_bytes());
        loop {
            match self.reports.recv_timeout(PATIENCE) {
                Ok(Report::Stats(counters)) => {
                    self.last = counters;
                    if command == Command::Stats {
                        return Ok(());
                    }
                }
                Ok(Report::Done(done)) if done == command.to_string() => return Ok(()),
                Ok(Report::Failed(why)) => return Err(self.error(format_args!("{why}"))),
                Ok(Report::Final(counters)) => {
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

    fn ended(&self, command: Command) -> io::Result<()> {
        match self.exit {
            Some(exit) if command != Command::Stats => {
                Err(self.error(format_args!("ended ({}) before {command:?}", exit.status)))
            }
            _ => Ok(()),
        }
    }

    fn next_report(&mut self) -> io::Result<Report> {
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

    fn unexpected(&self, report: &Report) -> io::Error {
        self.error(format_args!("said something unexpected: {report:?}"))
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
            // Nobody can be told, and the end of its input ends it too.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Reads what a backend says until it ends. Lines that are not its own (a test harness has words
/// of its own, some of them without an end of line) are passed over.
fn read_reports(stdout: ChildStdout) -> Receiver<Report> {
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
