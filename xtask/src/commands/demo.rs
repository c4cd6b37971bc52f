//! `demo`: shows on one machine what the project is for.

use crate::command::Command;
use crate::context::Context;
use crate::demo::{MISSING, build, exists, program};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "demo",
    about: "run the demo on this machine: [--release]; other arguments go to the demo",
    run,
};

fn run(context: &Context, args: &[String]) -> Result<(), Failure> {
    let (own, args): (Vec<&String>, Vec<&String>) =
        args.iter().partition(|arg| *arg == "--release");
    if !exists(context)? {
        return Err(Failure::new(MISSING));
    }
    let profile = if own.is_empty() { "dev" } else { "release" };
    build(context, profile).attached()?;
    program(context, profile)?.args(args).attached()
}
