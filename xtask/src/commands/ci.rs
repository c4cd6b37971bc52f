//! `ci`: runs every check of this repository.

use crate::ci::STEPS;
use crate::command::Command;
use crate::context::Context;
use crate::failure::Failure;
use crate::step::{Step, run_all};

pub(super) const COMMAND: Command = Command {
    name: "ci",
    about: "run every check: [-v] [--list] [--only STEP,STEP] [--skip STEP,STEP]",
    run,
};

fn run(context: &Context, args: &[String]) -> Result<(), Failure> {
    let (mut only, mut skip) = (None, Vec::new());
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-v" | "--verbose" => context.be_verbose(),
            "--list" => {
                STEPS.iter().for_each(|step| println!("{}", step.name));
                return Ok(());
            }
            "--only" => only = Some(names(arg, args.next())?),
            "--skip" => skip = names(arg, args.next())?,
            _ => return Err(Failure::usage(format!("unknown argument `{arg}` of ci"))),
        }
    }
    let chosen = |step: &&&Step| {
        let wanted = only.as_ref().is_none_or(|only| only.contains(&step.name));
        wanted && !skip.contains(&step.name)
    };
    let steps: Vec<&Step> = STEPS.iter().filter(chosen).copied().collect();
    if steps.is_empty() {
        return Err(Failure::usage("no step is left to run"));
    }
    run_all(context, &steps)
}

/// Returns the names of steps in the value of `option`.
fn names(option: &str, value: Option<&String>) -> Result<Vec<&'static str>, Failure> {
    let value = value
        .ok_or_else(|| Failure::usage(format!("{option} needs names of steps, with commas")))?;
    let known = |name: &str| {
        let step = STEPS.iter().find(|step| step.name == name);
        step.map(|step| step.name).ok_or_else(|| {
            Failure::usage(format!("no step `{name}`")).remedy("cargo xtask ci --list")
        })
    };
    value.split(',').map(known).collect()
}
