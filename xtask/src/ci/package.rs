//! Every published crate can be packaged, and what is packaged builds.

use crate::context::Context;
use crate::failure::Failure;
use crate::step::{Done, Step};

pub(super) const STEP: Step = Step {
    name: "package",
    remedy: "a published crate needs a version beside each path, a licence, a description and a README",
    covers: &["cargo package --workspace"],
    run,
};

fn run(context: &Context) -> Result<Done, Failure> {
    let metadata = context.metadata()?;
    // Cargo only warns of what a registry turns down, and of what a reader misses there.
    for package in metadata.published() {
        if let [first, ..] = package.lacks[..] {
            return Err(Failure::new(format!("{} has no {first}", package.name)));
        }
    }
    // What is in the work tree counts, committed or not; CI runs on a clean one.
    let mut line = String::from("cargo package --workspace --locked --allow-dirty");
    for package in metadata.members().filter(|package| !package.published) {
        line.push_str(" --exclude ");
        line.push_str(&package.name);
    }
    // Verified with the target folder of everything else: cargo's own choice would build all anew.
    let target = context.root.join("target");
    context
        .run(&line)
        .env("CARGO_TARGET_DIR", target)
        .succeed()?;
    Ok(Done::with(format!(
        "{} packages, each built from its archive",
        metadata.published().count()
    )))
}
