//! Runs the tests against third-party servers.

use crate::context::Context;
use crate::failure::Failure;
use crate::interop;
use crate::step::{Done, Step};

pub(super) const STEP: Step = Step {
    name: "interop",
    remedy: "cargo xtask interop -v",
    covers: &["cargo xtask interop"],
    run,
};

fn run(context: &Context) -> Result<Done, Failure> {
    interop::check(context)
}
