//! Runs the short form of the testbed, if this machine can make network namespaces.

use crate::context::Context;
use crate::failure::Failure;
use crate::step::{Done, Step};
use crate::testbed;

pub(super) const STEP: Step = Step {
    name: "testbed",
    remedy: "cargo xtask testbed he --short",
    covers: &["cargo xtask testbed he"],
    run,
};

fn run(context: &Context) -> Result<Done, Failure> {
    testbed::check(context)
}
