//! The versions of what is compared.

/// The versions of all packages of this workspace.
const LOCK: &str = include_str!("../../Cargo.lock");

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
