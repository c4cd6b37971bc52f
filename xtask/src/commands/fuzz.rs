//! `fuzz`: runs the fuzz targets for a while.

use crate::command::Command;
use crate::context::Context;
use crate::failure::Failure;
use crate::fuzzer::{Fuzzer, SECONDS};

pub(super) const COMMAND: Command = Command {
    name: "fuzz",
    about: "fuzz with libFuzzer on nightly: [--seconds N] [TARGET..]",
    run,
};

fn run(context: &Context, args: &[String]) -> Result<(), Failure> {
    let mut seconds = SECONDS;
    let mut names = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--seconds" {
            let value = args.next().and_then(|value| value.parse().ok());
            seconds = value
                .filter(|seconds| *seconds > 0)
                .ok_or_else(|| Failure::usage("--seconds needs a whole number above 0"))?;
        } else {
            names.push(arg.as_str());
        }
    }
    let fuzzer = Fuzzer::find(context)?.map_err(Failure::new)?;
    if let Some(name) = names.iter().find(|name| !fuzzer.has(name)) {
        return Err(Failure::usage(format!("no fuzz target `{name}`"))
            .remedy(format!("name one of: {}", fuzzer.targets.join(", "))));
    }
    fuzzer.build()?;
    let chosen = |name: &&String| names.is_empty() || names.contains(&name.as_str());
    let targets: Vec<&String> = fuzzer.targets.iter().filter(chosen).collect();
    for line in fuzzer.fuzz(&targets, seconds)? {
        println!("{line}");
    }
    Ok(())
}
