//! The commands of this repository: `cargo xtask COMMAND`.
//!
//! Each command is a file of [`commands`], and each step of `ci` is a file of [`ci`].

// From the ground up.
//   tools:       clock, failure, process, cache, metadata, context
//   the checks:  step, bench, demo, figures, fuzzer, interop, testbed; ci
//   commands:    command, commands
mod bench;
mod cache;
mod ci;
mod clock;
mod command;
mod commands;
mod context;
mod demo;
mod failure;
mod figures;
mod fuzzer;
mod interop;
mod metadata;
mod peers;
mod process;
mod step;
mod testbed;
mod xds_demo;

use std::process::ExitCode;

use context::Context;

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let Some(command) = args.first().and_then(|name| commands::find(name)) else {
        eprint!("{}", commands::help());
        let asked = args
            .first()
            .is_some_and(|arg| arg == "help" || arg == "--help");
        return if asked {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(2)
        };
    };
    args.remove(0);
    let context = match Context::new() {
        Ok(context) => context,
        Err(failure) => return failure.report(),
    };
    match (command.run)(&context, &args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
