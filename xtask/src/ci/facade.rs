//! Compiles every example of the facade's pages in a project that depends on `trunkline` alone.
//!
//! The facade shows the items of the crates below it, with their examples. So those are compiled too,
//! with each crate under its module in the facade.

mod examples;

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use self::examples::{examples, of_comments};
use crate::context::Context;
use crate::failure::Failure;
use crate::step::{Done, Step};

pub(super) const STEP: Step = Step {
    name: "facade",
    remedy: "re-export what the example needs from `trunkline`: its users have no other dependency",
    covers: &[],
    run,
};

/// The facade's own pages.
const PAGES: [&str; 2] = ["crates/trunkline/README.md", EXTENDING];

/// The page that implements each public trait.
const EXTENDING: &str = "crates/trunkline/EXTENDING.md";

/// Beginnings of paths into crates that only some examples need: runtimes, combinators of
/// futures, tonic, and the simulation. An example with one of them is left out.
const OTHER_CRATES: [&str; 7] = [
    "async_std::",
    "futures_util::",
    "smol::",
    "tokio::",
    "tonic::",
    "trunkline_sim::",
    "trunkline_telemetry::",
];

/// What an example of a crate below the facade finds under the name of a crate.
const THIRD_PARTIES: &str =
    "bytes, futures_core, futures_io, http, http_body, serde_json, tower_service";

fn run(context: &Context) -> Result<Done, Failure> {
    let mut own = Vec::new();
    for page in PAGES {
        let examples = examples(&read(&context.root.join(page))?);
        if examples.is_empty() {
            return Err(Failure::new(format!("{page} has no example")));
        }
        own.extend(examples);
    }
    let extending = read(&context.root.join(EXTENDING))?;
    let modules = modules(context)?;
    let (mut below, mut left_out, mut missing) = (Vec::new(), 0, Vec::new());
    for module in &modules {
        let folder = context.root.join("crates").join(module.replace('_', "-"));
        let mut examples = examples(&read(&folder.join("README.md"))?);
        for source in sources(&folder.join("src"))? {
            let text = read(&source)?;
            examples.extend(of_comments(&text));
            let traits = traits(&text).filter(|name| !is_implemented(name, &extending));
            missing.extend(traits.map(|name| format!("{EXTENDING} does not implement {name}")));
        }
        let before = examples.len();
        examples.retain(|example| !OTHER_CRATES.iter().any(|other| example.contains(other)));
        left_out += before - examples.len();
        below.extend(examples);
    }
    if !missing.is_empty() {
        let what = format!("traits without an implementation: {}", missing.len());
        let remedy = format!("add a small implementation to {EXTENDING}");
        let failure = Failure::new(what).output(missing.join("\n"));
        return Err(failure.remedy(remedy));
    }
    let folder = context.metadata()?.target.join("facade");
    let write = || -> io::Result<()> {
        fs::create_dir_all(folder.join("src"))?;
        let root = context.root.join("crates/trunkline");
        fs::write(folder.join("Cargo.toml"), manifest(&root.to_string_lossy()))?;
        // The versions of the workspace; cargo removes what this project does not need.
        fs::copy(context.root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
        fs::write(folder.join("src/own.rs"), source(&own, ""))?;
        fs::write(
            folder.join("src/below.rs"),
            source(&below, &aliases(&modules)),
        )?;
        let lib = "#![allow(dead_code, unused)]\nmod below;\nmod own;\n";
        fs::write(folder.join("src/lib.rs"), lib)
    };
    write().map_err(|error| Failure::new(format!("cannot write the project: {error}")))?;
    // Shares the dependencies that earlier steps have built.
    let target = context.metadata()?.target.as_os_str();
    let check = context.run("cargo check --quiet");
    check
        .folder(&folder)
        .env("CARGO_TARGET_DIR", target)
        .succeed()?;
    Ok(Done::with(format!(
        "{} examples of the facade, {} of the crates below it ({left_out} need another crate)",
        own.len(),
        below.len()
    )))
}

/// Returns the facade's modules that are crates of this workspace, sorted: `lb` for `trunkline-lb`.
fn modules(context: &Context) -> Result<Vec<String>, Failure> {
    let facade = context.metadata()?.member("trunkline");
    let facade = facade.ok_or_else(|| Failure::new("there is no package `trunkline`"))?;
    let own = facade.dependencies.iter();
    Ok(own
        .filter_map(|name| Some(name.strip_prefix("trunkline-")?.replace('-', "_")))
        .collect())
}

/// Returns the imports with which an example of a crate below the facade compiles. The items of
/// `channel` are at the root of the facade.
fn aliases(modules: &[String]) -> String {
    let mut aliases = format!("use trunkline::{{{THIRD_PARTIES}}};\n");
    for module in modules {
        let path = match module.as_str() {
            "channel" => "trunkline".to_owned(),
            module => format!("trunkline::{module}"),
        };
        let _ = writeln!(aliases, "use {path} as trunkline_{module};");
    }
    aliases
}

/// Returns the Rust files in a folder and below it, sorted.
fn sources(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let cannot = |error| Failure::new(format!("cannot read {}: {error}", folder.display()));
    let mut sources = Vec::new();
    for entry in folder.read_dir().map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.is_dir() {
            sources.extend(self::sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(path);
        }
    }
    sources.sort();
    Ok(sources)
}

/// Returns the public traits of a source file.
fn traits(source: &str) -> impl Iterator<Item = &str> {
    source.lines().filter_map(|line| {
        let name = line.strip_prefix("pub trait ")?;
        name.split([':', '<', ' ']).next()
    })
}

/// Returns whether a page implements a trait.
fn is_implemented(name: &str, page: &str) -> bool {
    // Every type that can be compared has the first one. The others join the core of `xds` with its own shell.
    let is_left_out = [
        "PolicyConfig",
        "ActiveFaults",
        "ClusterReleased",
        "ResourceDecoder",
    ]
    .contains(&name);
    is_left_out || page.contains(&format!("impl {name} for "))
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))
}

fn manifest(trunkline: &str) -> String {
    format!(
        "[package]\nname = \"facade-examples\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n\
         [dependencies]\ntrunkline = {{ path = {trunkline:?}, features = [\"async-std\", \"smol\", \
         \"testing\", \"tls\", \"tls-bundled-roots\", \"tokio\", \"xds\"] }}\n\n[workspace]\n"
    )
}

/// Returns a file with a module for each example, wrapped as rustdoc wraps it; `imports` go in front.
fn source(examples: &[String], imports: &str) -> String {
    let mut source = String::new();
    for (at, example) in examples.iter().enumerate() {
        let body = if example.contains("fn main()") {
            example.clone()
        } else if example.trim_end().ends_with("(())") {
            format!("fn main() -> Result<(), impl core::fmt::Debug> {{\n{example}\n}}")
        } else {
            format!("fn main() {{\n{example}\n}}")
        };
        let _ = writeln!(source, "mod example_{at} {{\n{imports}{body}\n}}");
    }
    source
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traits_of_a_source_file() {
        let source = "pub trait A: Debug {\n}\npub(crate) trait B {}\npub trait C<T> {}\n";
        assert_eq!(traits(source).collect::<Vec<_>>(), ["A", "C"]);
        assert!(is_implemented("A", "impl A for X {}"));
        assert!(!is_implemented("A", "impl B for A {}"));
    }

    /// An example that ends with `(())` returns an error.
    #[test]
    fn an_example_that_can_fail() {
        let can_fail =
            |example: &str| source(&[example.to_owned()], "").contains("Result<(), impl");
        assert!(can_fail("f()?;\nOk::<(), trunkline::BuildError>(())\n"));
        assert!(!can_fail("f();\n"));
    }
}
