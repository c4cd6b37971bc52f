//! One backend, to play with by hand: `--name=`, `--port=`, `--work-ms=`, `--no-drain`, `--no-ipv6`.
//!
//! It says where it listens, and reads commands from standard input; see
//! `trunkline_testkit::backend`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    trunkline_testkit::backend::main()
}
