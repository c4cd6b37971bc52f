//! One backend, to try things out: `--name=`, `--port=`, `--work-ms=`, `--no-drain`, `--no-ipv6`.
//!
//! It prints the addresses that it listens on, and reads commands from standard input; see
//! `trunkline_testkit::backend`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    trunkline_testkit::backend::main()
}
