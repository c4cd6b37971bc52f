//! The workspace and its dependencies, from `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use crate::failure::Failure;
use crate::process::Run;

/// The packages with all features.
pub(crate) struct Metadata {
    /// The target folder.
    pub(crate) target: PathBuf,
    packages: BTreeMap<String, Package>,
    members: Vec<String>,
}

/// A package of this workspace, or a dependency.
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// True if it may be published.
    pub(crate) published: bool,
    /// Its `rust-version`, if declared.
    pub(crate) rust_version: Option<String>,
    /// Fields that a published package needs and that its manifest lacks.
    pub(crate) lacks: Vec<&'static str>,
    /// The names of its features.
    pub(crate) features: Vec<String>,
    /// Names of its direct dependencies, without those of its tests.
    pub(crate) dependencies: BTreeSet<String>,
    /// Its library, binaries, examples and so on.
    pub(crate) targets: Vec<Target>,
    /// Ids of the packages that it is built with, without those of its tests.
    built_with: Vec<String>,
}

/// A library, binary, example, test or benchmark of a package.
pub(crate) struct Target {
    /// Its name.
    pub(crate) name: String,
    /// Cargo's name of its kind: `lib`, `bin`, `example`, ...
    pub(crate) kind: String,
    /// Path of its root file.
    pub(crate) source: String,
}

impl Metadata {
    /// The command line whose output [`read`](Self::read) parses.
    pub(crate) const COMMAND: &str = "cargo metadata --format-version 1 --all-features --locked";

    /// Runs [`COMMAND`](Self::COMMAND), and parses what it prints.
    pub(crate) fn read(command: Run) -> Result<Self, Failure> {
        let text = command
            .stdout()
            .map_err(|failure| failure.remedy("run `cargo check` and commit Cargo.lock"))?;
        let value: Value = serde_json::from_str(&text)
            .map_err(|error| Failure::new(format!("cargo metadata printed no JSON: {error}")))?;
        let mut packages: BTreeMap<String, Package> = items(&value["packages"])
            .map(|package| (text_of(&package["id"]), Package::read(package)))
            .collect();
        for node in items(&value["resolve"]["nodes"]) {
            if let Some(package) = packages.get_mut(&text_of(&node["id"])) {
                package.built_with = items(&node["deps"])
                    .filter(|dep| items(&dep["dep_kinds"]).any(|kind| kind["kind"] != "dev"))
                    .map(|dep| text_of(&dep["pkg"]))
                    .collect();
            }
        }
        let members = items(&value["workspace_members"]).map(text_of).collect();
        Ok(Self {
            target: text_of(&value["target_directory"]).into(),
            packages,
            members,
        })
    }

    /// Returns the packages of this workspace.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.members.iter().filter_map(|id| self.packages.get(id))
    }

    /// Returns the packages of this workspace that may be published.
    pub(crate) fn published(&self) -> impl Iterator<Item = &Package> {
        self.members().filter(|package| package.published)
    }

    /// Returns the package of this workspace with this name.
    pub(crate) fn member(&self, name: &str) -> Option<&Package> {
        self.members().find(|package| package.name == name)
    }

    /// Returns the package with this name, of this workspace or from elsewhere.
    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.values().find(|package| package.name == name)
    }

    /// Returns the direct and indirect dependencies of `package`, without those of tests.
    pub(crate) fn closure(&self, package: &Package) -> Vec<&Package> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&String> = package.built_with.iter().collect();
        while let Some(id) = open.pop() {
            if seen.insert(id)
                && let Some(package) = self.packages.get(id)
            {
                open.extend(&package.built_with);
            }
        }
        seen.into_iter()
            .filter_map(|id| self.packages.get(id))
            .collect()
    }
}

impl Package {
    fn read(value: &Value) -> Self {
        Self {
            name: text_of(&value["name"]),
            version: text_of(&value["version"]),
            // `null` means any registry, and an empty list `publish = false`.
            published: value["publish"]
                .as_array()
                .is_none_or(|list| !list.is_empty()),
            rust_version: value["rust_version"].as_str().map(str::to_owned),
            lacks: ["description", "license", "readme", "repository"]
                .into_iter()
                .filter(|field| value[*field].is_null())
                .collect(),
            features: value["features"]
                .as_object()
                .map(|features| features.keys().cloned().collect())
                .unwrap_or_default(),
            dependencies: items(&value["dependencies"])
                .filter(|dependency| dependency["kind"] != "dev")
                .map(|dependency| text_of(&dependency["name"]))
                .collect(),
            targets: items(&value["targets"]).map(Target::read).collect(),
            built_with: Vec::new(),
        }
    }

    /// Returns whether it is a library without a binary.
    pub(crate) fn is_library(&self) -> bool {
        self.targets.iter().any(|target| target.kind == "lib")
            && !self.targets.iter().any(|target| target.kind == "bin")
    }
}

impl Target {
    fn read(value: &Value) -> Self {
        Self {
            name: text_of(&value["name"]),
            kind: text_of(&value["kind"][0]),
            source: text_of(&value["src_path"]),
        }
    }
}

/// Returns the items of a JSON array; none if the value is something else.
fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Returns a JSON string; empty if the value is something else.
fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
