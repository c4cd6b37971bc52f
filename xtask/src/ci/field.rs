//! Runs the set-ups from the field (`xtask/field`) and the peers that misbehave (`xtask/faults`)
//! against the command.
//!
//! Each script starts its peers on loopback, most of them in a network namespace of its own, and
//! ends with status 0 if the command did what it must.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::context::Context;
use crate::failure::Failure;
use crate::step::{Done, Step};

/// Limit for a script. The slowest ones wait for half a minute; the first one also builds a client, which
/// takes minutes on a busy machine.
const LIMIT: Duration = Duration::from_secs(420);

/// The folders with scripts, and the modules in them that are no scripts.
const FOLDERS: [(&str, &str); 2] = [("xtask/field", "kit.py"), ("xtask/faults", "lib.py")];

/// The programs that the scripts need beside Python's standard library.
const NEEDED: [&str; 3] = ["python3 --version", "unshare --version", "ip -V"];

pub(super) const STEP: Step = Step {
    name: "field",
    remedy: "run `python3 SCRIPT target/debug/trunkline .`; its first line tells what must come out",
    covers: &[],
    run,
};

fn run(context: &Context) -> Result<Done, Failure> {
    for program in NEEDED {
        if context.run(program).stdout().is_err() {
            let name = program.split(' ').next().unwrap_or_default();
            return Ok(Done::Skipped(format!("there is no {name} here")));
        }
    }
    if context.run("unshare -rn true").stdout().is_err()
        && context.run("unshare -n true").stdout().is_err()
    {
        let reason = "no network namespace can be made here";
        return Ok(Done::Skipped(reason.to_owned()));
    }
    // Reuses the build of the tests, with the same features.
    context.run("cargo test --workspace --no-run").succeed()?;
    let target = &context.metadata()?.target;
    let command = target.join("debug/trunkline");
    let mut lines = Vec::new();
    for (folder, module) in FOLDERS {
        for script in scripts(&context.root.join(folder), module)? {
            let output = context
                .run("python3 -B")
                .args([&script, &command, &context.root])
                .env("FAULTS_TARGET", target.join("faults"))
                .limit(LIMIT)
                .succeed()?;
            let name = script.file_stem().unwrap_or_default().to_string_lossy();
            let last = output.lines().last().unwrap_or_default();
            lines.push(format!("{name}: {}", first_words(last)));
        }
    }
    Ok(Done::Passed(lines))
}

/// Returns the scripts of a folder, sorted by name.
fn scripts(folder: &Path, module: &str) -> Result<Vec<PathBuf>, Failure> {
    let cannot = |error| Failure::new(format!("cannot read {}: {error}", folder.display()));
    let mut scripts = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        let is_script = path.extension().is_some_and(|end| end == "py");
        if is_script && path.file_name().is_some_and(|name| name != module) {
            scripts.push(path);
        }
    }
    scripts.sort();
    if scripts.is_empty() {
        let text = format!("there is no script in {}", folder.display());
        return Err(Failure::new(text));
    }
    Ok(scripts)
}

/// Returns the start of a line that may be long.
fn first_words(line: &str) -> String {
    const SHOWN: usize = 60;
    line.chars().take(SHOWN).collect()
}
