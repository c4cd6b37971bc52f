//! Runs each benchmark once, to check that it still works and gets right results.

use crate::bench;
use crate::context::Context;
use crate::failure::Failure;
use crate::step::{Done, Step};

pub(super) const STEP: Step = Step {
    name: "benches",
    remedy: "cargo xtask bench NAME",
    covers: &[],
    run,
};

fn run(context: &Context) -> Result<Done, Failure> {
    let targets = bench::targets(context)?;
    let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    // Without `--bench` after dashes, criterion runs each function once; the test profile is good
    // enough for that. `--workspace` unifies features, so that the build of the tests is reused.
    context
        .run("cargo test --locked --workspace")
        .args(names.iter().flat_map(|name| ["--bench", name]))
        .succeed()?;
    Ok(Done::with(format!("{} benchmarks, each once", names.len())))
}
