//! Checks that the checked-in generated code matches the protos.

use crate::step::{Done, Step};

pub(super) const STEP: Step = Step {
    name: "codegen",
    remedy: "cargo xtask codegen, and commit the result",
    covers: &["cargo xtask codegen --check"],
    run: |context| {
        context
            .run("cargo run --quiet -p trunkline-codegen -- --check")
            .succeed()?;
        Ok(Done::passed())
    },
};
