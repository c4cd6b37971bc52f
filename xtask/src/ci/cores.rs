//! Builds each core without its I/O shell.

use crate::context::Context;
use crate::failure::Failure;
use crate::step::{Done, Step};

/// The crates whose core is all that is left without features.
///
/// The channel's core is one module of a crate that needs its shell; the step `invariants` guards
/// the walls of every core.
const CORES: [&str; 11] = [
    "target",
    "endpoint",
    "status",
    "backoff",
    "service-config",
    "dns",
    "connect",
    "lb",
    "resolver",
    "sim",
    "xds",
];

pub(super) const STEP: Step = Step {
    name: "cores",
    remedy: "a core must build without features: move code that does I/O behind the feature `io`",
    covers: &[],
    run,
};

fn run(context: &Context) -> Result<Done, Failure> {
    for core in CORES {
        check(
            context,
            &format!("-p trunkline-{core} --no-default-features"),
        )?;
    }
    Ok(Done::with(format!("{} cores", CORES.len())))
}

/// Builds the library and the binaries of a package, with warnings denied.
///
/// Uses clippy, because only clippy can deny warnings without rebuilding the dependencies.
pub(super) fn check(context: &Context, what: &str) -> Result<(), Failure> {
    let line = format!("cargo clippy --quiet --locked {what} -- -D warnings");
    context.run(&line).succeed().map(|_| ())
}
