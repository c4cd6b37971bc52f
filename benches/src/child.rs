//! The child processes of a benchmark, from the view of the parent.

use std::io::{BufRead, BufReader, Write};
use std::process::{self, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
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

    /// Writes a line to the child.
    ///
    /// # Panics
    ///
    /// When the child has ended.
    pub fn send(&mut self, line: &str) {
        writeln!(self.input, "{line}").expect("a child that reads");
    }

    /// Waits for the next line from the child.
    ///
    /// # Panics
    ///
    /// When no line comes within `limit`: the child hangs or has ended.
    pub fn line(&mut self, limit: Duration) -> String {
        let line = self.output.recv_timeout(limit);
        line.unwrap_or_else(|error| panic!("{} gives no answer: {error}", self.name))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Fails only if the child has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
