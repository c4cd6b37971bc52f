//! Runs the command.

use std::process::Command;

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
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
    for name in PROXIES {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    let output = command
        .args(args)
        .env_remove("NO_COLOR")
        .envs(variables.iter().copied())
        .output()
        .expect("the command runs");
    CommandOutput {
        status: output.status.code().expect("an exit status"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// Runs the command with `--json`. Returns the exit status and the printed objects.
pub(crate) fn json(args: &[&str]) -> (i32, Vec<Value>) {
    let ran = trunkline(&[args, &["--json"]].concat());
    let lines = ran.stdout.lines();
    let objects = lines
        .map(|line| serde_json::from_str(line).expect("one JSON object per line"))
        .collect();
    (ran.status, objects)
}

/// Runs the command with `--json`. Returns the exit status and the one printed object.
pub(crate) fn object(args: &[&str]) -> (i32, Value) {
    let (status, mut objects) = json(args);
    assert_eq!(objects.len(), 1, "{objects:?}");
    (status, objects.remove(0))
}
