//! Runs cargo-deny: checks crates, licences and sources by deny.toml, and looks for known
//! advisories.

use std::path::PathBuf;

use crate::cache::Moves;
use crate::context::Context;
use crate::failure::Failure;
use crate::step::{Done, Step};

/// The version of cargo-deny.
const VERSION: &str = "0.20.2";

pub(super) const STEP: Step = Step {
    name: "deny",
    remedy: "remove the named crate, or allow it in deny.toml with the reason",
    covers: &[],
    run: |context| {
        context
            .program(tool(context)?)
            .args([
                "--all-features",
                "--locked",
                "check",
                "--hide-inclusion-graph",
            ])
            .args(["bans", "licenses", "sources"])
            .succeed()?;
        Ok(Done::passed())
    },
};

pub(super) const ADVISORIES: Step = Step {
    name: "advisories",
    remedy: "update the named crate; an advisory that must be accepted goes into deny.toml with its decision record",
    covers: &[],
    run: advisories,
};

fn advisories(context: &Context) -> Result<Done, Failure> {
    let tool = tool(context)?;
    let fetched = context.program(&tool).args(["fetch", "db"]).finish()?;
    if !fetched.status.success() {
        // GitHub Actions has a network, so there it is a failure. Elsewhere the step is skipped.
        if std::env::var_os("GITHUB_ACTIONS").is_some() {
            fetched.success()?;
        }
        return Ok(Done::Skipped(
            "the database of advisories cannot be fetched here".to_owned(),
        ));
    }
    context
        .program(&tool)
        .args([
            "--all-features",
            "--locked",
            "check",
            "--hide-inclusion-graph",
        ])
        .args(["--disable-fetch", "advisories"])
        .succeed()?;
    Ok(Done::passed())
}

/// Builds cargo-deny, once per user.
fn tool(context: &Context) -> Result<PathBuf, Failure> {
    let name = format!("cargo-deny-{VERSION}");
    let folder = context.cache.tool(&name, Moves::Yes, |folder| {
        context
            .run(&format!(
                "cargo install --locked cargo-deny --version {VERSION} --root"
            ))
            .args([folder])
            .succeed()
            .map(|_| ())
    })?;
    Ok(folder.join("bin/cargo-deny"))
}
