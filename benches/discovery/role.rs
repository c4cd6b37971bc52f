//! The processes of this program.

use std::env;
use std::process::Command;

/// Environment variable with the role of a process, and what it needs, as words.
const ROLE: &str = "TRUNKLINE_BENCH_DISCOVERY";

/// Returns the words of the role of this process; `None` if it has none.
pub(crate) fn words() -> Option<Vec<String>> {
    let role = env::var(ROLE).ok()?;
    Some(role.split(' ').map(str::to_owned).collect())
}

/// Returns this program in the role that the words describe.
pub(crate) fn command(words: &[&str]) -> Command {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command.env(ROLE, words.join(" "));
    command
}
