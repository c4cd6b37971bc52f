//! Compares our reduced messages of xDS with the public API.

use crate::step::{Done, Step};

pub(super) const STEP: Step = Step {
    name: "protos",
    remedy: "give the named field of xtask/codegen/proto the number and the type of the public API, and run cargo xtask codegen",
    covers: &[],
    run: |context| {
        context
            .run("cargo test --quiet --locked --manifest-path benches/peers/xds-proto/Cargo.toml")
            .succeed()?;
        Ok(Done::passed())
    },
};
