//! Checks that the checked-in pictures of policies are those that are computed.

use crate::figures;
use crate::step::{Done, Step};

pub(super) const STEP: Step = Step {
    name: "figures",
    remedy: "cargo xtask figures policies, and commit the result",
    covers: &["cargo xtask figures --check policies"],
    // The page on scale takes minutes: `cargo xtask figures --check scale`.
    run: |context| {
        context
            .run(figures::LINE)
            .args(["--check", "policies"])
            .succeed()?;
        Ok(Done::passed())
    },
};
