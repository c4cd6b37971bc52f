//! The versions of what is compared.

/// The versions of all packages of this workspace.
const LOCK: &str = include_str!("../../Cargo.lock");

/// The modules of the programs with grpc-go.
const GO_MODULES: &str = include_str!("../peers/grpc-go/go.mod");

/// Returns the version of grpc-go; an empty text if its programs do not use it.
#[must_use]
pub fn of_grpc_go() -> &'static str {
    let mut lines = GO_MODULES.lines().map(str::trim);
    let version = lines.find_map(|line| line.strip_prefix("google.golang.org/grpc v"));
    version.unwrap_or_default()
}

/// Returns the version of a package; an empty text for one that is not in this workspace. Of a package
/// with several versions it is the first one.
#[must_use]
pub fn of(package: &str) -> &'static str {
    let line = format!("name = \"{package}\"");
    let mut lines = LOCK.lines().skip_while(|found| *found != line);
    let version = lines
        .nth(1)
        .and_then(|line| line.strip_prefix("version = "));
    version.unwrap_or_default().trim_matches('"')
}
