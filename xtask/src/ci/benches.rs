//! Every benchmark of criterion's runs once: what it measures is still there, and right.

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
    // Without `--bench` after dashes criterion runs each function once, and the profile of the tests
    // will do. With the features of the whole workspace, so that it shares what the tests built.
    context
        .run("cargo test --locked --workspace")
        .args(names.iter().flat_map(|name| ["--bench", name]))
        .succeed()?;
    Ok(Done::with(format!("{} benchmarks, each once", names.len())))
}
