//! Builds the servers into the user's cache.

use std::path::PathBuf;

use crate::cache::{Moves, fingerprint};
use crate::context::Context;
use crate::failure::Failure;

/// A program and its first arguments, or why it cannot be built here.
pub(crate) type Built = Result<(PathBuf, Vec<PathBuf>), String>;

/// Builds CoreDNS with the few plugins that are needed.
pub(super) fn coredns(context: &Context) -> Result<Built, Failure> {
    go(context, "coredns")
}

/// Builds the grpc-go server.
pub(crate) fn grpc_go(context: &Context) -> Result<Built, Failure> {
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
    python(context, "c-core", "server.py")
}

/// Prepares the channelz client: a Python script, and an environment with the stubs of channelz.
pub(super) fn channelz(context: &Context) -> Result<Built, Failure> {
    python(context, "channelz", "channelz.py")
}

/// Prepares the client of CSDS: a Python script, and an environment with the stubs of xDS.
pub(super) fn csds(context: &Context) -> Result<Built, Failure> {
    python(context, "csds", "csds.py")
}

/// Builds the control plane that serves a file.
pub(crate) fn xds_demo(context: &Context) -> Result<Built, Failure> {
    go(context, "xds-demo")
}

/// Builds the grpc-go server of gRPC's interop suite.
pub(super) fn grpc_go_suite(context: &Context) -> Result<Built, Failure> {
    go(context, "grpc-go-suite")
}

/// Builds the control plane of go-control-plane, grpc-go's client of it, and its backends: one program.
pub(super) fn xds(context: &Context) -> Result<Built, Failure> {
    go(context, "xds")
}

/// Prepares the C-core server of gRPC's interop suite, which reads the protos of `codegen`.
pub(super) fn c_core_suite(context: &Context) -> Result<Built, Failure> {
    let mut built = python(context, "c-core", "suite.py")?;
    if let Ok((_, args)) = &mut built {
        args.push(PathBuf::from("--protos"));
        args.push(context.root.join("xtask/codegen/proto"));
    }
    Ok(built)
}

/// Builds the grpc-java server of gRPC's interop suite.
pub(super) fn grpc_java_suite(context: &Context) -> Result<Built, Failure> {
    java(context, "grpc-java-suite", "SuiteServer")
}

/// Builds grpc-java's client of a control plane.
pub(super) fn xds_java(context: &Context) -> Result<Built, Failure> {
    java(context, "xds-java", "XdsClient")
}

/// Builds a Java class of the folder `name`. The pom there pins its libraries.
fn java(context: &Context, name: &str, class: &str) -> Result<Built, Failure> {
    for tool in ["javac", "mvn"] {
        if context.run(tool).args(["--version"]).stdout().is_err() {
            return Ok(Err(format!("no {tool} here")));
        }
    }
    let sources = sources(context, name);
    let tool = format!("{name}-{}", fingerprint(&sources)?);
    let folder = context.cache.tool(&tool, Moves::Yes, |folder| {
        let libraries = folder.join("lib");
        context
            .run("mvn --quiet --batch-mode dependency:copy-dependencies")
            .args([format!("-DoutputDirectory={}", libraries.display())])
            .folder(&sources)
            .succeed()?;
        context
            .run("javac -nowarn -d")
            .args([folder.join("classes")])
            .args(["-cp"])
            .args([libraries.join("*")])
            .args([sources.join(class).with_extension("java")])
            .succeed()
            .map(|_| ())
    })?;
    let classes = [folder.join("classes"), folder.join("lib/*")];
    let classes = std::env::join_paths(classes)
        .map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?;
    // The program is small and short-lived: it needs neither threads for its heap nor the second compiler.
    let mut args: Vec<PathBuf> = [
        "-Xmx256m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-cp",
    ]
    .map(PathBuf::from)
    .into();
    args.push(classes.into());
    args.push(PathBuf::from(class));
    Ok(Ok((PathBuf::from("java"), args)))
}

/// Prepares a Python script of the folder `name`, with an environment that has what its file of
/// requirements lists.
fn python(context: &Context, name: &str, script: &str) -> Result<Built, Failure> {
    if context.run("python3 -m venv --help").stdout().is_err() {
        return Ok(Err("no python3 with the module venv here".to_owned()));
    }
    let sources = sources(context, name);
    let tool = format!("{name}-{}", fingerprint(&sources)?);
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
    Ok(Ok((python, vec![sources.join(script)])))
}

/// Returns the folder with the sources of a server.
fn sources(context: &Context, name: &str) -> PathBuf {
    context.root.join("xtask/interop").join(name)
}
