//! Steps: what runs, how long it took, and what to do when it fails.

use std::io::Write;
use std::time::Duration;

use crate::clock::Stopwatch;
use crate::context::Context;
use crate::failure::Failure;

/// A failed step shows this many of the last lines of its output; the rest is in a file.
const SHOWN_LINES: usize = 120;

/// One step of `ci`.
pub(crate) struct Step {
    /// Its name, for `--only` and `--skip`.
    pub(crate) name: &'static str,
    /// What to do when it fails.
    pub(crate) remedy: &'static str,
    /// The commands of a reader that it runs, word by word.
    pub(crate) covers: &'static [&'static str],
    /// Does it.
    pub(crate) run: fn(&Context) -> Result<Done, Failure>,
}

/// A step that did not fail.
pub(crate) enum Done {
    /// It passed; the lines say what was found, where that is worth a line.
    Passed(Vec<String>),
    /// It passed as far as it could be done here.
    Partly {
        /// What was found.
        lines: Vec<String>,
        /// The parts that could not be done, and why.
        missing: Vec<String>,
    },
    /// It could not be done here, and why.
    Skipped(String),
}

impl Done {
    /// Passed, with nothing to say.
    pub(crate) fn passed() -> Self {
        Self::Passed(Vec::new())
    }

    /// Passed, with one line to say.
    pub(crate) fn with(line: impl Into<String>) -> Self {
        Self::Passed(vec![line.into()])
    }
}

enum Mark {
    Passed(Vec<String>),
    Failed(String),
    Skipped(String),
}

/// Runs the steps, one after the other, and prints a summary; a failed step does not stop the others.
pub(crate) fn run_all(context: &Context, steps: &[&Step]) -> Result<(), Failure> {
    let stopwatch = Stopwatch::start();
    let mut marks = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        println!("[{}/{}] {}", index + 1, steps.len(), step.name);
        // A reader who waits wants to see the name now; a failure to print it shows soon enough.
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

/// Prints what a step found, and what it left out.
fn pass(lines: &[String], missing: Vec<String>, took: Duration) -> Mark {
    lines.iter().for_each(|line| println!("    {line}"));
    missing
        .iter()
        .for_each(|why| println!("    skipped: {why}"));
    println!("    ok, {}", seconds(took));
    Mark::Passed(missing)
}

/// Prints the end of a failed step's output, and what to do.
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

/// Prints a line for each step, and the counts.
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

/// A duration in seconds, for people.
fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
