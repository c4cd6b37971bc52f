//! The checked-in generated code is what the protos give.

use crate::command::codegen::CHECK;
use crate::step::{Done, Step};

pub(super) const STEP: Step = Step {
    name: "codegen",
    remedy: "cargo xtask codegen, and commit the result",
    covers: &["cargo xtask codegen --check"],
    run: |context| {
        context.run(CHECK).succeed()?;
        Ok(Done::passed())
    },
};
