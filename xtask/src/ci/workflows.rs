//! Checks the workflows of GitHub Actions with actionlint.

use std::io;
use std::path::PathBuf;

use crate::cache::Moves;
use crate::context::Context;
use crate::failure::Failure;
use crate::step::{Done, Step};

/// The version of actionlint, a Go module.
const VERSION: &str = "v1.7.12";

/// The folder with the workflows.
const FOLDER: &str = ".github/workflows";

pub(super) const STEP: Step = Step {
    name: "workflows",
    remedy: "mend the named line of the workflow",
    covers: &[],
    run,
};

fn run(context: &Context) -> Result<Done, Failure> {
    let workflows = workflows(context)
        .map_err(|error| Failure::new(format!("cannot read {FOLDER}: {error}")))?;
    if workflows.is_empty() {
        return Err(Failure::new(format!("{FOLDER} has no workflow")));
    }
    if context.run("go version").stdout().is_err() {
        return Ok(Done::Skipped("no Go toolchain here".to_owned()));
    }
    context
        .program(tool(context)?)
        .args(["-no-color", "-oneline"])
        // Other linters, which it runs where they are installed. The result must not depend on that.
        .args(["-shellcheck=", "-pyflakes="])
        .args(&workflows)
        .succeed()?;
    Ok(Done::with(format!("workflows: {}", workflows.len())))
}

/// Returns the paths of all workflows, sorted.
fn workflows(context: &Context) -> io::Result<Vec<PathBuf>> {
    let mut workflows = Vec::new();
    for entry in context.root.join(FOLDER).read_dir()? {
        let path = entry?.path();
        let extension = path.extension();
        if extension.is_some_and(|extension| extension == "yml" || extension == "yaml") {
            workflows.push(path);
        }
    }
    workflows.sort();
    Ok(workflows)
}

/// Builds actionlint, once per user. Go checks it against its checksum database.
fn tool(context: &Context) -> Result<PathBuf, Failure> {
    let name = format!("actionlint-{VERSION}");
    let folder = context.cache.tool(&name, Moves::Yes, |folder| {
        context
            .run(&format!(
                "go install -trimpath github.com/rhysd/actionlint/cmd/actionlint@{VERSION}"
            ))
            .env("GOBIN", folder)
            .env("CGO_ENABLED", "0")
            .succeed()
            .map(|_| ())
    })?;
    Ok(folder.join("actionlint"))
}
