//! `codegen`: generates the checked-in tonic and prost code.

use crate::command::Command;
use crate::context::Context;
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "codegen",
    about: "generate the checked-in tonic and prost code; --check only compares it",
    run,
};

fn run(context: &Context, args: &[String]) -> Result<(), Failure> {
    context
        .run("cargo run --quiet -p trunkline-codegen --")
        .args(args)
        .attached()
}
