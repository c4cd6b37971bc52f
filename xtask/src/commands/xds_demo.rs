//! `xds-demo`: starts a small control plane, and servers that it names.

use crate::command::Command;
use crate::context::Context;
use crate::failure::Failure;
use crate::xds_demo;

pub(super) const COMMAND: Command = Command {
    name: "xds-demo",
    about: "start a small control plane that serves the target xds:///orders: [-- COMMAND..] runs COMMAND with it and ends",
    run,
};

fn run(context: &Context, args: &[String]) -> Result<(), Failure> {
    match args.split_first() {
        None => xds_demo::run(context, &[]),
        Some((dashes, command)) if dashes == "--" => xds_demo::run(context, command),
        Some((arg, _)) => Err(Failure::usage(format!(
            "unknown argument `{arg}` of xds-demo"
        ))),
    }
}
