//! The steps of `ci`: running them and printing their results.

use std::io::Write;
use std::time::Duration;

use crate::clock::Stopwatch;
use crate::context::Context;
use crate::failure::Failure;

/// Number of the last lines of output that a failed step shows. The whole output is in a file.
const SHOWN_LINES: usize = 120;

/// One step of `ci`.
pub(crate) struct Step {
    /// The name, for `--only` and `--skip`.
    pub(crate) name: &'static str,
    /// What to do if the step fails.
    pub(crate) remedy: &'static str,
    /// Commands of the README that the step runs, word by word.
    pub(crate) covers: &'static [&'static str],
    /// Runs the step.
    pub(crate) run: fn(&Context) -> Result<Done, Failure>,
}

/// Result of a step that did not fail.
pub(crate) enum Done {
    /// It passed. The lines are what it reports.
    Passed(Vec<String>),
    /// It passed, except for parts that are not possible here.
    Partly {
        /// What the step reports.
        lines: Vec<String>,
        /// The parts that are not possible here, and why.
        missing: Vec<String>,
    },
    /// It is not possible here. The text is why.
    Skipped(String),
}

impl Done {
    /// Returns a result without a report.
    pub(crate) fn passed() -> Self {
        Self::Passed(Vec::new())
    }

    /// Returns a result with a report of one line.
    pub(crate) fn with(line: impl Into<String>) -> Self {
        Self::Passed(vec![line.into()])
    }
}

enum Mark {
    Passed(Vec<String>),
    Failed(String),
    Skipped(String),
}

/// Runs the steps, one after the other, and prints a summary. A failed step does not stop the
/// others.
pub(crate) fn run_all(context: &Context, steps: &[&Step]) -> Result<(), Failure> {
    let stopwatch = Stopwatch::start();
    let mut marks = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        println!("[{}/{}] {}", index + 1, steps.len(), step.name);
        // Show the name before the step runs. A failure to print shows at the next line.
        let _ = std::io::stdout().flush();
        let began = Stopwatch::start();
        let result = (step.run)(context);
        let took = began.elapsed();
        let mark = match result {
            Ok(Done::Passed(lines)) => pass(&lines, Vec::new(), took),
            Ok(Done::Partly { lines, missing }) => pass(&lines, missing, took),
            Ok(Done::Skipped(reason)) => {
                println!("    skipped: {reason}");
                Mark::Skipped(reason)
            }
            Err(failure) => {
                show(context, step, &failure);
                println!("    FAILED, {}", seconds(took));
                Mark::Failed(failure.what)
            }
        };
        marks.push((step.name, took, mark));
    }
    summarize(&marks, stopwatch.elapsed())
}

/// Prints the report of a step that passed, and the parts that it skipped.
fn pass(lines: &[String], missing: Vec<String>, took: Duration) -> Mark {
    lines.iter().for_each(|line| println!("    {line}"));
    missing
        .iter()
        .for_each(|why| println!("    skipped: {why}"));
    println!("    ok, {}", seconds(took));
    Mark::Passed(missing)
}

/// Prints the last lines of a failed step's output, and what to do.
fn show(context: &Context, step: &Step, failure: &Failure) {
    let lines: Vec<&str> = failure.output.lines().collect();
    if lines.len() > SHOWN_LINES {
        let folder = context.root.join("target/xtask");
        let file = folder.join(format!("{}.log", step.name));
        let kept =
            std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, &failure.output));
        let hidden = lines.len() - SHOWN_LINES;
        match kept {
            Ok(()) => println!(
                "    | ({hidden} lines more in target/xtask/{}.log)",
                step.name
            ),
            Err(error) => println!("    | ({hidden} lines more, lost: {error})"),
        }
    }
    for line in &lines[lines.len().saturating_sub(SHOWN_LINES)..] {
        println!("    | {line}");
    }
    println!("    error: {}", failure.what);
    let remedy = failure.remedy.as_deref().unwrap_or(step.remedy);
    println!("    what to do: {remedy}");
    println!("    only this step: cargo xtask ci --only {}", step.name);
}

/// Prints a line for each step, and the totals.
fn summarize(marks: &[(&str, Duration, Mark)], total: Duration) -> Result<(), Failure> {
    let width = marks.iter().map(|(name, ..)| name.len()).max().unwrap_or(0);
    let (mut failed, mut skipped, mut parts) = (Vec::new(), 0, 0);
    println!("\nsummary");
    for (name, took, mark) in marks {
        let took = seconds(*took);
        match mark {
            Mark::Passed(missing) => {
                println!("  {name:width$}  {took:>8}  ok");
                for why in missing {
                    parts += 1;
                    println!("  {:width$}  {:>8}  part skipped: {why}", "", "");
                }
            }
            Mark::Failed(what) => {
                failed.push(*name);
                println!("  {name:width$}  {took:>8}  FAILED: {what}");
            }
            Mark::Skipped(reason) => {
                skipped += 1;
                println!("  {name:width$}  {took:>8}  skipped: {reason}");
            }
        }
    }
    println!(
        "steps: {} ok, {} failed, {skipped} skipped ({parts} more in part), in {}",
        marks.len() - failed.len() - skipped,
        failed.len(),
        seconds(total)
    );
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("failed: {}", failed.join(", ")))
        .remedy(format!("cargo xtask ci --only {}", failed.join(","))))
}

/// Formats a duration in seconds.
fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
