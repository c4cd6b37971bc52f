//! A server in its own process, which reports events as lines of JSON.

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use serde_json::Value;

use crate::clock::Stopwatch;
use crate::failure::Failure;
use crate::process::lines_of;

/// A server that has not answered within this time is not going to. A C-core server drains for up
/// to 10 s.
const LIMIT: Duration = Duration::from_secs(30);

/// A server that accepts connections. Dropping it kills the process.
pub(crate) struct Server {
    /// Its name in messages and environment variables.
    pub(super) name: &'static str,
    /// The address at which it listens.
    pub(crate) address: SocketAddr,
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    log: PathBuf,
}

impl Server {
    /// Starts a server and waits for its event `ready`. Its log goes to a file in `folder`.
    pub(crate) fn start(
        name: &'static str,
        command: Command,
        folder: &Path,
    ) -> Result<Self, Failure> {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self::spawn(name, command, folder, nowhere)?;
        let ready = server.event("ready")?;
        let address = ready["address"].as_str().and_then(|text| text.parse().ok());
        server.address = address.ok_or_else(|| {
            server.failure(&format!("reported no address when it was ready: {ready}"))
        })?;
        Ok(server)
    }

    /// Starts a server that reports no events, and waits for a line with `ready` in its log
    /// ([`logging`]). It listens at `address`.
    pub(crate) fn start_foreign(
        name: &'static str,
        command: Command,
        folder: &Path,
        address: SocketAddr,
        ready: &str,
    ) -> Result<Self, Failure> {
        let server = Self::spawn(name, command, folder, address)?;
        server.wait_for(ready)?;
        Ok(server)
    }

    /// Waits for a line with `ready` in the log of a server that reports no events, and returns it.
    pub(crate) fn wait_for(&self, ready: &str) -> Result<String, Failure> {
        let name = self.name;
        let stopwatch = Stopwatch::start();
        let mut logged = String::new();
        loop {
            match self.lines.recv_timeout(stopwatch.left(LIMIT)) {
                Ok(line) if line.contains(ready) => return Ok(line),
                Ok(line) => {
                    logged.push_str(&line);
                    logged.push('\n');
                }
                Err(error) => {
                    let what = match error {
                        RecvTimeoutError::Timeout => format!("is not ready after {LIMIT:?}"),
                        RecvTimeoutError::Disconnected => "ended before it was ready".to_owned(),
                    };
                    return Err(Failure::new(format!("{name} {what}")).output(logged));
                }
            }
        }
    }

    /// Sends a line to the server.
    pub(crate) fn send(&mut self, line: &str) -> Result<(), Failure> {
        let sent = match &mut self.input {
            Some(input) => writeln!(input, "{line}").and_then(|()| input.flush()),
            None => Ok(()),
        };
        sent.map_err(|error| self.failure(&format!("cannot be asked: {error}")))
    }

    fn spawn(
        name: &'static str,
        mut command: Command,
        folder: &Path,
        address: SocketAddr,
    ) -> Result<Self, Failure> {
        let failed = |error| Failure::new(format!("cannot start {name}: {error}"));
        let log = folder.join(format!("{name}.log"));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).map_err(failed)?)
            .spawn()
            .map_err(failed)?;
        let input = child.stdin.take();
        let output = child.stdout.take();
        let output = output.ok_or_else(|| Failure::new(format!("{name} has no output")))?;
        Ok(Self {
            name,
            address,
            child,
            input,
            lines: lines_of(output),
            log,
        })
    }

    /// Asks for the counters, and returns the server's answer.
    pub(super) fn counts(&mut self) -> Result<Value, Failure> {
        self.send("counts")?;
        self.event("counts")
    }

    /// Sends SIGTERM, waits until the server has drained, and returns its final counters.
    pub(super) fn terminate(mut self) -> Result<Value, Failure> {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status();
        if !sent.is_ok_and(|status| status.success()) {
            return Err(self.failure("cannot be sent SIGTERM"));
        }
        let counts = self.event("stopped")?;
        match self.child.wait() {
            Ok(status) if status.success() => Ok(counts),
            Ok(status) => Err(self.failure(&format!("ended with {status}"))),
            Err(error) => Err(self.failure(&format!("cannot be waited for: {error}"))),
        }
    }

    /// Waits for the next line, which must be this event.
    fn event(&self, name: &str) -> Result<Value, Failure> {
        let line = self
            .lines
            .recv_timeout(LIMIT)
            .map_err(|error| self.failure(&format!("printed no event `{name}`: {error}")))?;
        match serde_json::from_str::<Value>(&line) {
            Ok(event) if event["event"] == name => Ok(event),
            _ => Err(self.failure(&format!("printed `{line}`, not the event `{name}`"))),
        }
    }

    /// Returns a failure with the server's log.
    fn failure(&self, what: &str) -> Failure {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        Failure::new(format!("{} {what}", self.name)).output(log)
    }
}

/// Returns a command that runs a program with its standard error, the log, on standard output.
pub(crate) fn logging(program: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" \"$@\" 2>&1"]).arg(program);
    command
}

impl Drop for Server {
    fn drop(&mut self) {
        // Errors do not matter: the process may have ended already. `wait` reaps it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
