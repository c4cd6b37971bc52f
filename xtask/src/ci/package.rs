//! Packages every published crate, and builds the packages.

use std::fmt::Write;

use crate::context::Context;
use crate::failure::Failure;
use crate::metadata::{Metadata, Package};
use crate::step::{Done, Step};

pub(super) const STEP: Step = Step {
    name: "package",
    remedy: "a published crate needs a version beside each path, a licence, a description and a README",
    covers: &["cargo package --workspace"],
    run,
};

fn run(context: &Context) -> Result<Done, Failure> {
    let metadata = context.metadata()?;
    // Cargo only warns of missing fields, which a registry rejects or shows to readers.
    for package in metadata.published() {
        if let [first, ..] = package.lacks[..] {
            return Err(Failure::new(format!("{} has no {first}", package.name)));
        }
    }
    // `--allow-dirty`: package the work tree, committed or not. In CI it is clean.
    let mut line = String::from("cargo package --workspace --locked --allow-dirty --no-verify");
    for package in metadata.members().filter(|package| !package.published) {
        line.push_str(" --exclude ");
        line.push_str(&package.name);
    }
    context.run(&line).succeed()?;
    verify(context, metadata)?;
    Ok(Done::with(format!(
        "{} packages, built from their archives",
        metadata.published().count()
    )))
}

/// Unpacks the archives into one workspace, and builds them there.
///
/// Cargo's own verification caches unpacked archives in the user's folder by name and version.
/// While a version is not published, it would verify an old archive again.
fn verify(context: &Context, metadata: &Metadata) -> Result<(), Failure> {
    let archives = metadata.target.join("package");
    let folder = archives.join("unpacked");
    let failed = |error| Failure::new(format!("cannot fill {}: {error}", folder.display()));
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(failed)?;
    }
    std::fs::create_dir_all(&folder).map_err(failed)?;
    for package in metadata.published() {
        // `m` gives the files the time of unpacking. In the archive all have the same old time, and
        // cargo would take earlier build results for theirs.
        context
            .run("tar -xmzf")
            .args([archives.join(format!("{}.crate", stem(package)))])
            .folder(&folder)
            .succeed()?;
    }
    std::fs::write(folder.join("Cargo.toml"), workspace(metadata)).map_err(failed)?;
    let lock = context.root.join("Cargo.lock");
    std::fs::copy(lock, folder.join("Cargo.lock")).map_err(failed)?;
    // Not `--locked`, because cargo must remove the unpublished packages from the lock file.
    context
        .run("cargo check --workspace --offline")
        .folder(&folder)
        .env("CARGO_TARGET_DIR", &metadata.target)
        .succeed()?;
    Ok(())
}

/// Returns the manifest of a workspace of the unpacked packages, in which they use each other
/// instead of a registry.
fn workspace(metadata: &Metadata) -> String {
    let stems: Vec<String> = metadata.published().map(stem).collect();
    let mut text =
        format!("[workspace]\nresolver = \"3\"\nmembers = {stems:?}\n\n[patch.crates-io]\n");
    for (package, stem) in metadata.published().zip(&stems) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{} = {{ path = \"{stem}\" }}", package.name);
    }
    text
}

/// Returns a package's name and version, as cargo names the archive.
fn stem(package: &Package) -> String {
    format!("{}-{}", package.name, package.version)
}
