//! Where names are looked up.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use trunkline::{DnsOptions, Runtime};
use trunkline_connect::Query;
use trunkline_connect::io::{Answer, Lookup};
use trunkline_dns::io::Client;
use trunkline_dns::{ClientConfig, Families, LookupErrorKind};

use crate::args::DnsArgs;
use crate::failure::Failure;

impl DnsArgs {
    /// Refuses files that cannot be read: a client would quietly go on without them.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        for path in [&self.resolv_conf, &self.hosts].into_iter().flatten() {
            std::fs::read(path).map_err(|error| {
                Failure::unusable(
                    "file",
                    format!("{} cannot be read: {error}", path.display()),
                )
            })?;
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

    fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::system();
        if let Some(path) = &self.resolv_conf {
            config = config.resolv_conf_file(path);
        }
        if let Some(path) = &self.hosts {
            config = config.hosts_file(path);
        }
        config
    }
}

/// Looks hosts up with the DNS client, one family beside the other.
#[derive(Debug)]
pub(crate) struct DnsLookup {
    client: Client,
}

impl DnsLookup {
    pub(crate) fn new(args: &DnsArgs, runtime: Arc<dyn Runtime>, timeout: Duration) -> Self {
        Self {
            client: Client::new(runtime, args.client_config().deadline(timeout)),
        }
    }

    fn ask(&self, host: &str, port: u16, families: Families) -> Answer {
        let lookup = self.client.lookup_ip(host, families);
        Box::pin(async move {
            match lookup.await {
                Ok(answer) => {
                    let addresses = answer.addresses.iter();
                    Ok(addresses.map(|address| address.with_port(port)).collect())
                }
                // A host with addresses of the other family only is nothing to speak of.
                Err(error) if error.kind() == LookupErrorKind::NoData => Ok(Vec::new()),
                Err(error) => Err(io::Error::other(error)),
            }
        })
    }
}

impl Lookup for DnsLookup {
    fn lookup(&self, _: &dyn Runtime, host: &str, port: u16) -> Vec<(Query, Answer)> {
        vec![
            (Query::Aaaa, self.ask(host, port, Families::Ipv6)),
            (Query::A, self.ask(host, port, Families::Ipv4)),
        ]
    }
}
