//! Builds each crate with each of its features alone.

use super::cores::check;
use crate::context::Context;
use crate::failure::Failure;
use crate::step::{Done, Step};

pub(super) const STEP: Step = Step {
    name: "features",
    remedy: "list in Cargo.toml what the feature needs, and put #[cfg(feature)] on the code that needs the feature",
    covers: &[],
    run,
};

fn run(context: &Context) -> Result<Done, Failure> {
    let mut checks = 0;
    for package in context.metadata()?.published() {
        let name = &package.name;
        for feature in package.features.iter().filter(|name| *name != "default") {
            check(
                context,
                &format!("-p {name} --no-default-features --features {feature}"),
            )?;
            checks += 1;
        }
    }
    Ok(Done::with(format!("{checks} features, each alone")))
}
