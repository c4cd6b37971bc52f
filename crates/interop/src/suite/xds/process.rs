//! A program that obeys commands, each a line of JSON, and answers each with a line of JSON.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::wrong::Wrong;

/// A running program, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Process {
    name: &'static str,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts a program, and returns it with its event `ready`.
    pub(super) fn start(
        name: &'static str,
        command: &[String],
        args: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<(Self, Value), Wrong> {
        let (program, words) = command.split_first().ok_or("an empty command")?;
        let mut child = Command::new(program)
            .args(words)
            .args(args)
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {name}: {error}"))?;
        let input = child.stdin.take().ok_or("a process without an input")?;
        let output = child.stdout.take().ok_or("a process without an output")?;
        let mut process = Self {
            name,
            child,
            input,
            output: BufReader::new(output),
        };
        let ready = process.event("ready")?;
        Ok((process, ready))
    }

    /// Returns the id of the process.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Gives a command, and returns its answer, which must be this event.
    pub(super) fn ask(&mut self, command: &Value, event: &str) -> Result<Value, Wrong> {
        writeln!(self.input, "{command}")
            .map_err(|error| format!("cannot command {}: {error}", self.name))?;
        self.event(event)
    }

    fn event(&mut self, event: &str) -> Result<Value, Wrong> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let answer: Value = serde_json::from_str(&line)
            .map_err(|error| format!("{} printed `{}`: {error}", self.name, line.trim_end()))?;
        if answer["event"] != event {
            return Err(format!("{} answered {answer}, not {event}", self.name).into());
        }
        Ok(answer)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
