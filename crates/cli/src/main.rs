//! The `trunkline` command: shows what a gRPC client sees, and why.

// From the ground up: a module uses those above it alone.
mod args;

// What is printed, and how.
mod failure;
mod show;

mod out;

mod event;
mod svg;

// What the subcommands share.
mod channel;
mod health;
mod lookup;
mod peer;
mod run;

// The subcommands. `resolve` explains a target as `target` does.
mod target;

mod call;
mod connect;
mod resolve;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use failure::Failure;
use out::Out;

fn main() -> ExitCode {
    // A wrong command line exits here, with status 2 and a message on stderr.
    let args = Args::parse();
    if args.common.verbose > 0 {
        let level = match args.common.verbose {
            1 => tracing::Level::INFO,
            2 => tracing::Level::DEBUG,
            _ => tracing::Level::TRACE,
        };
        tracing_subscriber::fmt()
            .with_writer(std::io::stderr)
            .with_max_level(level)
            // When stderr cannot be written to, a message about it would be lost too.
            .log_internal_errors(false)
            .init();
    }
    let out = Out::new(&args.common);
    let result = match &args.command {
        Command::Target(command) => target::run(command, &out),
        Command::Resolve(command) => resolve::run(command, &args.common, &out),
        Command::Connect(command) => connect::run(command, &args.common, &out),
        Command::Call(command) => call::run(command, &args.common, &out),
        Command::Watch(command) => watch::run(command, &args.common, &out),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure, &out),
    }
}

/// Prints a failure: as JSON to stdout, or as text to stderr.
fn report(failure: &Failure, out: &Out) -> ExitCode {
    if out.is_json() {
        out.object(&failure.to_json());
    } else {
        out.failure(failure);
    }
    ExitCode::from(failure.exit_status())
}
