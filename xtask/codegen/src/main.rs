//! Generates the checked-in tonic and prost code of this repository, without protoc.
//!
//! `cargo xtask codegen` runs it. With `--check` it writes nothing, and fails if a checked-in file
//! does not match the protos.

mod rustfmt;
mod scratch;

mod generated_file;
mod package_tree;

use std::path::Path;
use std::process::ExitCode;

use generated_file::{GeneratedFile, Sides};
use package_tree::PackageTree;

/// The generated files, each with its proto and the sides of services that it contains.
const FILES: [GeneratedFile; 6] = [
    GeneratedFile {
        proto: "echo.proto",
        path: "crates/testkit/src/generated/echo.rs",
        sides: Sides::ClientAndServer,
    },
    GeneratedFile {
        proto: "helloworld.proto",
        path: "crates/testkit/src/generated/helloworld.rs",
        sides: Sides::ClientAndServer,
    },
    GeneratedFile {
        proto: "grpc/health/v1/health.proto",
        path: "crates/testkit/src/generated/grpc.health.v1.rs",
        sides: Sides::ClientAndServer,
    },
    GeneratedFile {
        proto: "grpc/health/v1/health.proto",
        path: "crates/cli/src/generated/grpc.health.v1.rs",
        sides: Sides::Client,
    },
    GeneratedFile {
        proto: "grpc/channelz/v1/channelz.proto",
        path: "crates/channelz/src/generated/grpc.channelz.v1.rs",
        sides: Sides::ClientAndServer,
    },
    GeneratedFile {
        proto: "grpc/testing/test.proto",
        path: "crates/interop/src/generated/grpc.testing.rs",
        sides: Sides::ClientAndServer,
    },
];

/// The messages of xDS: a file for each package.
const XDS: PackageTree = PackageTree {
    folders: &["envoy", "google", "udpa", "xds"],
    out: "crates/xds-proto/src/generated",
};

fn main() -> ExitCode {
    let mut check = false;
    for arg in std::env::args().skip(1) {
        if arg != "--check" {
            eprintln!("unknown argument `{arg}`; there is only --check");
            return ExitCode::from(2);
        }
        check = true;
    }
    match run(check) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Writes the files that do not match the protos, or with `check` returns an error that names them.
fn run(check: bool) -> Result<(), String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let protos = here.join("proto");
    let root = here.join("../..");
    let mut made = Vec::new();
    for generated in FILES {
        made.push((generated.path.to_owned(), generated.make(&protos)?));
    }
    made.extend(XDS.make(&protos)?);
    let mut stale = Vec::new();
    for (path, text) in &made {
        let file = root.join(path);
        if std::fs::read_to_string(&file).is_ok_and(|there| there == *text) {
            println!("{path}: up to date");
        } else if check {
            stale.push(path.clone());
        } else {
            write(&file, text)?;
            println!("{path}: written");
        }
    }
    for path in XDS.left_over(&root, &made)? {
        if check {
            stale.push(path);
        } else {
            std::fs::remove_file(root.join(&path))
                .map_err(|error| format!("cannot remove {path}: {error}"))?;
            println!("{path}: removed");
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!(
        "not what the protos give: {}; run `cargo xtask codegen` and commit the result",
        stale.join(", ")
    ))
}

/// Writes `text` to `path`. Creates the folder if it does not exist.
fn write(path: &Path, text: &str) -> Result<(), String> {
    let written = match path.parent() {
        Some(folder) => std::fs::create_dir_all(folder),
        None => Ok(()),
    }
    .and_then(|()| std::fs::write(path, text));
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))
}
