//! The bootstrap of `xds:` targets.

use std::time::Duration;

use trunkline::xds::core::Bootstrap;
use trunkline::xds::{Xds, XdsPool};

use crate::args::BootstrapArgs;
use crate::failure::Failure;
use crate::file::{self, GivenFile};

/// The longest wait for the end of a file that is a pipe, where there is no `--timeout`.
const FILE_LIMIT: Duration = Duration::from_secs(10);

impl BootstrapArgs {
    /// Reads the given file; waits at most for `timeout` for the end of a pipe. Without one, the bootstrap
    /// of the environment is read when an `xds:` target is used.
    pub(crate) fn open(&self, timeout: Option<Duration>) -> Result<Xds, Failure> {
        let xds = Xds::new().with_pool(XdsPool::new());
        let Some(path) = &self.bootstrap else {
            return Ok(xds);
        };
        let unreadable = |error| {
            let text = format!("{} cannot be read: {error}", path.display());
            Failure::unusable("file", text)
        };
        let file = file::open(path, timeout.unwrap_or(FILE_LIMIT)).map_err(unreadable)?;
        let contents = match file {
            GivenFile::Path(path) => std::fs::read(path).map_err(unreadable)?,
            GivenFile::Contents(contents) => contents,
        };
        let invalid = |reason: &dyn std::fmt::Display| {
            let text = format!("{}: {reason}", path.display());
            Failure::unusable("bootstrap", text)
        };
        let json = String::from_utf8(contents).map_err(|error| invalid(&error))?;
        let bootstrap = Bootstrap::parse(&json).map_err(|error| invalid(&error))?;
        Ok(xds.with_bootstrap(bootstrap))
    }
}
