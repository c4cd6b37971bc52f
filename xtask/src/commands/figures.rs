//! `figures`: computes the pictures and pages of `docs/` that show what load balancing does.

use crate::command::Command;
use crate::context::Context;
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "figures",
    about: "write the computed files of docs/: [--check] [policies] [scale]",
    run,
};

fn run(context: &Context, args: &[String]) -> Result<(), Failure> {
    context.run(LINE).args(args).attached()
}

/// The program, in the profile of the benchmarks, so that the build of the dependencies is shared.
pub(crate) const LINE: &str =
    "cargo run --quiet --locked --profile bench -p trunkline-benches --bin figures --";
