//! The commands, one file each.

mod bench;
mod ci;
mod codegen;
mod demo;
mod figures;
mod fuzz;
mod interop;
mod test;
mod testbed;
mod xds_demo;

use std::fmt::Write;

use crate::command::Command;

const COMMANDS: [Command; 10] = [
    ci::COMMAND,
    demo::COMMAND,
    test::COMMAND,
    bench::COMMAND,
    figures::COMMAND,
    fuzz::COMMAND,
    interop::COMMAND,
    testbed::COMMAND,
    xds_demo::COMMAND,
    codegen::COMMAND,
];

/// Returns the command with this name.
pub(crate) fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

/// Returns the help text.
pub(crate) fn help() -> String {
    let mut text = String::from("cargo xtask COMMAND [ARGUMENTS]\n\n");
    for command in &COMMANDS {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {:8}  {}", command.name, command.about);
    }
    text
}
