//! The program of the other sides: control plane, backend, and grpc-go's client.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds it; returns why it cannot where there is no Go.
pub(crate) fn build() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../xtask/interop/xds");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("xds-sides");
    let built = Command::new("go")
        .args(["build", "-mod=readonly", "-buildvcs=false", "-o"])
        .args([&program])
        .arg(".")
        .current_dir(&folder)
        .env("CGO_ENABLED", "0")
        .output()
        .map_err(|error| format!("go: {error}"))?;
    if built.status.success() {
        return Ok(program);
    }
    Err(String::from_utf8_lossy(&built.stderr).into_owned())
}
