//! Runs every example.

use std::time::Duration;

use crate::context::Context;
use crate::failure::Failure;
use crate::step::{Done, Step};

/// Limit for an example. One that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(60);

pub(super) const STEP: Step = Step {
    name: "examples",
    remedy: "run the named example alone; each must end by itself, with status 0",
    covers: &[],
    run,
};

fn run(context: &Context) -> Result<Done, Failure> {
    // Reuses the build of the tests, with the same features. `cargo run --example` would build
    // again.
    context.run("cargo test --workspace --no-run").succeed()?;
    let folder = context.metadata()?.target.join("debug/examples");
    let mut lines = Vec::new();
    for package in context.metadata()?.members() {
        for target in package
            .targets
            .iter()
            .filter(|target| target.kind == "example")
        {
            context
                .program(folder.join(&target.name))
                .limit(LIMIT)
                .succeed()?;
            lines.push(format!("{} of {} ran", target.name, package.name));
        }
    }
    if lines.is_empty() {
        return Ok(Done::Skipped("no package has an example".to_owned()));
    }
    Ok(Done::Passed(lines))
}
