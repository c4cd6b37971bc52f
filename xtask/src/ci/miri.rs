//! Runs the tests of the two crates that other projects embed alone with Miri.

use crate::context::Context;
use crate::failure::Failure;
use crate::step::{Done, Step};

pub(super) const STEP: Step = Step {
    name: "miri",
    remedy: "rustup run nightly cargo miri test -p trunkline-target -p trunkline-endpoint",
    covers: &[],
    run,
};

fn run(context: &Context) -> Result<Done, Failure> {
    let Ok(version) = context
        .run("rustup run nightly cargo miri --version")
        .stdout()
    else {
        let how = "rustup component add miri rust-src --toolchain nightly";
        return Ok(Done::Skipped(format!("no Miri here; `{how}` gets it")));
    };
    context
        .run("rustup run nightly cargo miri test -p trunkline-target -p trunkline-endpoint")
        .env("CARGO_TARGET_DIR", context.root.join("target/miri"))
        // The tests read their data files.
        .env("MIRIFLAGS", "-Zmiri-disable-isolation")
        .succeed()?;
    Ok(Done::with(version.trim().to_owned()))
}
