#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// From the ground up: a module uses only those in the groups above it.

mod wrong;

mod clock;
mod environment;
mod server_control;
mod zone;

// The clients, and the servers that they call.
mod clients;
mod servers;

// Calls at a steady rate.
mod traffic;

mod checks;

// gRPC's own interop suite.
mod suite;

// The checks by name.
mod parts;

use std::process::ExitCode;

fn main() -> ExitCode {
    // A backend is this program in a child process; this call does not return there.
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
