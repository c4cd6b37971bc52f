//! The program of the other sides: control plane, backend, and grpc-go's client.

use std::path::{Path, PathBuf};

use trunkline_benches::go;

/// Builds it; returns why it cannot where there is no Go.
pub(crate) fn build() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../xtask/interop/xds");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("xds-sides");
    go::build(&folder, &program)?;
    Ok(program)
}
