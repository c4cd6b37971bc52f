//! `interop`: runs the tests against third-party servers.

use crate::command::Command;
use crate::context::Context;
use crate::failure::Failure;
use crate::interop::{self, Options};

pub(super) const COMMAND: Command = Command {
    name: "interop",
    about: "test against DNS and gRPC servers of other projects: [-v] [-- COMMAND..] runs COMMAND instead; suite [--soak SECONDS] [--write], rotation [--soak SECONDS], ejection, weights, traces, channelz, csds or xds [--soak SECONDS] runs only that part",
    run,
};

fn run(context: &Context, args: &[String]) -> Result<(), Failure> {
    let mut args = args;
    if args.first().is_some_and(|arg| arg == "-v") {
        context.be_verbose();
        args = &args[1..];
    }
    match args.split_first() {
        None => interop::run(context, &[]),
        Some((dashes, command)) if dashes == "--" => interop::run(context, command),
        Some((part, args)) if interop::ALONE.contains(&part.as_str()) => {
            interop::run_alone(context, part, options(args)?)
        }
        Some((arg, _)) => Err(unknown(arg)),
    }
}

/// Reads the arguments after the name of a part.
fn options(args: &[String]) -> Result<Options, Failure> {
    let mut options = Options::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--write" => options.writes_document = true,
            "--soak" => {
                let secs = args.next().and_then(|secs| secs.parse().ok());
                let secs =
                    secs.ok_or_else(|| Failure::usage("--soak needs a number of seconds"))?;
                options.soak_secs = Some(secs);
            }
            _ => return Err(unknown(arg)),
        }
    }
    Ok(options)
}

fn unknown(arg: &str) -> Failure {
    Failure::usage(format!("unknown argument `{arg}` of interop"))
}
