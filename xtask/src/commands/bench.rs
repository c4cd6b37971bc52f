//! `bench`: runs the benchmarks and the comparisons with peers.

use crate::command::Command;
use crate::context::Context;
use crate::failure::Failure;
use crate::metadata::{Package, Target};

pub(super) const COMMAND: Command = Command {
    name: "bench",
    about: "run all benchmarks, or one: [NAME [ITS ARGUMENTS]]",
    run,
};

/// The package with the benchmarks: targets of the kind `bench`.
const PACKAGE: &str = "trunkline-benches";

fn run(context: &Context, args: &[String]) -> Result<(), Failure> {
    let targets: Vec<&Target> = context
        .metadata()?
        .member(PACKAGE)
        .into_iter()
        .flat_map(|package: &Package| &package.targets)
        .filter(|target| target.kind == "bench")
        .collect();
    let Some(name) = args.first() else {
        if targets.is_empty() {
            return Err(Failure::new(format!("{PACKAGE} has no benchmark")));
        }
        return targets
            .iter()
            .try_for_each(|target| one(context, target, &[]));
    };
    let target = targets.iter().find(|target| target.name == *name);
    let target = target.ok_or_else(|| {
        let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
        Failure::usage(format!("no benchmark `{name}`"))
            .remedy(format!("name one of: {}", names.join(", ")))
    })?;
    one(context, target, &args[1..])
}

fn one(context: &Context, target: &Target, args: &[String]) -> Result<(), Failure> {
    let name = &target.name;
    println!("{name}");
    context
        .run(&format!("cargo bench -p {PACKAGE} --bench {name} --"))
        .args(args)
        .attached()
}
