//! Where names are looked up.

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
    /// Refuses files that cannot be read: a client would quietly go on without them. Nothing is read
    /// here: of a pipe it could not be read again.
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
            // Whoever writes into a pipe loses the reader that opens it and goes.
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

    /// A DNS client, whose lookups end within `timeout`.
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
