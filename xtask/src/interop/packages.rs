//! Programs of the distribution's packages, unpacked into the user's cache.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::server::logging;
use crate::cache::Moves;
use crate::context::Context;
use crate::failure::Failure;

/// The packages with the programs `unbound` and `dnsmasq`; nothing in them starts by itself.
const PACKAGES: [&str; 2] = ["unbound", "dnsmasq-base"];

/// Where the programs are.
pub(super) enum Packages {
    /// Unpacked in this folder, with the libraries that the system lacks.
    Unpacked(PathBuf),
    /// Where the system has them, if it does.
    System,
}

impl Packages {
    /// Downloads and unpacks them where there is apt-get. Nothing is installed into the system.
    pub(super) fn get(context: &Context) -> Result<Self, Failure> {
        if context.run("apt-get --version").stdout().is_err() {
            return Ok(Self::System);
        }
        let tool = format!("unbound-dnsmasq-{}", release());
        let folder = context
            .cache
            .tool(&tool, Moves::Yes, |folder| unpack(context, folder))?;
        Ok(Self::Unpacked(folder))
    }

    /// A command that runs one of the programs, its log on standard output; or why there is none.
    pub(super) fn command(&self, context: &Context, program: &str) -> Result<Command, String> {
        match self {
            Self::Unpacked(folder) => {
                let mut command = logging(&folder.join("usr/sbin").join(program));
                command.env("LD_LIBRARY_PATH", libraries(folder));
                Ok(command)
            }
            Self::System if context.run(program).args(["--version"]).finish().is_ok() => {
                Ok(logging(Path::new(program)))
            }
            Self::System => Err(format!("neither apt-get nor {program} is on this machine")),
        }
    }

    /// Says what to do when a program did not start.
    pub(super) fn explain(&self, failure: Failure) -> Failure {
        match self {
            // It may need a library that the system had when it was unpacked.
            Self::Unpacked(folder) => failure.remedy(format!(
                "delete {}, so that it is installed anew",
                folder.display()
            )),
            Self::System => failure,
        }
    }
}

/// The release of the distribution, `debian-bookworm`: another one has other libraries.
fn release() -> String {
    let text = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let value = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name));
        value.unwrap_or_default().trim_matches('"').to_owned()
    };
    format!("{}-{}", value("ID="), value("VERSION_CODENAME="))
}

/// Downloads the packages and what the system lacks of their libraries, and unpacks them.
///
/// What apt-get writes, its lists of packages too, goes below `folder`: the system's stay as they
/// are, and no root is needed.
fn unpack(context: &Context, folder: &Path) -> Result<(), Failure> {
    let cannot = |error| Failure::new(format!("cannot use {}: {error}", folder.display()));
    let apt = folder.join("apt");
    for name in ["lists/partial", "archives/partial"] {
        std::fs::create_dir_all(apt.join(name)).map_err(cannot)?;
    }
    let apt_get = |line: &str| {
        let option = |name: &str, folder: &Path| format!("--option={name}={}", folder.display());
        context
            .run("apt-get --option=Debug::NoLocking=true --option=APT::Sandbox::User=root")
            .args([
                option("Dir::Cache", &apt),
                option("Dir::Cache::archives", &apt.join("archives")),
                option("Dir::State::lists", &apt.join("lists")),
            ])
            .args(line.split_whitespace())
    };
    // A source or a hook of the system that fails may not matter: the next step tells.
    let updated = apt_get("--option=Acquire::Languages=none update").finish()?;
    apt_get("install --yes --download-only --reinstall --no-install-recommends")
        .args(PACKAGES)
        .succeed()
        .map_err(|failure| {
            let output = format!("{}\n{}", updated.output, failure.output);
            failure.output(output).remedy(
                "this downloads packages of the distribution: see whether `apt-get update` works",
            )
        })?;
    for entry in std::fs::read_dir(apt.join("archives")).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            context
                .run("dpkg --extract")
                .args([&path, folder])
                .succeed()?;
        }
    }
    std::fs::remove_dir_all(&apt).map_err(cannot)
}

/// The folders in which packages have their libraries, as the loader wants them.
fn libraries(folder: &Path) -> OsString {
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    let mut list = OsString::new();
    for base in ["usr/lib", "lib"] {
        list.push(folder.join(base).join(&triplet));
        list.push(":");
    }
    list.push(std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default());
    list
}
