//! Where a benchmark runs.

use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

/// Returns what matters of this machine, by name: the processor, its cores, the kernel, the
/// compiler, the day. What cannot be found out is left out.
#[must_use]
pub fn describe() -> Vec<(String, String)> {
    let cores = available_parallelism().ok().map(|cores| cores.to_string());
    let facts = [
        ("processor", processor()),
        ("cores", cores),
        ("kernel", output("uname", "-sr")),
        ("compiler", output("rustc", "--version")),
        ("day", output("date", "+%Y-%m-%d")),
    ];
    let facts = facts.into_iter();
    facts
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn output(program: &str, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.is_empty()).then(|| text.trim().to_owned())
}
