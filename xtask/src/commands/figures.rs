//! `figures`: computes the pictures and pages of `docs/` that show what load balancing does.

use crate::command::Command;
use crate::context::Context;
use crate::failure::Failure;
use crate::figures;

pub(super) const COMMAND: Command = Command {
    name: "figures",
    about: "write the computed files of docs/: [--check] [policies] [scale]",
    run,
};

fn run(context: &Context, args: &[String]) -> Result<(), Failure> {
    context.run(figures::LINE).args(args).attached()
}
