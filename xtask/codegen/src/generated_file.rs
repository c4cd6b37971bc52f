//! Generates the text of one Rust file from a proto.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// One generated file.
#[derive(Clone, Copy)]
pub(crate) struct GeneratedFile {
    /// Path of the proto, below the folder `proto`.
    pub(crate) proto: &'static str,
    /// Path of the generated file, from the root of the repository.
    pub(crate) path: &'static str,
    /// The sides of services that are generated.
    pub(crate) sides: Sides,
}

/// The sides of a service.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sides {
    /// Only the client.
    Client,
    /// The client and the server.
    ClientAndServer,
}

impl GeneratedFile {
    /// Generates the text of the file, formatted by rustfmt.
    pub(crate) fn make(&self, protos: &Path) -> Result<String, String> {
        let files = protox::compile([self.proto], [protos])
            .map_err(|error| format!("{}: {error}", self.proto))?;
        let package = files
            .file
            .last()
            .map(|file| file.package().to_owned())
            .ok_or_else(|| format!("{}: nothing in it", self.proto))?;
        let folder = Scratch::new()?;
        tonic_prost_build::configure()
            // Without `connect()`, which would need tonic's transport. A stub accepts any channel.
            .build_transport(false)
            .build_server(self.sides == Sides::ClientAndServer)
            .out_dir(&folder.0)
            .compile_fds(files)
            .map_err(|error| format!("{}: {error}", self.proto))?;
        let made = folder.0.join(format!("{package}.rs"));
        let text = std::fs::read_to_string(&made)
            .map_err(|error| format!("cannot read {}: {error}", made.display()))?;
        let header = format!(
            "// Made by `cargo xtask codegen` from xtask/codegen/proto/{}; do not edit.\n",
            self.proto
        );
        rustfmt(&(header + &text))
    }
}

/// A temporary folder, which is removed on drop.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new() -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("trunkline-codegen-{}", std::process::id()));
        std::fs::create_dir_all(&path)
            .map_err(|error| format!("cannot make {}: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A temporary folder that is left behind does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Formats `source` with the rustfmt of this toolchain.
fn rustfmt(source: &str) -> Result<String, String> {
    let failed = |error: std::io::Error| {
        format!("cannot run rustfmt: {error}; `rustup component add rustfmt` installs it")
    };
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024", "--emit", "stdout"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(source.as_bytes()).map_err(failed)?;
    }
    let output = child.wait_with_output().map_err(failed)?;
    if !output.status.success() {
        return Err("rustfmt cannot read the generated code".to_owned());
    }
    String::from_utf8(output.stdout).map_err(|error| format!("rustfmt printed no text: {error}"))
}
