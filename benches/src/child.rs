//! The child processes of a benchmark, from the view of the parent.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{self, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// A child process, which is killed on drop.
#[derive(Debug)]
pub struct Child {
    name: String,
    process: process::Child,
    input: ChildStdin,
    output: Receiver<String>,
}

impl Child {
    /// Starts a process; `name` is what texts call it.
    ///
    /// # Panics
    ///
    /// When the process cannot be started.
    #[must_use]
    pub fn start(name: String, mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("a program that starts");
        let input = process.stdin.take().expect("a pipe");
        let lines = BufReader::new(process.stdout.take().expect("a pipe"));
        let (sender, output) = channel();
        thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            name,
            process,
            input,
            output,
        }
    }

    /// Returns the name of the process in texts.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the id of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Returns whether the child has ended.
    ///
    /// # Panics
    ///
    /// When the system does not know the child.
    pub fn has_ended(&mut self) -> bool {
        let status = self.process.try_wait();
        status.expect("a child of this process").is_some()
    }

    /// Writes a line to the child.
    ///
    /// # Panics
    ///
    /// When the child has ended.
    pub fn send(&mut self, line: &str) {
        self.try_send(line).expect("a child that reads");
    }

    /// Writes a line to the child.
    ///
    /// # Errors
    ///
    /// When the child has ended.
    pub fn try_send(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.input, "{line}")
    }

    /// Waits for the next line from the child.
    ///
    /// # Panics
    ///
    /// When no line comes within `limit`: the child hangs or has ended.
    pub fn line(&mut self, limit: Duration) -> String {
        let line = self.try_line(limit);
        line.unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// Waits for the next line from the child.
    ///
    /// # Errors
    ///
    /// When no line comes within `limit`: the child hangs or has ended.
    pub fn try_line(&mut self, limit: Duration) -> io::Result<String> {
        self.output
            .recv_timeout(limit)
            .map_err(|error| match error {
                RecvTimeoutError::Timeout => {
                    io::Error::new(io::ErrorKind::TimedOut, format!("no line in {limit:?}"))
                }
                RecvTimeoutError::Disconnected => {
                    io::Error::new(io::ErrorKind::UnexpectedEof, "it has ended")
                }
            })
    }

    /// Kills the child, and returns the lines that it has written and that were not read.
    pub fn kill(&mut self) -> Vec<String> {
        self.end();
        // The pipe is at its end, unless the child has left it to a child of its own.
        self.output.iter().collect()
    }

    fn end(&mut self) {
        // Fails only if the child has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.end();
    }
}
