//! The client as the [`AddressLookup`] of `trunkline-connect`.

use std::io;

use trunkline_connect::AddressQuery;
use trunkline_connect::io::{AddressLookup, Answer};
use trunkline_runtime::Runtime;

use super::client::Client;
use crate::{Families, LookupErrorKind};

impl AddressLookup for Client {
    /// Asks for both families at the same time. Each has an answer of its own, so that a race
    /// begins with the first one that arrives. The source of an error is the
    /// [`LookupError`](crate::LookupError).
    fn lookup(&self, _: &dyn Runtime, host: &str, port: u16) -> Vec<(AddressQuery, Answer)> {
        vec![
            (AddressQuery::Aaaa, self.answer(host, port, Families::Ipv6)),
            (AddressQuery::A, self.answer(host, port, Families::Ipv4)),
        ]
    }
}

impl Client {
    fn answer(&self, host: &str, port: u16, families: Families) -> Answer {
        let lookup = self.lookup_ip(host, families);
        Box::pin(async move {
            match lookup.await {
                Ok(answer) => {
                    let addresses = answer.addresses.iter();
                    Ok(addresses.map(|address| address.with_port(port)).collect())
                }
                // A host that has addresses of the other family only is no error.
                Err(error) if error.kind() == LookupErrorKind::NoData => Ok(Vec::new()),
                Err(error) => Err(io::Error::other(error)),
            }
        })
    }
}
