//! Every published crate can be packaged, and what is packaged builds.

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
    // Cargo only warns of what a registry turns down, and of what a reader misses there.
    for package in metadata.published() {
        if let [first, ..] = package.lacks[..] {
            return Err(Failure::new(format!("{} has no {first}", package.name)));
        }
    }
    // What is in the work tree counts, committed or not; CI runs on a clean one.
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

/// Unpacks the archives side by side, and builds them with each other.
///
/// Cargo's own verification keeps what it unpacked in the user's folder, by name and version, and takes it
/// from there the next time: as long as a version is not published, it verifies what was there before.
fn verify(context: &Context, metadata: &Metadata) -> Result<(), Failure> {
    let archives = metadata.target.join("package");
    let folder = archives.join("unpacked");
    let failed = |error| Failure::new(format!("cannot fill {}: {error}", folder.display()));
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(failed)?;
    }
    std::fs::create_dir_all(&folder).map_err(failed)?;
    for package in metadata.published() {
        // `m`: the files are as new as they are here. In an archive all are equally old, and cargo
        // would take what it built before for what they give.
        context
            .run("tar -xmzf")
            .args([archives.join(format!("{}.crate", stem(package)))])
            .folder(&folder)
            .succeed()?;
    }
    std::fs::write(folder.join("Cargo.toml"), workspace(metadata)).map_err(failed)?;
    let lock = context.root.join("Cargo.lock");
    std::fs::copy(lock, folder.join("Cargo.lock")).map_err(failed)?;
    // Not `--locked`: our unpublished packages are to go from the lock file.
    context
        .run("cargo check --workspace --offline")
        .folder(&folder)
        .env("CARGO_TARGET_DIR", &metadata.target)
        .succeed()?;
    Ok(())
}

/// A workspace of what was unpacked, in which nothing of ours comes from a registry.
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

/// What cargo calls a package: its name and version.
fn stem(package: &Package) -> String {
    format!("{}-{}", package.name, package.version)
}
