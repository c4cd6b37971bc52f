//! The end of a benchmark.

use std::process::ExitCode;
use std::{env, fs, io};

use crate::results::Results;
use crate::text;

/// Prints results, and writes them to the file that the argument `--json` names, if there is one.
///
/// # Errors
///
/// When the file cannot be written.
pub fn publish(results: &Results) -> io::Result<()> {
    print!("{}", text::results(results, 2));
    let Some(path) = env::args().skip_while(|arg| arg != "--json").nth(1) else {
        return Ok(());
    };
    let json = serde_json::to_string_pretty(results)?;
    fs::write(path, json)
}

/// Publishes results, and returns the status of the benchmark's process: a failure if a target is missed.
///
/// # Panics
///
/// When the file cannot be written.
#[must_use]
pub fn end(results: &Results) -> ExitCode {
    publish(results).expect("a file that can be written");
    if results.has_missed() {
        println!("FAILED: a target is missed");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
