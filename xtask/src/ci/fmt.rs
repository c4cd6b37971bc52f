//! Every file is as rustfmt leaves it.

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
