//! Runs each benchmark once, to check that it still works and gets right results.

use crate::context::Context;
use crate::failure::Failure;
use crate::step::{Done, Step};

/// The package with the benchmarks.
const PACKAGE: &str = "trunkline-benches";

pub(super) const STEP: Step = Step {
    name: "benches",
    remedy: "cargo xtask bench NAME",
    covers: &[],
    run,
};

fn run(context: &Context) -> Result<Done, Failure> {
    let package = context.metadata()?.member(PACKAGE);
    let targets = package.map(|package| package.targets.as_slice());
    let targets = targets.unwrap_or_default().iter();
    let names: Vec<&str> = targets
        .filter(|target| target.kind == "bench")
        .map(|target| target.name.as_str())
        .collect();
    if names.is_empty() {
        return Ok(Done::Skipped(format!("{PACKAGE} has no benchmark")));
    }
    // Without `--bench` after dashes, criterion runs each function once; the test profile is good
    // enough for that. `--workspace` unifies features, so that the build of the tests is reused.
    context
        .run("cargo test --locked --workspace")
        .args(names.iter().flat_map(|name| ["--bench", name]))
        .succeed()?;
    Ok(Done::with(format!("{} benchmarks, each once", names.len())))
}
