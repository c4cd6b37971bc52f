//! `bench`: runs the benchmarks and the comparisons with peers.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::bench::{self, Options, Peers};
use crate::command::Command;
use crate::context::Context;
use crate::failure::Failure;
use crate::metadata::Target;

pub(super) const COMMAND: Command = Command {
    name: "bench",
    about: "run all benchmarks, or one: [NAME] [--quick] [--json FILE] [--peers all|rust|none] \
            [--write-docs] [ARGUMENTS OF THE BENCHMARK]",
    run,
};

fn run(context: &Context, args: &[String]) -> Result<(), Failure> {
    let options = Options::parse(args)?;
    let targets = bench::targets(context)?;
    let chosen: Vec<&Target> = match &options.name {
        None => targets.clone(),
        Some(name) => {
            let target = targets.iter().find(|target| target.name == *name);
            let target = target.ok_or_else(|| {
                let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
                Failure::usage(format!("no benchmark `{name}`"))
                    .remedy(format!("name one of: {}", names.join(", ")))
            })?;
            vec![target]
        }
    };
    let folder = context.metadata()?.target.join("bench");
    create(&folder)?;
    let (mut written, mut failed) = (Vec::new(), Vec::new());
    for target in chosen {
        let file = bench::reports(target).then(|| folder.join(format!("{}.json", target.name)));
        if let Some(file) = &file {
            remove(file)?;
        }
        // A benchmark that misses a target fails, and its figures are written all the same.
        if let Err(mut failure) = one(context, target, &options, file.as_deref()) {
            failure.what = format!("{}: {}", target.name, failure.what);
            failure.report();
            failed.push(target.name.as_str());
        }
        written.extend(file.filter(|file| file.is_file()));
    }
    if let Some(file) = &options.json {
        bench::merge(&written, file)?;
    }
    if options.writes_docs && !written.is_empty() {
        context
            .run("cargo run --locked --quiet -p trunkline-benches --bin page --")
            .args(&written)
            .attached()?;
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(
        Failure::new(format!("failed: {}", failed.join(", "))).remedy(format!(
            "see above which target each missed, or its error; then `cargo xtask bench {}` runs one again",
            failed[0]
        )),
    )
}

/// Runs a benchmark, which writes its figures to `file` if there is one.
fn one(
    context: &Context,
    target: &Target,
    options: &Options,
    file: Option<&Path>,
) -> Result<(), Failure> {
    let name = &target.name;
    println!("{name}");
    // Built for tests, a benchmark runs each thing once. That is good enough to see that it works.
    let command = if options.is_quick { "test" } else { "bench" };
    let mut run = context.run(&format!(
        "cargo {command} --locked -p {} --bench {name} --",
        bench::PACKAGE
    ));
    if let Some(file) = file {
        run = run.arg("--json").arg(file);
    }
    if name == bench::WITH_PEERS {
        match options.peers {
            Peers::None => run = run.arg("--no-peers"),
            Peers::Rust => {}
            Peers::All => {
                for command in bench::peers(context) {
                    run = run.arg("--peer").arg(command);
                }
            }
        }
    }
    run.args(&options.rest).attached()
}

/// Removes the figures of an earlier run, so that they are never taken for those of this one.
fn remove(file: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Failure::new(format!(
            "cannot remove {}: {error}",
            file.display()
        ))),
        _ => Ok(()),
    }
}

fn create(folder: &PathBuf) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::new(format!("cannot create {}: {error}", folder.display())))
}
