//! Generates the messages of many packages: a Rust file for each package, and one with their modules.

use std::path::Path;

use crate::rustfmt::rustfmt;
use crate::scratch::Scratch;

/// The file that contains the tree of modules.
const TREE: &str = "tree.rs";

/// The types of `google.protobuf` that are not generated, each with the Rust type that it becomes.
/// `Any` is generated, because the one of prost-types copies its value.
const EXTERN: [(&str, &str); 15] = [
    (".google.protobuf.BoolValue", "bool"),
    (".google.protobuf.BytesValue", "::prost::bytes::Bytes"),
    (".google.protobuf.DoubleValue", "f64"),
    (".google.protobuf.Duration", "::prost_types::Duration"),
    (".google.protobuf.FloatValue", "f32"),
    (".google.protobuf.Int32Value", "i32"),
    (".google.protobuf.Int64Value", "i64"),
    (".google.protobuf.ListValue", "::prost_types::ListValue"),
    (".google.protobuf.NullValue", "::prost_types::NullValue"),
    (
        ".google.protobuf.StringValue",
        "::prost::alloc::string::String",
    ),
    (".google.protobuf.Struct", "::prost_types::Struct"),
    (".google.protobuf.Timestamp", "::prost_types::Timestamp"),
    (".google.protobuf.UInt32Value", "u32"),
    (".google.protobuf.UInt64Value", "u64"),
    (".google.protobuf.Value", "::prost_types::Value"),
];

/// All messages below some folders of protos, as a tree of modules that mirrors their packages.
#[derive(Clone, Copy)]
pub(crate) struct PackageTree {
    /// The folders, below the folder `proto`.
    pub(crate) folders: &'static [&'static str],
    /// The folder of the generated files, from the root of the repository.
    pub(crate) out: &'static str,
}

impl PackageTree {
    /// Generates the files: path from the root of the repository, and text formatted by rustfmt.
    pub(crate) fn make(&self, protos: &Path) -> Result<Vec<(String, String)>, String> {
        let mut roots = Vec::new();
        for folder in self.folders {
            find(&protos.join(folder), "proto", &mut roots)?;
        }
        let files = protox::compile(&roots, [protos]).map_err(|error| error.to_string())?;
        let folder = Scratch::new()?;
        let mut config = prost_build::Config::new();
        config
            .compile_well_known_types()
            .bytes(["."])
            .btree_map(["."])
            .include_file(TREE)
            .out_dir(folder.path());
        for (proto, rust) in EXTERN {
            config.extern_path(proto, rust);
        }
        config
            .compile_fds(files)
            .map_err(|error| error.to_string())?;
        let mut names = Vec::new();
        find(folder.path(), "rs", &mut names)?;
        names
            .iter()
            .map(|path| {
                let name = path
                    .file_name()
                    .and_then(|name| name.to_str())
                    .ok_or_else(|| format!("{}: no name", path.display()))?;
                let text = folder.read(name)?;
                let header =
                    "// Made by `cargo xtask codegen` from xtask/codegen/proto; do not edit.\n";
                Ok((
                    format!("{}/{name}", self.out),
                    rustfmt(&(header.to_owned() + &text))?,
                ))
            })
            .collect()
    }

    /// Returns the paths of the files that an earlier run made, and that are not among `made`.
    pub(crate) fn left_over(
        &self,
        root: &Path,
        made: &[(String, String)],
    ) -> Result<Vec<String>, String> {
        let mut found = Vec::new();
        find(&root.join(self.out), "rs", &mut found)?;
        Ok(found
            .iter()
            .filter_map(|path| Some(format!("{}/{}", self.out, path.file_name()?.to_str()?)))
            .filter(|path| made.iter().all(|(name, _)| name != path))
            .collect())
    }
}

/// Collects the files below `folder` with this extension, in the order of their paths.
fn find(folder: &Path, extension: &str, found: &mut Vec<std::path::PathBuf>) -> Result<(), String> {
    if !folder.exists() {
        return Ok(());
    }
    let mut paths = std::fs::read_dir(folder)
        .and_then(|entries| {
            entries
                .map(|entry| Ok(entry?.path()))
                .collect::<Result<Vec<_>, _>>()
        })
        .map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            find(&path, extension, found)?;
        } else if path.extension().is_some_and(|it| it == extension) {
            found.push(path);
        }
    }
    Ok(())
}
