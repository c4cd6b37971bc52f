//! Builds the published crates with the oldest compiler that they support.

use crate::context::Context;
use crate::failure::Failure;
use crate::step::{Done, Step};

pub(super) const STEP: Step = Step {
    name: "msrv",
    remedy: "use only what that compiler supports, or raise rust-version (docs/decisions/0010-rust-version.md)",
    covers: &[],
    run,
};

fn run(context: &Context) -> Result<Done, Failure> {
    let metadata = context.metadata()?;
    let version = metadata
        .published()
        .find_map(|package| package.rust_version.as_deref());
    let version = version.ok_or_else(|| Failure::new("no package declares a rust-version"))?;
    let Ok(_) = context
        .run(&format!("rustup run {version} rustc -V"))
        .stdout()
    else {
        return Ok(Done::Skipped(format!(
            "no toolchain {version} here; `rustup toolchain install {version}` gets one"
        )));
    };
    let mut line = format!("rustup run {version} cargo check --locked");
    for package in metadata.published() {
        line.push_str(" -p ");
        line.push_str(&package.name);
    }
    context
        .run(&line)
        .env("CARGO_TARGET_DIR", context.root.join("target/msrv"))
        .succeed()?;
    Ok(Done::with(format!("builds with {version}")))
}
