//! The `trunkline` command: shows what a gRPC client sees, and why.

// From the ground up: a module uses only those above it.
mod args;

// What is printed, and how.
mod failure;
mod show;

mod text;

mod out;

mod endpoint_changes;
mod event;
mod svg;

// What the subcommands share.
mod attempts;
mod file;
mod health_check;
mod lb;
mod lookup;
mod metadata;
mod proxy;
mod tls;

mod bootstrap;
mod channel;
mod health;
mod mesh;
mod peer;
mod run;

// The subcommands. `resolve` explains a target as `target` does.
mod target;

mod call;
mod connect;
mod generate;
mod resolve;
mod watch;
mod xds;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use failure::Failure;
use out::{LogWriter, Out};
use text::visible;

fn main() -> ExitCode {
    let args = parse();
    if args.common.verbose > 0 {
        let level = match args.common.verbose {
            1 => tracing::Level::INFO,
            2 => tracing::Level::DEBUG,
            _ => tracing::Level::TRACE,
        };
        tracing_subscriber::fmt()
            .with_writer(|| LogWriter)
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
        Command::Xds(command) => xds::run(command, &args.common, &out),
        Command::Completions(command) => generate::completions(command, &out),
        Command::Man(command) => generate::man(command, &out),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure, &out),
    }
}

/// Parses the command line. A wrong one ends the process, with status 2 and a message on stderr.
fn parse() -> Args {
    Args::try_parse().unwrap_or_else(|error| {
        // The message quotes arguments: it is made again from arguments without control characters.
        let args = std::env::args_os().map(|arg| visible(&arg.to_string_lossy()).into_owned());
        Args::try_parse_from(args).err().unwrap_or(error).exit()
    })
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
