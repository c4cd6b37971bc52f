//! The client as what `trunkline-connect` looks hosts up with.

use std::io;

use trunkline_connect::AddressQuery;
use trunkline_connect::io::{AddressLookup, Answer};
use trunkline_runtime::Runtime;

use super::Client;
use crate::{Families, LookupErrorKind};

impl AddressLookup for Client {
    /// Asks for both families at once, each with an answer of its own: a race begins with the first
    /// that comes. An error's source is the [`LookupError`](crate::LookupError).
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
                // A host with addresses of the other family only is nothing to speak of.
                Err(error) if error.kind() == LookupErrorKind::NoData => Ok(Vec::new()),
                Err(error) => Err(io::Error::other(error)),
            }
        })
    }
}
