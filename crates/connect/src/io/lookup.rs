//! Names to addresses.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;

use trunkline_runtime::{BoxFuture, Runtime};

use crate::AddressQuery;

/// The answer to a [`AddressQuery`], when it comes: addresses, with the port. None at all is an answer too.
pub type Answer = BoxFuture<io::Result<Vec<SocketAddr>>>;

/// Looks host names up.
///
/// Give one answer for each family, so that the first that arrives can be used while the other one
/// is late or lost; or one for [`AddressQuery::All`], where that is not to be had. At most one for each query.
pub trait AddressLookup: Debug + Send + Sync {
    /// Asks for the addresses of `host`, which is not an IP address.
    fn lookup(&self, runtime: &dyn Runtime, host: &str, port: u16) -> Vec<(AddressQuery, Answer)>;

    /// Whether the answers are sorted as RFC 6724 says; if not, the connector does it.
    fn is_sorted(&self) -> bool {
        false
    }
}

/// The system's own resolver (`getaddrinfo`), which sorts what it finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SystemLookup;

impl AddressLookup for SystemLookup {
    fn lookup(&self, runtime: &dyn Runtime, host: &str, port: u16) -> Vec<(AddressQuery, Answer)> {
        vec![(AddressQuery::All, runtime.lookup_host(host, port))]
    }

    fn is_sorted(&self) -> bool {
        true
    }
}
