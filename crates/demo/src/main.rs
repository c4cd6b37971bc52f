#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod args;
mod claims;
mod client;
mod demo;
mod fleet;
mod interrupt;
mod paint;
mod screen;
mod stage;
mod table;
mod zone;

use std::process::ExitCode;

use crate::args::Args;
use crate::stage::Stop;

fn main() -> ExitCode {
    // The backends are this program, started again.
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
    match demo::run(&args) {
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
