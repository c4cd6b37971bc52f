#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod checks;
mod clients;
mod clock;
mod control;
mod environment;
mod parts;
mod servers;
mod traffic;
mod zone;

use std::process::ExitCode;

/// Why something did not hold, or could not be tried.
type Wrong = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    // The backends are this program, started again.
    trunkline_testkit::backend::serve_if_asked();
    let names: Vec<String> = std::env::args().skip(1).collect();
    match parts::run(&names) {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            eprintln!("error: {wrong}");
            ExitCode::FAILURE
        }
    }
}
