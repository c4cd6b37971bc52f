//! Programs of the distribution's packages, unpacked into the user's cache.

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
    /// Where the system has them, if it does; and why they were not unpacked.
    System(String),
}

impl Packages {
    /// Downloads and unpacks them where apt-get can. Nothing is installed into the system.
    pub(super) fn get(context: &Context) -> Self {
        if context.run("apt-get --version").stdout().is_err() {
            return Self::System("no apt-get".to_owned());
        }
        let tool = format!("unbound-dnsmasq-{}", release());
        let unpacked = context
            .cache
            .tool(&tool, Moves::Yes, |folder| unpack(context, folder));
        match unpacked {
            Ok(folder) => Self::Unpacked(folder),
            Err(failure) => Self::System(format!("no package: {}", reason(&failure))),
        }
    }

    /// A command that runs one of the programs, its log on standard output; or why there is none.
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

    /// Says what to do when a program did not start.
    pub(super) fn explain(&self, failure: Failure) -> Failure {
        match self {
            // It may need a library that the system had when it was unpacked.
            Self::Unpacked(folder) => failure.remedy(format!(
                "delete {}, so that it is installed anew",
                folder.display()
            )),
            Self::System(_) => failure,
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

/// Why the packages could not be had, in one line: what apt-get complained of first, where it did.
fn reason(failure: &Failure) -> &str {
    let mut lines = failure.output.lines();
    let complaint = lines.find(|line| line.starts_with("E: ") || line.starts_with("W: Failed"));
    complaint.unwrap_or(&failure.what)
}

/// Downloads the packages and what the system lacks of their libraries, and unpacks them.
fn unpack(context: &Context, folder: &Path) -> Result<(), Failure> {
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
    // A source that cannot be reached may not matter: the next step tells.
    let updated = apt_get("update").finish()?;
    apt_get("install --yes --download-only --reinstall --no-install-recommends")
        .args(PACKAGES)
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

/// What apt-get reads after the system's configuration: all that it writes, its lists of packages
/// too, goes below `folder`, no root is needed, and no hook of the system runs.
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

/// The folders in which packages have their libraries, as the loader wants them.
fn libraries(folder: &Path) -> String {
    let folder = folder.display();
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    format!("{folder}/usr/lib/{triplet}:{folder}/lib/{triplet}")
}
