//! Programs in Go beside which something is measured.

use std::path::Path;
use std::process::Command;

/// Builds the module in `folder`, as `program`; returns why it cannot where there is no Go.
///
/// # Errors
///
/// What the compiler prints, or why it does not start.
pub fn build(folder: &Path, program: &Path) -> Result<(), String> {
    let built = Command::new("go")
        .args(["build", "-mod=readonly", "-buildvcs=false", "-o"])
        .args([program])
        .arg(".")
        .current_dir(folder)
        .env("CGO_ENABLED", "0")
        .output()
        .map_err(|error| format!("go: {error}"))?;
    if built.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&built.stderr).into_owned())
}
