//! Runs the tests of every crate, with the command of the README.

use crate::context::Context;
use crate::failure::Failure;
use crate::step::{Done, Step};

pub(super) const STEP: Step = Step {
    name: "test",
    remedy: "run the named test alone: cargo test -p CRATE --test FILE NAME",
    covers: &["cargo test --workspace", "cargo xtask test"],
    run,
};

fn run(context: &Context) -> Result<Done, Failure> {
    let output = context.run("cargo test --workspace").succeed()?;
    let mut lines = Vec::new();
    let (mut passed, mut failed, mut ignored) = (0, 0, 0);
    for line in output.lines() {
        let Some(counts) = line.strip_prefix("test result: ") else {
            continue;
        };
        passed += count(counts, "passed");
        failed += count(counts, "failed");
        ignored += count(counts, "ignored");
        if count(counts, "passed") > 0 {
            lines.push(line.to_owned());
        }
    }
    if passed == 0 {
        return Err(Failure::new("no test ran").output(output));
    }
    println!("{passed} passed, {failed} failed, {ignored} skipped");
    lines.push(format!("in {} test programs", lines.len()));
    Ok(Done::Passed(lines))
}

/// Returns the number before `word` in a result line such as `ok. 5 passed; 0 failed; 1 ignored;
/// ...`.
fn count(line: &str, word: &str) -> u64 {
    line.split([';', '.'])
        .filter_map(|part| part.trim().strip_suffix(word))
        .find_map(|number| number.trim().parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn counts_are_read_from_the_closing_line() {
        let line =
            "ok. 12 passed; 0 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        let counts = ["passed", "failed", "ignored"].map(|word| count(line, word));
        assert_eq!(counts, [12, 0, 3]);
        assert_eq!(count("FAILED. 1 passed; 2 failed;", "failed"), 2);
    }
}
