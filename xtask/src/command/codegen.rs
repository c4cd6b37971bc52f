//! `codegen`: the checked-in tonic and prost code.

use super::Command;
use crate::context::Context;
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "codegen",
    about: "make the checked-in tonic and prost code, or with --check compare it",
    run,
};

/// Compares the checked-in code with what the protos give.
pub(crate) const CHECK: &str = "cargo run --quiet -p trunkline-codegen -- --check";

fn run(context: &Context, args: &[String]) -> Result<(), Failure> {
    context
        .run("cargo run --quiet -p trunkline-codegen --")
        .args(args)
        .attached()
}
