//! Every example runs to its end.

use std::time::Duration;

use crate::context::Context;
use crate::failure::Failure;
use crate::step::{Done, Step};

/// An example shows something and ends; one that takes longer than this waits for what never comes.
const LIMIT: Duration = Duration::from_secs(60);

pub(super) const STEP: Step = Step {
    name: "examples",
    remedy: "run the named example alone; each must end by itself, with status 0",
    covers: &[],
    run,
};

fn run(context: &Context) -> Result<Done, Failure> {
    let mut lines = Vec::new();
    for package in context.metadata()?.members() {
        for target in package
            .targets
            .iter()
            .filter(|target| target.kind == "example")
        {
            let mut line = format!("-p {} --example {}", package.name, target.name);
            if !target.required_features.is_empty() {
                line.push_str(" --features ");
                line.push_str(&target.required_features.join(","));
            }
            context
                .run(&format!("cargo build --locked {line}"))
                .succeed()?;
            context
                .run(&format!("cargo run --quiet --locked {line}"))
                .limit(LIMIT)
                .succeed()?;
            lines.push(format!("{} of {} ran", target.name, package.name));
        }
    }
    if lines.is_empty() {
        return Ok(Done::Skipped("no package has an example".to_owned()));
    }
    Ok(Done::Passed(lines))
}
