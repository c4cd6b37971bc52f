//! Checks of what no package may depend on.

use std::collections::BTreeMap;

use crate::context::Context;
use crate::failure::Failure;
use crate::metadata::{Metadata, Package};

/// Crates that only some of ours may ask for.
const ONLY: [(&[&str], &[&str]); 4] = [
    (&["async-std", "smol", "socket2"], &["trunkline-runtime"]),
    (&["hickory-proto"], &["trunkline-dns"]),
    (
        &["h2", "async-compat"],
        &["trunkline-transport", "trunkline-sim"],
    ),
    (&["tonic", "tonic-prost"], &[]),
];

/// Returns a line for each invariant of the dependency tree that is broken.
pub(super) fn broken(context: &Context) -> Result<Vec<String>, Failure> {
    let metadata = context.metadata()?;
    let mut broken = Vec::new();
    broken.extend(target_is_alone(context)?);
    broken.extend(smol_without_async_std(context)?);
    for package in metadata.published() {
        if package.is_library() {
            broken.extend(asks_for_others(package));
            broken.extend(may_be_unsafe(package)?);
        }
    }
    broken.extend(newer_than_declared(metadata));
    Ok(broken)
}

/// The parser of targets has no dependency at all.
fn target_is_alone(context: &Context) -> Result<Option<String>, Failure> {
    let tree = context
        .run("cargo tree --locked -p trunkline-target -e normal")
        .stdout()?;
    Ok((tree.lines().count() != 1).then(|| format!("trunkline-target has dependencies:\n{tree}")))
}

/// Whoever chooses smol gets no async-std, and so no advisory about it.
fn smol_without_async_std(context: &Context) -> Result<Option<String>, Failure> {
    let tree = context
        .run("cargo tree --locked -p trunkline --no-default-features --features smol -e normal --prefix none")
        .stdout()?;
    let there = tree.lines().any(|line| line.starts_with("async-std "));
    Ok(there.then(|| "trunkline with the feature smol alone still has async-std".to_owned()))
}

/// The dependencies of a library that only others may have.
fn asks_for_others(package: &Package) -> Vec<String> {
    let mut broken = Vec::new();
    for (names, allowed) in ONLY {
        for name in names {
            if package.asks_for.contains(*name) && !allowed.contains(&package.name.as_str()) {
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

/// A library that does not forbid unsafe code.
fn may_be_unsafe(package: &Package) -> Result<Option<String>, Failure> {
    let Some(library) = package.targets.iter().find(|target| target.kind == "lib") else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(&library.source)
        .map_err(|error| Failure::new(format!("cannot read {}: {error}", library.source)))?;
    let forbids = text.contains("#![forbid(unsafe_code)]");
    Ok((!forbids).then(|| format!("{} lacks #![forbid(unsafe_code)]", package.name)))
}

/// Dependencies that need a newer compiler than a package that is built with them says.
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

/// `1.88` and `1.88.0` are the same version.
fn numbers(version: &str) -> [u32; 3] {
    let mut numbers = [0; 3];
    for (number, text) in numbers.iter_mut().zip(version.split('.')) {
        *number = text.parse().unwrap_or(0);
    }
    numbers
}
