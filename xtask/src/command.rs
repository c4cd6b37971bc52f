//! The commands, a file each.

mod bench;
mod ci;
pub(crate) mod codegen;
pub(crate) mod demo;
pub(crate) mod fuzz;
mod interop;
mod test;
mod testbed;

use std::fmt::Write;

use crate::context::Context;
use crate::failure::Failure;

/// One command of `cargo xtask`.
pub(crate) struct Command {
    name: &'static str,
    about: &'static str,
    /// Does it, with the arguments that follow its name.
    pub(crate) run: fn(&Context, &[String]) -> Result<(), Failure>,
}

const COMMANDS: [Command; 8] = [
    ci::COMMAND,
    demo::COMMAND,
    test::COMMAND,
    bench::COMMAND,
    fuzz::COMMAND,
    interop::COMMAND,
    testbed::COMMAND,
    codegen::COMMAND,
];

impl Command {
    /// The command of that name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        COMMANDS.iter().find(|command| command.name == name)
    }
}

/// What can be said on the command line.
pub(crate) fn help() -> String {
    let mut text = String::from("cargo xtask COMMAND [ARGUMENTS]\n\n");
    for command in &COMMANDS {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {:8}  {}", command.name, command.about);
    }
    text
}
