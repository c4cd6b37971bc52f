//! Checks the dependency tree, and that no library allows unsafe code.

use std::collections::BTreeMap;

use crate::context::Context;
use crate::failure::Failure;
use crate::metadata::{Metadata, Package};

/// Crates, and the only packages of this workspace that may depend on them.
const ONLY: [(&[&str], &[&str]); 5] = [
    (&["async-std", "smol", "socket2"], &["trunkline-runtime"]),
    (&["hickory-proto"], &["trunkline-dns"]),
    (
        &["h2", "async-compat"],
        &["trunkline-transport", "trunkline-sim"],
    ),
    (
        &["tonic", "tonic-prost"],
        &["trunkline-channelz", "trunkline-csds"],
    ),
    (
        &["trunkline-xds-proto"],
        &["trunkline-xds", "trunkline-sim"],
    ),
];

/// Returns a line for each invariant of the dependency tree that is broken.
pub(super) fn broken(context: &Context) -> Result<Vec<String>, Failure> {
    let metadata = context.metadata()?;
    let mut broken = Vec::new();
    broken.extend(target_is_alone(context)?);
    broken.extend(smol_without_async_std(context)?);
    for package in metadata.published() {
        if package.is_library() {
            broken.extend(forbidden_dependencies(package));
            broken.extend(allows_unsafe(package)?);
        }
    }
    broken.extend(newer_than_declared(metadata));
    Ok(broken)
}

/// Checks that the target parser has no dependency.
fn target_is_alone(context: &Context) -> Result<Option<String>, Failure> {
    let tree = context
        .run("cargo tree --locked -p trunkline-target -e normal")
        .stdout()?;
    Ok((tree.lines().count() != 1).then(|| format!("trunkline-target has dependencies:\n{tree}")))
}

/// Checks that the facade with the feature `smol` alone does not depend on async-std, so that the
/// advisory about async-std does not apply to it.
fn smol_without_async_std(context: &Context) -> Result<Option<String>, Failure> {
    let tree = context
        .run("cargo tree --locked -p trunkline --no-default-features --features smol -e normal --prefix none")
        .stdout()?;
    let there = tree.lines().any(|line| line.starts_with("async-std "));
    Ok(there.then(|| "trunkline with the feature smol alone still has async-std".to_owned()))
}

/// Returns the dependencies of a library that it may not have.
fn forbidden_dependencies(package: &Package) -> Vec<String> {
    let mut broken = Vec::new();
    for (names, allowed) in ONLY {
        for name in names {
            if package.dependencies.contains(*name) && !allowed.contains(&package.name.as_str()) {
                broken.push(match allowed {
                    [] => format!("{} depends on {name}, which no library may", package.name),
                    _ => format!(
                        "{} depends on {name}, which only {} may",
                        package.name,
                        allowed.join(" and ")
                    ),
                });
            }
        }
    }
    broken
}

/// Checks that a library forbids unsafe code.
fn allows_unsafe(package: &Package) -> Result<Option<String>, Failure> {
    let Some(library) = package.targets.iter().find(|target| target.kind == "lib") else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(&library.source)
        .map_err(|error| Failure::new(format!("cannot read {}: {error}", library.source)))?;
    let forbids = text.contains("#![forbid(unsafe_code)]");
    Ok((!forbids).then(|| format!("{} lacks #![forbid(unsafe_code)]", package.name)))
}

/// Returns the dependencies that need a newer compiler than a package that is built with them
/// declares.
fn newer_than_declared(metadata: &Metadata) -> Vec<String> {
    let mut newer: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut broken = Vec::new();
    for package in metadata.published() {
        let Some(declared) = &package.rust_version else {
            broken.push(format!("{} declares no rust-version", package.name));
            continue;
        };
        for other in metadata.closure(package) {
            let Some(needed) = &other.rust_version else {
                continue;
            };
            if numbers(needed) > numbers(declared) {
                let what = format!("{} {} needs Rust {needed}", other.name, other.version);
                newer.entry(what).or_default().push(&package.name);
            }
        }
    }
    let each = newer.into_iter();
    broken.extend(each.map(|(what, packages)| {
        format!("{what}, more than these declare: {}", packages.join(", "))
    }));
    broken
}

/// Parses a version into numbers, so that `1.88` equals `1.88.0`.
fn numbers(version: &str) -> [u32; 3] {
    let mut numbers = [0; 3];
    for (number, text) in numbers.iter_mut().zip(version.split('.')) {
        *number = text.parse().unwrap_or(0);
    }
    numbers
}
