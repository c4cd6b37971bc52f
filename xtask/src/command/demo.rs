//! `demo`: what the project is for, on one machine.

use super::Command;
use crate::context::Context;
use crate::failure::Failure;
use crate::process::Run;

pub(super) const COMMAND: Command = Command {
    name: "demo",
    about: "show the whole on this machine; [--release], other arguments go to the demo",
    run,
};

fn run(context: &Context, args: &[String]) -> Result<(), Failure> {
    let (own, args): (Vec<&String>, Vec<&String>) =
        args.iter().partition(|arg| *arg == "--release");
    let Some(package) = package(context)? else {
        return Err(Failure::new(MISSING));
    };
    command(context, package)
        .args(own)
        .args(["--"])
        .args(args)
        .attached()
}

/// Why there is nothing to run.
pub(crate) const MISSING: &str = "no package of the workspace has a binary `demo`";

/// The package with the binary `demo`.
pub(crate) fn package(context: &Context) -> Result<Option<&str>, Failure> {
    let has_demo = |package: &&crate::metadata::Package| {
        let mut targets = package.targets.iter();
        targets.any(|target| target.kind == "bin" && target.name == "demo")
    };
    let found = context.metadata()?.members().find(has_demo);
    Ok(found.map(|package| package.name.as_str()))
}

/// Builds and runs the demo; its arguments go after a `--`.
pub(crate) fn command(context: &Context, package: &str) -> Run {
    context.run(&format!("cargo run --quiet -p {package} --bin demo"))
}
