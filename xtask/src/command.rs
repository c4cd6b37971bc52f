//! A command of `cargo xtask`.

use crate::context::Context;
use crate::failure::Failure;

/// One command of `cargo xtask`.
pub(crate) struct Command {
    pub(crate) name: &'static str,
    /// One line of help.
    pub(crate) about: &'static str,
    /// Runs it with the arguments after its name.
    pub(crate) run: fn(&Context, &[String]) -> Result<(), Failure>,
}
