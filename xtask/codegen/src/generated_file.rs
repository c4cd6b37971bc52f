//! Generates the text of one Rust file from a proto.

use std::path::Path;

use crate::rustfmt::rustfmt;
use crate::scratch::Scratch;

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
            .out_dir(folder.path())
            .compile_fds(files)
            .map_err(|error| format!("{}: {error}", self.proto))?;
        let text = folder.read(&format!("{package}.rs"))?;
        let header = format!(
            "// Made by `cargo xtask codegen` from xtask/codegen/proto/{}; do not edit.\n",
            self.proto
        );
        rustfmt(&(header + &text))
    }
}
