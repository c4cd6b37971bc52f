//! Builds the fuzz targets as plain libFuzzer programs with a nightly toolchain, and runs them.
//! Does not need cargo-fuzz.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::context::Context;
use crate::failure::Failure;
use crate::process::Run;

/// Seconds that each target is fuzzed by default.
pub(crate) const SECONDS: u64 = 20;

/// The package with the targets, in its folder `fuzz_targets`.
const PACKAGE: &str = "trunkline-fuzz";
/// A target with fewer executions per second of processor time does too much for each input. A second of
/// the clock has fewer on a busy machine.
const MIN_EXECUTIONS_A_SECOND: u64 = 500;
/// The least share of the clock's time that is counted as processor time. A target that mostly waits uses
/// less, and then has too few executions.
const MIN_PROCESSOR_SHARE: f64 = 0.1;
/// The targets that run a whole tree of policies for each input, and their least executions per second.
/// They cover more than ten thousand edges, and libFuzzer takes two thirds of the time to keep count of
/// these.
const LARGE: &[(&str, u64)] = &[("policies", 50)];
/// A target that covers fewer edges does not reach the code that it tests.
const MIN_COVERAGE: u64 = 100;
/// The flags that cargo-fuzz passes: coverage for libFuzzer, checked arithmetic, AddressSanitizer.
const RUSTFLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Zsanitizer=address -Cdebug-assertions";

/// Runs a program and then prints its processor time, as POSIX has it for `times`: the last line has the
/// user's and the system's time of the children, `0m19.520000s 0m0.310000s`.
const TIMED: &str = r#""$@"; status=$?; times; exit $status"#;

/// The fuzz targets, and the toolchain that builds them.
pub(crate) struct Fuzzer<'a> {
    context: &'a Context,
    /// The names of the targets.
    pub(crate) targets: Vec<String>,
    folder: PathBuf,
    host: String,
}

impl<'a> Fuzzer<'a> {
    /// Finds the targets and the toolchain; `Ok(Err(reason))` if fuzzing is not possible here.
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

    /// Returns whether there is a target with this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.targets.iter().any(|target| target == name)
    }

    /// Builds all targets, in a separate target folder, because their flags fit no other build.
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

    /// Fuzzes the targets, as many in parallel as there are cores. Returns a line for each, with
    /// its executions and its coverage.
    pub(crate) fn fuzz(&self, targets: &[&String], seconds: u64) -> Result<Vec<String>, Failure> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let mut lines = Vec::new();
        for batch in targets.chunks(cores) {
            let runs: Result<Vec<Run>, Failure> = batch
                .iter()
                .map(|target| self.prepare(target, seconds))
                .collect();
            let outputs = all_at_once(runs?);
            for (target, output) in batch.iter().zip(outputs) {
                let output = output.map_err(|failure| self.found(target, failure))?;
                lines.push(judge(target, seconds, &output)?);
            }
        }
        Ok(lines)
    }

    /// Prepares the run of one target.
    fn prepare(&self, target: &str, seconds: u64) -> Result<Run, Failure> {
        let program = self.folder.join(&self.host).join("release").join(target);
        let found = self.folder.join("corpus").join(target);
        let artifacts = self.folder.join("artifacts");
        for folder in [&found, &artifacts] {
            std::fs::create_dir_all(folder).map_err(|error| {
                Failure::new(format!("cannot make {}: {error}", folder.display()))
            })?;
        }
        // libFuzzer adds new inputs to the first folder, which is not checked in. The second one
        // is.
        let mut corpus = vec![found];
        let seeds = format!("crates/fuzz/corpus/{target}");
        if self.context.root.join(&seeds).is_dir() {
            corpus.push(PathBuf::from(seeds));
        }
        let prefix = format!("-artifact_prefix={}/{target}-", artifacts.display());
        Ok(self
            .context
            .program("sh")
            .args(["-c", TIMED, "sh"])
            .arg(program)
            .shown(target)
            .args([&format!("-max_total_time={seconds}"), "-timeout=10"])
            .args(["-print_final_stats=1", &prefix])
            .args(corpus)
            .limit(Duration::from_secs(seconds + 120)))
    }

    /// Returns the failure of a target, with the place of the input that caused it.
    fn found(&self, target: &str, failure: Failure) -> Failure {
        Failure::new(format!("{target} failed on an input"))
            .output(format!("{}\n{}", failure.output, failure.what))
            .remedy(format!(
                "the input is below target/fuzz/artifacts; replay it with \
                 target/fuzz/{}/release/{target} FILE, and add it to crates/fuzz/corpus/{target}",
                self.host
            ))
    }
}

/// Runs programs in parallel, and returns what each printed.
fn all_at_once(runs: Vec<Run>) -> Vec<Result<String, Failure>> {
    let died = |_| Err(Failure::new("the thread that waited for a program died"));
    thread::scope(|scope| {
        let threads: Vec<_> = runs
            .into_iter()
            .map(|run| scope.spawn(|| run.succeed()))
            .collect();
        let results = threads.into_iter().map(|thread| thread.join());
        results.map(|result| result.unwrap_or_else(died)).collect()
    })
}

/// Checks libFuzzer's figures. Too small ones are a failure, because the run then proves nothing.
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
        let what = format!("{target}: libFuzzer printed no executions or no coverage");
        return Err(Failure::new(what).output(output));
    };
    let Some(used) = output.lines().next_back().and_then(processor_seconds) else {
        let what = format!("{target}: the shell printed no processor time");
        return Err(Failure::new(what).output(output));
    };
    let large = LARGE.iter().find(|(name, _)| *name == target);
    let each_second = large.map_or(MIN_EXECUTIONS_A_SECOND, |(_, least)| *least);
    let counted = used.max(seconds as f64 * MIN_PROCESSOR_SHARE);
    let least = (each_second as f64 * counted).ceil() as u64;
    let line = format!(
        "{target}: {executions} executions in {used:.1} s of processor time (at least {least}), \
         {coverage} edges covered (at least {MIN_COVERAGE})"
    );
    if executions < least || coverage < MIN_COVERAGE {
        return Err(Failure::new(line).output(output));
    }
    Ok(line)
}

/// Returns the sum of the times on a line that `times` printed.
fn processor_seconds(line: &str) -> Option<f64> {
    let (user, system) = line.split_once(' ')?;
    let seconds = |text: &str| {
        let (minutes, seconds) = text.strip_suffix('s')?.split_once('m')?;
        Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
    };
    Some(seconds(user)? + seconds(system)?)
}

#[cfg(test)]
mod tests {
    use super::{TIMED, judge, processor_seconds};
    use crate::process::Run;

    const OUTPUT: &str = "#2\tINITED cov: 60 ft: 61 corp: 1/1b exec/s: 0 rss: 40Mb\n\
        #9000\tNEW    cov: 140 ft: 261 corp: 9/41b lim: 4 exec/s: 900 rss: 41Mb L: 4/4 MS: 1 CMP-\n\
        #10000\tDONE   cov: 141 ft: 262 corp: 9/41b lim: 4 exec/s: 900 rss: 41Mb\n\
        stat::number_of_executed_units: 10000\n\
        0m0.001000s 0m0.002000s\n0m19.500000s 0m0.500000s\n";

    /// Judges the output with this processor time of the target in place of 20 s.
    fn judge_in(target: &str, seconds: u64, used: &str) -> bool {
        judge(target, seconds, &OUTPUT.replace("0m19.500000s", used)).is_ok()
    }

    #[test]
    fn figures_that_are_large_enough_pass() {
        let line = judge("x", 20, OUTPUT).expect("10,000 in 20 s is just enough");
        assert!(line.starts_with("x: 10000 executions"), "{line}");
        assert!(line.contains(" 141 edges"), "{line}");
    }

    #[cfg(unix)]
    #[test]
    fn the_shell_prints_the_processor_time_and_keeps_the_status() {
        let program = ["sh", "-c", "echo done; exit 3"];
        let run = Run::new("sh", false)
            .args(["-c", TIMED, "sh"])
            .args(program);
        let ran = run.finish().expect("there is a shell");
        assert_eq!(ran.status.code(), Some(3));
        let lines: Vec<&str> = ran.output.lines().collect();
        let last = lines.last().copied().and_then(processor_seconds);
        assert_eq!((lines[0], last.is_some()), ("done", true), "{lines:?}");
    }

    /// On a busy machine a target gets a part of the time. One that waits uses little of it.
    #[test]
    fn processor_time_counts() {
        assert!(judge_in("x", 60, "0m19.500000s"));
        assert!(judge_in("x", 200, "0m0.100000s"));
        assert!(!judge_in("x", 201, "0m0.100000s"));
    }

    #[test]
    fn too_few_executions_or_edges_fail() {
        assert!(!judge_in("x", 20, "0m20.500000s"));
        assert!(judge("x", 20, &OUTPUT.replace("141", "41")).is_err());
        assert!(judge("x", 20, "").is_err());
        assert!(judge_in("policies", 200, "3m19.500000s"));
        assert!(!judge_in("policies", 200, "3m20.500000s"));
    }
}
