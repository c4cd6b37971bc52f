//! Compiles every example of the facade's page in a project that depends on `trunkline` alone.

use std::fmt::Write;
use std::fs;
use std::io;

use crate::context::Context;
use crate::failure::Failure;
use crate::step::{Done, Step};

pub(super) const STEP: Step = Step {
    name: "facade",
    remedy: "re-export what the example needs from `trunkline`: its users have no other dependency",
    covers: &[],
    run,
};

/// The page whose examples are compiled.
const PAGE: &str = "crates/trunkline/README.md";

fn run(context: &Context) -> Result<Done, Failure> {
    let page = fs::read_to_string(context.root.join(PAGE))
        .map_err(|error| Failure::new(format!("cannot read {PAGE}: {error}")))?;
    let examples = examples(&page);
    if examples.is_empty() {
        return Err(Failure::new(format!("{PAGE} has no example")));
    }
    let folder = context.metadata()?.target.join("facade");
    let write = || -> io::Result<()> {
        fs::create_dir_all(folder.join("src"))?;
        let root = context.root.join("crates/trunkline");
        fs::write(folder.join("Cargo.toml"), manifest(&root.to_string_lossy()))?;
        // The versions of the workspace; cargo removes what this project does not need.
        fs::copy(context.root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
        fs::write(folder.join("src/lib.rs"), source(&examples))
    };
    write().map_err(|error| Failure::new(format!("cannot write the project: {error}")))?;
    // Shares the dependencies that earlier steps have built.
    let target = context.metadata()?.target.as_os_str();
    let check = context.run("cargo check --quiet");
    check
        .folder(&folder)
        .env("CARGO_TARGET_DIR", target)
        .succeed()?;
    Ok(Done::with(format!("{} examples", examples.len())))
}

fn manifest(trunkline: &str) -> String {
    format!(
        "[package]\nname = \"facade-examples\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n\
         [dependencies]\ntrunkline = {{ path = {trunkline:?}, features = [\"async-std\", \"smol\", \
         \"tokio\"] }}\n\n[workspace]\n"
    )
}

/// Returns the code blocks of a page that rustdoc compiles, without the marks of hidden lines.
fn examples(page: &str) -> Vec<String> {
    let mut examples = Vec::new();
    let mut code: Option<(bool, String)> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), &mut code) {
            (Some(language), None) => {
                code = Some((matches!(language, "" | "rust"), String::new()));
            }
            (Some(_), Some(_)) => {
                if let Some((true, text)) = code.take() {
                    examples.push(text);
                }
            }
            (None, Some((_, text))) => {
                let line = if line == "#" { "" } else { line };
                text.push_str(line.strip_prefix("# ").unwrap_or(line));
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    examples
}

/// Returns a library with a module for each example, which rustdoc would put into a `main`.
fn source(examples: &[String]) -> String {
    let mut source = String::from("#![allow(dead_code, unused)]\n");
    for (at, example) in examples.iter().enumerate() {
        let _ = if example.contains("fn main()") {
            writeln!(source, "mod example_{at} {{\n{example}\n}}")
        } else if example.contains("Ok::<(), ") {
            let error = error_type(example);
            writeln!(
                source,
                "mod example_{at} {{\nfn main() -> Result<(), {error}> {{\n{example}\n}}\n}}"
            )
        } else {
            writeln!(
                source,
                "mod example_{at} {{\nfn main() {{\n{example}\n}}\n}}"
            )
        };
    }
    source
}

/// Returns the error type of the line that ends an example, `Ok::<(), ErrorType>(())`.
fn error_type(example: &str) -> &str {
    let (_, rest) = example.split_once("Ok::<(), ").unwrap_or_default();
    rest.split_once(">(())").map_or("", |(error, _)| error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Code of other languages, and code that is not compiled, is left out; hidden lines are code.
    #[test]
    fn examples_are_those_of_rustdoc() {
        let page = "text\n```\nlet a = 1;\n# let b = 2;\n#\n```\n```text\nx\n```\n```rust,ignore\ny\n```\n\
                    ```rust\nc();\n```\n";
        assert_eq!(examples(page), ["let a = 1;\nlet b = 2;\n\n", "c();\n"]);
    }

    /// An example that ends with `Ok::<(), E>(())` returns that error.
    #[test]
    fn the_error_type_is_that_of_the_last_line() {
        let example = "f()?;\nOk::<(), trunkline::BuildError>(())\n";
        assert_eq!(error_type(example), "trunkline::BuildError");
        assert!(source(&[example.to_owned()]).contains("Result<(), trunkline::BuildError>"));
    }
}
