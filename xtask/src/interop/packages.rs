//! Programs from packages of the distribution, unpacked into the user's cache.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::server::logging;
use crate::cache::Moves;
use crate::context::Context;
use crate::failure::Failure;

/// The packages with the programs `unbound` and `dnsmasq`. They start no service.
const PACKAGES: [&str; 2] = ["unbound", "dnsmasq-base"];

/// Where the programs come from.
pub(super) enum Packages {
    /// Unpacked in this folder, with the libraries that the system lacks.
    Unpacked(PathBuf),
    /// Installed in the system, if at all. The text is why they were not unpacked.
    System(String),
}

impl Packages {
    /// Downloads and unpacks the packages if there is apt-get. Does not install them into the
    /// system.
    pub(super) fn get(context: &Context) -> Self {
        if context.run("apt-get --version").stdout().is_err() {
            return Self::System("no apt-get".to_owned());
        }
        let tool = format!("unbound-dnsmasq-{}", release());
        let unpacked = context.cache.tool(&tool, Moves::Yes, |folder| {
            unpack(context, folder, &PACKAGES)
        });
        match unpacked {
            Ok(folder) => Self::Unpacked(folder),
            Err(failure) => Self::System(format!("no package: {}", reason(&failure))),
        }
    }

    /// Returns a command that runs one of the programs, with its log on standard output; or why
    /// there is none.
    pub(super) fn command(&self, context: &Context, program: &str) -> Result<Command, String> {
        match self {
            Self::Unpacked(folder) => {
                let mut command = logging(&folder.join("usr/sbin").join(program));
                command.env("LD_LIBRARY_PATH", libraries(folder));
                Ok(command)
            }
            Self::System(_) if context.run(program).args(["--version"]).finish().is_ok() => {
                Ok(logging(Path::new(program)))
            }
            Self::System(why) => Err(format!("not on this machine, and {why}")),
        }
    }

    /// Adds a remedy to the failure of a program that did not start.
    pub(super) fn explain(&self, failure: Failure) -> Failure {
        match self {
            // It may lack a library that the system had when the package was unpacked.
            Self::Unpacked(folder) => failure.remedy(format!(
                "delete {}, so that it is installed again",
                folder.display()
            )),
            Self::System(_) => failure,
        }
    }
}

/// Returns the release of the distribution, such as `debian-bookworm`. Another release has other
/// libraries.
pub(crate) fn release() -> String {
    let text = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let value = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name));
        value.unwrap_or_default().trim_matches('"').to_owned()
    };
    format!("{}-{}", value("ID="), value("VERSION_CODENAME="))
}

/// Returns in one line why the packages are not available: the first error of apt-get, if there is
/// one.
fn reason(failure: &Failure) -> &str {
    let mut lines = failure.output.lines();
    let complaint = lines.find(|line| line.starts_with("E: ") || line.starts_with("W: Failed"));
    complaint.unwrap_or(&failure.what)
}

/// Downloads and unpacks packages, with those that they depend on and the system lacks.
pub(crate) fn unpack(context: &Context, folder: &Path, packages: &[&str]) -> Result<(), Failure> {
    let cannot = |error| Failure::new(format!("cannot use {}: {error}", folder.display()));
    let apt = folder.join("apt");
    for name in ["lists/partial", "archives/partial"] {
        std::fs::create_dir_all(apt.join(name)).map_err(cannot)?;
    }
    let config = apt.join("apt.conf");
    std::fs::write(&config, configuration(&apt)).map_err(cannot)?;
    let apt_get = |line: &str| {
        let run = context.run("apt-get --config-file").args([&config]);
        run.args(line.split_whitespace())
    };
    // An unreachable source may not matter: the download shows whether it does.
    let updated = apt_get("update").finish()?;
    apt_get("install --yes --download-only --reinstall --no-install-recommends")
        .args(packages)
        .succeed()
        .map_err(|failure| {
            let output = format!("{}\n{}", updated.output, failure.output);
            failure.output(output)
        })?;
    for entry in std::fs::read_dir(apt.join("archives")).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            let run = context.run("dpkg --extract").args([&path, folder]);
            run.succeed()?;
        }
    }
    std::fs::remove_dir_all(&apt).map_err(cannot)
}

/// Returns the configuration that apt-get reads after the system's: it writes all files, its
/// package lists too, below `folder`, needs no root, and runs no hook of the system.
fn configuration(folder: &Path) -> String {
    format!(
        "Dir::Cache \"{folder}\";
Dir::Cache::archives \"{folder}/archives\";
Dir::State::lists \"{folder}/lists\";
Debug::NoLocking \"true\";
APT::Sandbox::User \"root\";
Acquire::Languages \"none\";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
",
        folder = folder.display()
    )
}

/// Returns the library folders of the unpacked packages, in the form of `LD_LIBRARY_PATH`.
fn libraries(folder: &Path) -> String {
    let folder = folder.display();
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    format!("{folder}/usr/lib/{triplet}:{folder}/lib/{triplet}")
}
