//! Checks that the documentation builds without warnings: no broken link, no undocumented item.

use crate::step::{Done, Step};

pub(super) const STEP: Step = Step {
    name: "docs",
    remedy: "fix the links that it names",
    covers: &["cargo doc --workspace --no-deps"],
    run: |context| {
        context
            .run("cargo doc --workspace --no-deps --all-features --locked")
            .env("RUSTDOCFLAGS", "-D warnings")
            .succeed()?;
        Ok(Done::passed())
    },
};
