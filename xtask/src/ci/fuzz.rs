//! Runs every fuzz target for a while. It must find nothing.

use crate::context::Context;
use crate::failure::Failure;
use crate::fuzzer::{Fuzzer, SECONDS};
use crate::step::{Done, Step};

pub(super) const STEP: Step = Step {
    name: "fuzz",
    remedy: "cargo xtask fuzz TARGET, with --seconds for longer",
    covers: &["cargo xtask fuzz"],
    run,
};

fn run(context: &Context) -> Result<Done, Failure> {
    let fuzzer = match Fuzzer::find(context)? {
        Ok(fuzzer) => fuzzer,
        Err(reason) => return Ok(Done::Skipped(reason)),
    };
    fuzzer.build()?;
    let targets: Vec<&String> = fuzzer.targets.iter().collect();
    fuzzer.fuzz(&targets, SECONDS).map(Done::Passed)
}
