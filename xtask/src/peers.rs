//! Builds the clients of the benchmark `rpc` that are no part of the workspace.
//!
//! Each is a program that speaks the protocol of `benches/README.md`. Their dependencies are fetched
//! by the clients of their registries, with versions that lock files pin. cargo and go keep what they
//! have built, in the user's cache, so only the first build takes long: that of the clients in Rust, ten
//! minutes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cache::{Moves, fingerprint};
use crate::context::Context;
use crate::failure::Failure;
use crate::interop::packages;
use crate::process::Run;

/// Limit for the build of one peer.
const LIMIT: Duration = Duration::from_secs(2 * 60 * 60);

/// The packages of the distribution with C-core, and with the messages and JSON for the client in C++.
const C_CORE_PACKAGES: [&str; 3] = ["libgrpc++-dev", "libprotobuf-dev", "nlohmann-json3-dev"];

/// Packages of the workspace of peers in Rust, which are also the names of their programs.
const GRPC: &str = "trunkline-peer-grpc";
const VOLO: &str = "trunkline-peer-volo";
const GRPCIO: &str = "trunkline-peer-grpcio";

/// Those that share most of what they depend on. They are built together: alone, each would choose other
/// features of it, and build it again.
const ON_TOKIO: [&str; 2] = [GRPC, VOLO];

/// A command line, or why there is none.
type Built = Result<Vec<PathBuf>, String>;

/// A peer, and how it is built.
type Peer = (&'static str, fn(&Context) -> Result<Built, Failure>);

/// The peers, the most telling first.
const PEERS: [Peer; 7] = [
    ("grpc-go", grpc_go),
    ("grpc", |context| rust(context, GRPC, &ON_TOKIO, &["cc"])),
    ("grpc, with TCP_NODELAY", |context| {
        let built = rust(context, GRPC, &ON_TOKIO, &["cc"])?;
        Ok(built.map(|words| [words, vec!["--nodelay".into()]].concat()))
    }),
    ("volo-grpc", |context| {
        rust(context, VOLO, &ON_TOKIO, &["cc"])
    }),
    ("grpcio", grpcio),
    ("C-core by C++", cpp),
    ("C-core by Python", python),
];

/// Returns the command line of each peer that can be built here. Prints why the others cannot.
pub(crate) fn command_lines(context: &Context) -> Vec<String> {
    let lines = PEERS.iter().filter_map(|(name, build)| {
        let why = match build(context) {
            Ok(Ok(words)) => match line(&words) {
                Some(line) => return Some(line),
                None => "its path has a blank".to_owned(),
            },
            Ok(Err(why)) => why,
            Err(failure) => format!("{}\n{}", failure.what, end_of(&failure.output)),
        };
        println!("    without {name}: {why}");
        None
    });
    lines.collect()
}

/// Returns a command line whose words are separated by blanks; `None` if a word has one.
fn line(words: &[PathBuf]) -> Option<String> {
    let words: Option<Vec<&str>> = words
        .iter()
        .map(|word| {
            word.to_str()
                .filter(|word| !word.contains(char::is_whitespace))
        })
        .collect();
    Some(words?.join(" "))
}

/// Returns the last lines of the output of a build, which have the error.
fn end_of(output: &str) -> String {
    let lines: Vec<&str> = output.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}

fn grpc_go(context: &Context) -> Result<Built, Failure> {
    if let Err(why) = have(context, &["go"]) {
        return Ok(Err(why));
    }
    let sources = sources(context, "grpc-go");
    let program = sources.join("target/trunkline-peer-grpc-go-rpc");
    context
        .run("go build -mod=readonly -buildvcs=false -o")
        .args([&program])
        .args(["./rpc"])
        .folder(&sources)
        .env("CGO_ENABLED", "0")
        .limit(LIMIT)
        .succeed()?;
    Ok(Ok(vec![program]))
}

/// Builds packages of the workspace of peers in Rust, which need these tools besides cargo, and returns
/// one of their programs.
fn rust(
    context: &Context,
    program: &str,
    packages: &[&str],
    tools: &[&str],
) -> Result<Built, Failure> {
    if let Err(why) = have(context, tools) {
        return Ok(Err(why));
    }
    let target = context.cache.folder("peers-rust");
    cargo_build(context, &target, packages).succeed()?;
    Ok(Ok(vec![target.join("release").join(program)]))
}

/// Builds the client on grpcio over the distribution's C-core. That in the crate takes half an hour to
/// build.
fn grpcio(context: &Context) -> Result<Built, Failure> {
    if let Err(why) = have(context, &["apt-get", "c++", "pkg-config"]) {
        return Ok(Err(why));
    }
    let packages = c_core(context)?;
    let libraries = packages.join(format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH));
    let libraries = libraries.display();
    // The RPATH counts for the libraries that C-core needs, too.
    let flags = [
        format!("-Lnative={libraries}"),
        format!("-Clink-arg=-Wl,-rpath,{libraries},--disable-new-dtags"),
        format!("-Clink-arg=-Wl,-rpath-link,{libraries}"),
    ];
    // Other flags than those of the other peers, so another folder.
    let target = context.cache.folder("peers-grpcio");
    cargo_build(context, &target, &[GRPCIO])
        .env("GRPCIO_SYS_USE_PKG_CONFIG", "1")
        .env("PKG_CONFIG_PATH", format!("{libraries}/pkgconfig"))
        .env("PKG_CONFIG_SYSROOT_DIR", &packages)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .succeed()?;
    Ok(Ok(vec![target.join("release").join(GRPCIO)]))
}

/// Prepares to build packages of the workspace of peers in Rust.
fn cargo_build(context: &Context, target: &Path, packages: &[&str]) -> Run {
    context
        .run("nice -n 10 cargo build --locked --release --target-dir")
        .args([target])
        .args(packages.iter().flat_map(|package| ["-p", package]))
        .folder(&sources(context, "rust"))
        .limit(LIMIT)
}

/// Returns the folder with C-core from the distribution's packages, which are unpacked and not
/// installed.
fn c_core(context: &Context) -> Result<PathBuf, Failure> {
    let tool = format!("peer-c-core-{}", packages::release());
    context.cache.tool(&tool, Moves::Yes, |folder| {
        packages::unpack(context, folder, &C_CORE_PACKAGES)
    })
}

/// Builds the client in C++ over the distribution's C-core.
fn cpp(context: &Context) -> Result<Built, Failure> {
    if let Err(why) = have(context, &["apt-get", "c++"]) {
        return Ok(Err(why));
    }
    let packages = c_core(context)?;
    let sources = sources(context, "c-core-cpp");
    let tool = format!(
        "peer-c-core-cpp-{}-{}",
        packages::release(),
        fingerprint(&sources)?
    );
    let program = "trunkline-peer-c-core-cpp";
    let folder = context.cache.tool(&tool, Moves::Yes, |folder| {
        context
            .run("sh")
            .args([sources.join("build.sh")])
            .args([&packages, &folder.join(program)])
            .folder(&sources)
            .limit(LIMIT)
            .succeed()
            .map(|_| ())
    })?;
    Ok(Ok(vec![folder.join(program)]))
}

/// Prepares the client in Python, and an environment with what its file of requirements lists.
fn python(context: &Context) -> Result<Built, Failure> {
    if context.run("python3 -m venv --help").stdout().is_err() {
        return Ok(Err("no python3 with the module venv here".to_owned()));
    }
    let sources = sources(context, "c-core-python");
    let tool = format!("peer-c-core-python-{}", fingerprint(&sources)?);
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
    Ok(Ok(vec![
        folder.join("bin/python"),
        sources.join("client.py"),
    ]))
}

/// Returns which of these tools is missing, if one is.
fn have(context: &Context, tools: &[&str]) -> Result<(), String> {
    for tool in tools {
        // go has a command for it, and the others have a flag.
        let flag = if *tool == "go" {
            "version"
        } else {
            "--version"
        };
        if context.run(tool).args([flag]).stdout().is_err() {
            return Err(format!("no {tool} here"));
        }
    }
    Ok(())
}

/// Returns the folder with the sources of a peer.
fn sources(context: &Context, name: &str) -> PathBuf {
    context.root.join(Path::new("benches/peers")).join(name)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::line;

    /// The benchmark separates the words at blanks, so no word can have one.
    #[test]
    fn command_lines_of_paths() {
        let words = |words: &[&str]| -> Vec<PathBuf> { words.iter().map(PathBuf::from).collect() };
        assert_eq!(
            line(&words(&["/cache/python", "client.py"])).as_deref(),
            Some("/cache/python client.py")
        );
        assert_eq!(line(&words(&["/my cache/python"])), None);
    }
}
