//! Runs the command.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// The output and the exit status of a run of the command.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The variables that name proxies; each has an upper-case form, too.
const PROXIES: [&str; 6] = [
    "GRPC_ADDRESS_HTTP_PROXY",
    "grpc_proxy",
    "https_proxy",
    "http_proxy",
    "no_grpc_proxy",
    "no_proxy",
];

/// Runs the command with these arguments, without proxies. The output has no colours, as it goes to
/// a pipe.
pub(crate) fn trunkline(args: &[&str]) -> CommandOutput {
    trunkline_with(args, &[])
}

/// Runs the command with these arguments, and with no variables for proxies but these.
pub(crate) fn trunkline_with(args: &[&str], variables: &[(&str, &str)]) -> CommandOutput {
    let mut command = command(args);
    let output = command.envs(variables.iter().copied()).output();
    let output = output.expect("the command runs");
    CommandOutput {
        status: output.status.code().expect("an exit status"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// Returns the command with these arguments, without variables for proxies and colours.
fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
    for name in PROXIES {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command.args(args).env_remove("NO_COLOR");
    command
}

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).expect("one JSON object per line")
}

/// Runs the command with `--json`. Returns the exit status and the printed objects.
pub(crate) fn json(args: &[&str]) -> (i32, Vec<Value>) {
    let ran = trunkline(&[args, &["--json"]].concat());
    (ran.status, ran.stdout.lines().map(parsed).collect())
}

/// Runs the command with `--json`. Returns the exit status and the one printed object.
pub(crate) fn object(args: &[&str]) -> (i32, Value) {
    let (status, mut objects) = json(args);
    assert_eq!(objects.len(), 1, "{objects:?}");
    (status, objects.remove(0))
}

/// A run of the command, which the drop kills.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs `trunkline watch` with these arguments, and ends it once `is_last` holds of a line that it
/// prints. Without such a line it ends after a minute, far longer than a busy machine needs.
fn watch_lines(args: &[&str], mut is_last: impl FnMut(&str) -> bool) {
    let mut command = command(&[&["watch", "--for=60"], args].concat());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut running = Running(child.expect("the command runs"));
    let stdout = running.0.stdout.take().expect("a pipe");
    for line in BufReader::new(stdout).lines() {
        if is_last(&line.expect("UTF-8")) {
            return;
        }
    }
}

/// Runs `trunkline watch` with these arguments until `seen` holds of its text. Returns the text.
pub(crate) fn watch_text(args: &[&str], seen: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    watch_lines(args, |line| {
        text.extend([line, "\n"]);
        seen(&text)
    });
    text
}

/// Runs `trunkline watch --json` with these arguments until `seen` holds of its events. Returns them.
pub(crate) fn watch(args: &[&str], seen: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let mut events = Vec::new();
    watch_lines(&[args, &["--json"]].concat(), |line| {
        events.push(parsed(line));
        seen(&events)
    });
    events
}

/// Runs `run`, which gets a time in seconds for an option of the command, until `seen` holds of the
/// result: with one second first, and with longer times where the machine was too busy for that.
/// Returns the last result.
pub(crate) fn with_enough_time<T>(run: impl Fn(u32) -> T, seen: impl Fn(&T) -> bool) -> T {
    let first = run(1);
    if seen(&first) {
        return first;
    }
    let second = run(4);
    if seen(&second) { second } else { run(15) }
}

/// Runs `run`, which gets a number of calls to make, until `seen` holds: the first ones may all go to the backend that is connected
/// first, and a busy machine takes longer to connect the others. Returns the last result.
pub(crate) fn with_enough_calls<T>(run: impl Fn(u64) -> T, seen: impl Fn(&T) -> bool) -> T {
    with_enough_time(|seconds| run(600 * u64::from(seconds)), seen)
}
