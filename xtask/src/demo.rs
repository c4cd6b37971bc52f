//! Building and running the demo.

use crate::context::Context;
use crate::failure::Failure;
use crate::process::Run;

/// Message if there is no demo to run.
pub(crate) const MISSING: &str = "no package of the workspace has a binary `demo`";

/// Returns whether a package has the binary.
pub(crate) fn exists(context: &Context) -> Result<bool, Failure> {
    let mut members = context.metadata()?.members();
    Ok(members.any(|package| {
        let mut targets = package.targets.iter();
        targets.any(|target| target.kind == "bin" && target.name == "demo")
    }))
}

/// Prepares the build of the demo. `--workspace` unifies features, so that other builds are reused.
pub(crate) fn build(context: &Context, profile: &str) -> Run {
    context.run(&format!(
        "cargo build --workspace --bin demo --profile {profile}"
    ))
}

/// Prepares to run the demo that was built with `profile`.
pub(crate) fn program(context: &Context, profile: &str) -> Result<Run, Failure> {
    let folder = if profile == "dev" { "debug" } else { profile };
    let program = context.metadata()?.target.join(folder).join("demo");
    Ok(context.program(program))
}
