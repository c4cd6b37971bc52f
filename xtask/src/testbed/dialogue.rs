//! A program that answers each line on its input with a line of JSON.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use serde_json::Value;

use crate::failure::Failure;
use crate::process::lines_of;

/// Limit for an answer. A client gives up by itself long before.
const LIMIT: Duration = Duration::from_secs(30);

/// The running program. It is killed when this is dropped.
pub(super) struct Dialogue {
    name: String,
    child: Child,
    lines: Receiver<String>,
}

impl Dialogue {
    /// Starts `program` in a network namespace.
    pub(super) fn start(namespace: &str, program: &Path, args: &[&str]) -> Result<Self, Failure> {
        let name = format!("he {}", args.join(" "));
        let failed = |what: &str| Failure::new(format!("cannot run `{name}`: {what}"));
        let mut child = Command::new("ip")
            .args(["netns", "exec", namespace])
            .arg(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(&error.to_string()))?;
        let output = child.stdout.take().ok_or_else(|| failed("no output"))?;
        let lines = lines_of(output);
        Ok(Self { name, child, lines })
    }

    /// Sends a line, and waits for the answer.
    pub(super) fn ask(&mut self, line: &str) -> Result<Value, Failure> {
        let written = match &mut self.child.stdin {
            Some(stdin) => writeln!(stdin, "{line}").map_err(|error| error.to_string()),
            None => Err("it has no input".to_owned()),
        };
        written.map_err(|error| Failure::new(format!("`{}`: {error}", self.name)))?;
        self.listen()
    }

    /// Waits for the next line of the program.
    pub(super) fn listen(&mut self) -> Result<Value, Failure> {
        let line = self.lines.recv_timeout(LIMIT).map_err(|_| {
            Failure::new(format!(
                "`{}` has ended or hangs; its output above has the reason",
                self.name
            ))
        })?;
        serde_json::from_str(&line)
            .map_err(|error| Failure::new(format!("`{}` printed {line:?}: {error}", self.name)))
    }
}

impl Drop for Dialogue {
    fn drop(&mut self) {
        // Errors do not matter: the program may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
