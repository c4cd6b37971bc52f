//! `testbed`: compares connectors on a network with delays.

use crate::command::Command;
use crate::context::Context;
use crate::failure::Failure;
use crate::testbed;

pub(super) const COMMAND: Command = Command {
    name: "testbed",
    about: "measure Happy Eyeballs in network namespaces (root): he [--short]",
    run,
};

fn run(context: &Context, args: &[String]) -> Result<(), Failure> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["he"] => testbed::run(context, false),
        ["he", "--short"] => testbed::run(context, true),
        _ => Err(Failure::usage(
            "testbed wants `he`, or `he --short`, which writes nothing",
        )),
    }
}
