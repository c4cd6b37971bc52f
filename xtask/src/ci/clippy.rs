//! Checks that neither the compiler nor clippy warns, with the default features and with all.

use crate::context::Context;
use crate::failure::Failure;
use crate::step::{Done, Step};

pub(super) const STEP: Step = Step {
    name: "clippy",
    remedy: "fix what it names; an exception is an #[expect(.., reason = \"..\")] on the item",
    covers: &["cargo clippy --workspace --all-targets"],
    run: |context| clippy(context, "--workspace --all-targets"),
};

pub(super) const ALL_FEATURES: Step = Step {
    name: "clippy-all-features",
    run: |context| clippy(context, "--workspace --all-targets --all-features"),
    covers: &[],
    ..STEP
};

fn clippy(context: &Context, what: &str) -> Result<Done, Failure> {
    // `-D warnings` after the dashes is only for clippy. In RUSTFLAGS it would rebuild everything.
    context
        .run(&format!("cargo clippy --locked {what} -- -D warnings"))
        .succeed()?;
    Ok(Done::passed())
}
