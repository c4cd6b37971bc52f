//! Checks that what docs/architecture.md ("Invariants") rules out is absent from the code.

// From the ground up: source, imports; circles, dependencies, walls.
mod circles;
mod dependencies;
mod imports;
mod source;
mod walls;

use crate::context::Context;
use crate::failure::Failure;
use crate::step::{Done, Step};

pub(super) const STEP: Step = Step {
    name: "invariants",
    remedy: "remove what breaks the invariant, or change docs/architecture.md with a decision record",
    covers: &[
        "cargo tree -p trunkline-target -e normal",
        "cargo tree -p trunkline --no-default-features --features smol -e normal",
    ],
    run,
};

fn run(context: &Context) -> Result<Done, Failure> {
    let mut broken = dependencies::broken(context)?;
    broken.extend(walls::broken(&context.root)?);
    broken.extend(circles::broken(context)?);
    if broken.is_empty() {
        return Ok(Done::passed());
    }
    let what = format!("{} broken", broken.len());
    Err(Failure::new(what).output(broken.join("\n")))
}
