//! Checks that every file is formatted by rustfmt.

use crate::step::{Done, Step};

pub(super) const STEP: Step = Step {
    name: "fmt",
    remedy: "cargo fmt --all",
    covers: &["cargo fmt --all --check"],
    run: |context| {
        context
            .run("cargo fmt --all --check -- --color never")
            .succeed()?;
        Ok(Done::passed())
    },
};
