#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// From the ground up: a module uses only those above it.
mod args;
mod claims;
mod interrupt;
mod paint;

// What the demo starts: backend processes, a DNS server, a client.
mod client;
mod fleet;
mod zone;

// What the user sees.
mod table;

mod screen;

// The steps of the demo, and what they run on.
mod running;

mod steps;

use std::process::ExitCode;

use crate::args::Args;
use crate::running::Stop;

fn main() -> ExitCode {
    // Serves as a backend, when the demo started this process as one.
    trunkline_testkit::backend::serve_if_asked();
    let args = match Args::parse(std::env::args().skip(1)) {
        Ok(Some(args)) => args,
        Ok(None) => {
            println!("{}", args::HELP);
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            eprintln!("error: {wrong}\n\n{}", args::HELP);
            return ExitCode::from(2);
        }
    };
    match steps::run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(Stop::Interrupted) => {
            eprintln!("interrupted; all backends are ended");
            ExitCode::from(130)
        }
        Err(Stop::Failed(error)) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
