//! Computes the pictures and pages of `docs/` that show what load balancing does.
//!
//! `figures` writes all of them, `figures policies` or `figures scale` some. With `--check` it writes
//! nothing, and fails where a file is not what it would write. The same code writes the same files:
//! time is virtual, and all randomness comes from seeds.

mod chart;
mod file;

mod queues;
mod scale;
mod shares;

use std::path::Path;
use std::process::ExitCode;

use self::file::File;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (options, names): (Vec<&str>, Vec<&str>) = args
        .iter()
        .map(String::as_str)
        .partition(|arg| arg.starts_with('-'));
    let wants = |name: &str| names.is_empty() || names.contains(&name);
    let is_known = |name: &&str| ["policies", "scale"].contains(name);
    if !names.iter().all(is_known) || options.iter().any(|option| *option != "--check") {
        eprintln!("usage: figures [--check] [policies] [scale]");
        return ExitCode::from(2);
    }
    let mut files: Vec<File> = Vec::new();
    if wants("policies") {
        files.push(("policies-shares.svg", shares::draw()));
        files.push(("policies-queues.svg", queues::draw()));
    }
    if wants("scale") {
        files.extend(scale::draw());
    }
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let is_check = options.contains(&"--check");
    let mut is_good = true;
    for (name, content) in files {
        let path = docs.join(name);
        if is_check {
            let found = std::fs::read_to_string(&path).unwrap_or_default();
            if found != content {
                eprintln!("docs/{name} is not what `cargo xtask figures` writes");
                is_good = false;
            }
        } else if let Err(error) = std::fs::write(&path, content) {
            eprintln!("docs/{name}: {error}");
            is_good = false;
        } else {
            println!("docs/{name}");
        }
    }
    if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
