//! Checks that what docs/architecture.md ("Invariants") rules out is absent from the code.

mod dependencies;

use crate::context::Context;
use crate::failure::Failure;
use crate::step::{Done, Step};

pub(super) const STEP: Step = Step {
    name: "invariants",
    remedy: "leave it out, or change the invariant in docs/architecture.md by a decision record",
    covers: &[
        "cargo tree -p trunkline-target -e normal",
        "cargo tree -p trunkline --no-default-features --features smol -e normal",
    ],
    run,
};

fn run(context: &Context) -> Result<Done, Failure> {
    let broken = dependencies::broken(context)?;
    if broken.is_empty() {
        return Ok(Done::passed());
    }
    let what = format!("{} broken", broken.len());
    Err(Failure::new(what).output(broken.join("\n")))
}
