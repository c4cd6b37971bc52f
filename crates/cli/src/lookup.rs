//! The DNS options and the DNS client that the command line asks for.

use std::fs::{self, File};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use trunkline::{DnsOptions, Runtime};
use trunkline_dns::ClientConfig;
use trunkline_dns::io::Client;

use crate::args::DnsArgs;
use crate::failure::Failure;

impl DnsArgs {
    /// Checks that the given files can be read.
    ///
    /// The DNS client ignores files that it cannot read, so the error must be reported here. The
    /// contents are not read: the contents of a pipe can be read only once.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        for path in [&self.resolv_conf, &self.hosts].into_iter().flatten() {
            let failure = |error| {
                let text = format!("{} cannot be read: {error}", path.display());
                Failure::unusable("file", text)
            };
            let metadata = fs::metadata(path).map_err(failure)?;
            if metadata.is_dir() {
                return Err(failure(io::ErrorKind::IsADirectory.into()));
            }
            // A pipe is not opened: closing it again would break it for its writer.
            if metadata.is_file() {
                File::open(path).map_err(failure)?;
            }
        }
        Ok(())
    }

    pub(crate) fn options(&self) -> DnsOptions {
        let mut options = DnsOptions::default();
        if let Some(path) = &self.resolv_conf {
            options = options.resolv_conf_file(path);
        }
        if let Some(path) = &self.hosts {
            options = options.hosts_file(path);
        }
        options
    }

    /// Makes a DNS client whose lookups end within `timeout`.
    pub(crate) fn client(&self, runtime: Arc<dyn Runtime>, timeout: Duration) -> Client {
        let mut config = ClientConfig::system().deadline(timeout);
        if let Some(path) = &self.resolv_conf {
            config = config.resolv_conf_file(path);
        }
        if let Some(path) = &self.hosts {
            config = config.hosts_file(path);
        }
        Client::new(runtime, config)
    }
}
