//! The DNS options and the DNS client that the command line asks for.

use std::sync::Arc;
use std::time::Duration;

use trunkline::{DnsOptions, Runtime};
use trunkline_dns::io::Client;
use trunkline_dns::{ClientConfig, Hosts, ResolvConf};

use crate::args::DnsArgs;
use crate::failure::Failure;
use crate::file::{self, GivenFile};

/// The longest wait for the end of a file that is a pipe, where there is no `--timeout`.
const FILE_LIMIT: Duration = Duration::from_secs(10);

/// The given files that replace the system's.
#[derive(Debug)]
pub(crate) struct DnsFiles {
    resolv_conf: Option<GivenFile>,
    hosts: Option<GivenFile>,
}

impl DnsArgs {
    /// Opens the given files; waits at most for `timeout` for the end of a pipe.
    ///
    /// The DNS client ignores files that it cannot read, so the error must be reported here.
    pub(crate) fn open(&self, timeout: Option<Duration>) -> Result<DnsFiles, Failure> {
        let limit = timeout.unwrap_or(FILE_LIMIT);
        let open = |path| {
            file::open(path, limit).map_err(|error| {
                let text = format!("{} cannot be read: {error}", path.display());
                Failure::unusable("file", text)
            })
        };
        Ok(DnsFiles {
            resolv_conf: self.resolv_conf.as_deref().map(open).transpose()?,
            hosts: self.hosts.as_deref().map(open).transpose()?,
        })
    }
}

impl DnsFiles {
    pub(crate) fn options(&self) -> DnsOptions {
        DnsOptions::default().with_client(self.config())
    }

    /// Makes a DNS client whose lookups end within `timeout`.
    pub(crate) fn client(&self, runtime: Arc<dyn Runtime>, timeout: Duration) -> Client {
        Client::new(runtime, self.config().deadline(timeout))
    }

    fn config(&self) -> ClientConfig {
        let config = ClientConfig::system();
        let config = match &self.resolv_conf {
            None => config,
            Some(GivenFile::Path(path)) => config.resolv_conf_file(path),
            Some(GivenFile::Contents(text)) => config.resolv_conf(ResolvConf::parse(text)),
        };
        match &self.hosts {
            None => config,
            Some(GivenFile::Path(path)) => config.hosts_file(path),
            Some(GivenFile::Contents(text)) => config.hosts(Hosts::parse(text)),
        }
    }
}
