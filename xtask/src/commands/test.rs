//! `test`: runs the tests of every crate.

use crate::command::Command;
use crate::context::Context;
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "test",
    about: "run the tests of every crate; arguments go to `cargo test --workspace`",
    run,
};

fn run(context: &Context, args: &[String]) -> Result<(), Failure> {
    context.run("cargo test --workspace").args(args).attached()
}
