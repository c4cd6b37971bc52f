//! Runs the demo, and checks that it notices when a mechanism is switched off.

use std::time::Duration;

use crate::context::Context;
use crate::demo::{MISSING, build, exists, program};
use crate::failure::Failure;
use crate::process::Ran;
use crate::step::{Done, Step};

/// Limit for the demo. It is to take less than a minute; slow machines get two more.
const LIMIT: Duration = Duration::from_secs(180);

pub(super) const STEP: Step = Step {
    name: "demo",
    remedy: "cargo xtask demo",
    covers: &["cargo xtask demo"],
    run: |context| {
        demo(context, &[], |ran| {
            let output = ran.success()?;
            let lines: Vec<&str> = output.lines().filter(|line| !line.is_empty()).collect();
            let last = &lines[lines.len().saturating_sub(5)..];
            Ok(last.iter().copied().map(str::to_owned).collect())
        })
    },
};

pub(super) const SABOTAGE_REFRESH: Step = Step {
    name: "demo-sabotage-refresh",
    run: |context| sabotage(context, "refresh"),
    ..SABOTAGE
};

pub(super) const SABOTAGE_FALLBACK: Step = Step {
    name: "demo-sabotage-fallback",
    run: |context| sabotage(context, "fallback"),
    ..SABOTAGE
};

pub(super) const SABOTAGE_DRAIN: Step = Step {
    name: "demo-sabotage-drain",
    run: |context| sabotage(context, "drain"),
    ..SABOTAGE
};

const SABOTAGE: Step = Step {
    name: "",
    remedy: "the demo must check the counters of the backends, so that it notices a missing mechanism",
    covers: &[],
    run: |_| Ok(Done::passed()),
};

/// Runs the demo with one mechanism switched off. It must notice, and end with exit status 1.
fn sabotage(context: &Context, mechanism: &str) -> Result<Done, Failure> {
    demo(context, &["--sabotage", mechanism], |ran| {
        if ran.status.code() == Some(1) {
            return Ok(vec!["noticed, exit status 1".to_owned()]);
        }
        let what = format!("`{}`: {}, and not 1", ran.shown, ran.status);
        Err(Failure::new(what).output(ran.output))
    })
}

fn demo(
    context: &Context,
    args: &[&str],
    judge: impl FnOnce(Ran) -> Result<Vec<String>, Failure>,
) -> Result<Done, Failure> {
    if !exists(context)? {
        return Ok(Done::Skipped(MISSING.to_owned()));
    }
    build(context, "dev").succeed()?;
    let ran = program(context, "dev")?.args(args).limit(LIMIT).finish()?;
    judge(ran).map(Done::Passed)
}
