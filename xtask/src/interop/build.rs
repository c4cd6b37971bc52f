//! Builds the servers into the user's cache.

use std::path::PathBuf;

use crate::cache::{Moves, fingerprint};
use crate::context::Context;
use crate::failure::Failure;

/// A program and its first arguments, or why it cannot be built here.
pub(super) type Built = Result<(PathBuf, Vec<PathBuf>), String>;

/// Builds CoreDNS with the few plugins that are needed.
pub(super) fn coredns(context: &Context) -> Result<Built, Failure> {
    go(context, "coredns")
}

/// Builds the grpc-go server.
pub(super) fn grpc_go(context: &Context) -> Result<Built, Failure> {
    go(context, "grpc-go")
}

/// Builds a Go module of this repository. Its go.sum pins the dependencies.
fn go(context: &Context, name: &str) -> Result<Built, Failure> {
    if context.run("go version").stdout().is_err() {
        return Ok(Err("no Go toolchain here".to_owned()));
    }
    let sources = sources(context, name);
    let tool = format!("{name}-{}", fingerprint(&sources)?);
    let folder = context.cache.tool(&tool, Moves::Yes, |folder| {
        context
            .run("go build -mod=readonly -buildvcs=false -trimpath -o")
            .args([folder.join(name)])
            .args(["."])
            .folder(&sources)
            .env("CGO_ENABLED", "0")
            .succeed()
            .map(|_| ())
    })?;
    Ok(Ok((folder.join(name), Vec::new())))
}

/// Prepares the C-core server: a Python script, and an environment with grpcio.
pub(super) fn c_core(context: &Context) -> Result<Built, Failure> {
    if context.run("python3 -m venv --help").stdout().is_err() {
        return Ok(Err("no python3 with the module venv here".to_owned()));
    }
    let sources = sources(context, "c-core");
    let tool = format!("c-core-{}", fingerprint(&sources)?);
    let folder = context.cache.tool(&tool, Moves::No, |folder| {
        context.run("python3 -m venv").args([folder]).succeed()?;
        context
            .program(folder.join("bin/python"))
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--only-binary=:all:",
                "-r",
            ])
            .args([sources.join("requirements.txt")])
            .succeed()
            .map(|_| ())
    })?;
    let python = folder.join("bin/python");
    Ok(Ok((python, vec![sources.join("server.py")])))
}

/// Returns the folder with the sources of a server.
fn sources(context: &Context, name: &str) -> PathBuf {
    context.root.join("xtask/interop").join(name)
}
