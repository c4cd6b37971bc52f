//! `interop`: runs the tests against third-party servers.

use crate::command::Command;
use crate::context::Context;
use crate::failure::Failure;
use crate::interop;

pub(super) const COMMAND: Command = Command {
    name: "interop",
    about: "test against CoreDNS, unbound, dnsmasq, grpc-go and C-core: [-v] [-- COMMAND..] runs COMMAND instead",
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
        Some((arg, _)) => Err(Failure::usage(format!(
            "unknown argument `{arg}` of interop"
        ))),
    }
}
