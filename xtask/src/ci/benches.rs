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
    let benches = targets.unwrap_or_default().iter();
    let count = benches.filter(|target| target.kind == "bench").count();
    if count == 0 {
        return Ok(Done::Skipped(format!("{PACKAGE} has no benchmark")));
    }
    // Without `--bench` criterion runs each function once, and the profile of the tests will do.
    context
        .run(&format!("cargo test --locked -p {PACKAGE} --benches"))
        .succeed()?;
    Ok(Done::with(format!("{count} benchmarks, each once")))
}
