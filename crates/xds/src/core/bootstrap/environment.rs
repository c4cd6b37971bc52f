//! The bootstrap of the environment.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{
    BootstrapError, BootstrapErrorKind, BootstrapSource, CONFIG_VARIABLE, FILE_VARIABLE,
};
use super::value::Bootstrap;

impl Bootstrap {
    /// Finds and parses the bootstrap of an environment, of which `variable` returns the values and
    /// `read` the files: the file that `GRPC_XDS_BOOTSTRAP` names, or else the JSON in
    /// `GRPC_XDS_BOOTSTRAP_CONFIG`.
    ///
    /// An empty variable counts as one that is not set. The file counts even if it cannot be read.
    ///
    /// # Errors
    ///
    /// When neither is set, when the file cannot be read, and those of [`parse`](Self::parse).
    ///
    /// Source: [gRFC A27](https://github.com/grpc/proposal/blob/master/A27-xds-global-load-balancing.md).
    pub fn find(
        variable: impl Fn(&str) -> Option<String>,
        read: impl Fn(&Path) -> io::Result<String>,
    ) -> Result<Self, BootstrapError> {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        if let Some(file) = set(FILE_VARIABLE) {
            let file = PathBuf::from(file);
            let unreadable = |error| {
                let kind = BootstrapErrorKind::Unreadable(Arc::new(error));
                BootstrapError::new(BootstrapSource::Program, kind)
            };
            return read(&file)
                .map_err(unreadable)
                .and_then(|json| Self::parse(&json))
                .map_err(|error| error.of(BootstrapSource::File(file)));
        }
        let json = set(CONFIG_VARIABLE).ok_or_else(|| {
            BootstrapError::new(BootstrapSource::Program, BootstrapErrorKind::NotSet)
        })?;
        Self::parse(&json).map_err(|error| error.of(BootstrapSource::Variable))
    }
}
