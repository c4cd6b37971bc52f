//! `fuzz`: every fuzz target, for a while.
//!
//! The targets are built as plain libFuzzer programs by a nightly toolchain; cargo-fuzz is not needed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Command;
use crate::context::Context;
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "fuzz",
    about: "fuzz with libFuzzer on nightly: [--seconds N] [TARGET..]",
    run,
};

/// The package with the targets, which lie in its folder `fuzz_targets`.
const PACKAGE: &str = "trunkline-fuzz";
/// A target that runs less often a second than this does too much for each input, or hangs.
const MIN_EXECUTIONS_A_SECOND: u64 = 500;
/// A target that reaches fewer edges than this does not reach the code that it is for.
const MIN_COVERAGE: u64 = 100;
/// How long a target is fuzzed when nothing else is said, in seconds.
pub(crate) const SECONDS: u64 = 20;
/// What cargo-fuzz passes: coverage that libFuzzer reads, checked arithmetic, AddressSanitizer.
const RUSTFLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Zsanitizer=address -Cdebug-assertions \
    -Ccodegen-units=1";

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
    for target in fuzzer.targets.iter().filter(chosen) {
        println!("{}", fuzzer.fuzz(target, seconds)?);
    }
    Ok(())
}

/// The fuzz targets, and the toolchain that builds them.
pub(crate) struct Fuzzer<'a> {
    context: &'a Context,
    /// The names of the targets.
    pub(crate) targets: Vec<String>,
    folder: PathBuf,
    host: String,
}

impl<'a> Fuzzer<'a> {
    /// Finds them, or the reason for which there is nothing to fuzz here.
    pub(crate) fn find(context: &'a Context) -> Result<Result<Self, String>, Failure> {
        let Some(package) = context.metadata()?.member(PACKAGE) else {
            return Ok(Err(format!("no package {PACKAGE} in the workspace")));
        };
        let is_target = |source: &str| {
            let folder = Path::new(source).parent().and_then(Path::file_name);
            folder.is_some_and(|folder| folder == "fuzz_targets")
        };
        let targets = package.targets.iter();
        let targets: Vec<String> = targets
            .filter(|target| target.kind == "bin" && is_target(&target.source))
            .map(|target| target.name.clone())
            .collect();
        if targets.is_empty() {
            return Ok(Err(format!("{PACKAGE} has no target in fuzz_targets")));
        }
        let Ok(version) = context.run("rustup run nightly rustc -vV").stdout() else {
            let why = "no nightly toolchain; `rustup toolchain install nightly` gets one";
            return Ok(Err(why.to_owned()));
        };
        let host = version.lines().find_map(|line| line.strip_prefix("host: "));
        let host = host.ok_or_else(|| Failure::new("rustc -vV names no host"))?;
        Ok(Ok(Self {
            context,
            targets,
            folder: context.root.join("target/fuzz"),
            host: host.to_owned(),
        }))
    }

    /// Whether there is a target of that name.
    fn has(&self, name: &str) -> bool {
        self.targets.iter().any(|target| target == name)
    }

    /// Builds all targets, in a target folder of their own: their flags fit nothing else.
    pub(crate) fn build(&self) -> Result<(), Failure> {
        let line = format!(
            "rustup run nightly cargo build --release --bins -p {PACKAGE} --target {}",
            self.host
        );
        self.context
            .run(&line)
            .env("RUSTFLAGS", RUSTFLAGS)
            .env("CARGO_TARGET_DIR", &self.folder)
            .succeed()?;
        Ok(())
    }

    /// Fuzzes one target, and says how often it ran and how much it covered.
    pub(crate) fn fuzz(&self, target: &str, seconds: u64) -> Result<String, Failure> {
        let program = self.folder.join(&self.host).join("release").join(target);
        let found = self.folder.join("corpus").join(target);
        let artifacts = self.folder.join("artifacts");
        for folder in [&found, &artifacts] {
            std::fs::create_dir_all(folder).map_err(|error| {
                Failure::new(format!("cannot make {}: {error}", folder.display()))
            })?;
        }
        // New inputs go to the first folder, which is not checked in; the second is.
        let mut corpus = vec![found];
        let seeds = format!("crates/fuzz/corpus/{target}");
        if self.context.root.join(&seeds).is_dir() {
            corpus.push(PathBuf::from(seeds));
        }
        let prefix = format!("-artifact_prefix={}/{target}-", artifacts.display());
        let output = self
            .context
            .program(program)
            .args([&format!("-max_total_time={seconds}"), "-timeout=10"])
            .args(["-print_final_stats=1", &prefix])
            .args(corpus)
            .limit(Duration::from_secs(seconds + 120))
            .succeed()
            .map_err(|failure| {
                failure.remedy(format!(
                    "the input is below target/fuzz/artifacts; replay it with \
                     target/fuzz/{}/release/{target} FILE, and add it to crates/fuzz/corpus/{target}",
                    self.host
                ))
            })?;
        judge(target, seconds, &output)
    }
}

/// Reads libFuzzer's figures, and fails where they are too small to mean anything.
fn judge(target: &str, seconds: u64, output: &str) -> Result<String, Failure> {
    let number = |text: &str| text.split_whitespace().next()?.parse::<u64>().ok();
    let executions = output
        .lines()
        .find_map(|line| number(line.strip_prefix("stat::number_of_executed_units:")?));
    let coverage = output
        .lines()
        .rev()
        .find_map(|line| number(line.split_once(" cov: ")?.1));
    let (Some(executions), Some(coverage)) = (executions, coverage) else {
        let what = format!("{target}: libFuzzer told no executions or no coverage");
        return Err(Failure::new(what).output(output));
    };
    let least = MIN_EXECUTIONS_A_SECOND * seconds;
    let line = format!(
        "{target}: {executions} executions in {seconds} s (at least {least}), \
         {coverage} edges covered (at least {MIN_COVERAGE})"
    );
    if executions < least || coverage < MIN_COVERAGE {
        return Err(Failure::new(line).output(output));
    }
    Ok(line)
}
