//! The lookup of host names.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;

use trunkline_runtime::{BoxFuture, Runtime};

use crate::AddressQuery;

/// The future answer to an [`AddressQuery`]: addresses, with the port. An empty list is an answer
/// too.
pub type Answer = BoxFuture<io::Result<Vec<SocketAddr>>>;

/// Looks host names up.
///
/// Return one answer for each family, so that the first one to arrive can be used while the other
/// is late or lost. Where the families cannot be asked separately, return one for
/// [`AddressQuery::All`]. Return at most one answer for each query.
///
/// # Examples
///
/// ```
/// use std::io;
/// use std::net::SocketAddr;
/// use trunkline_connect::AddressQuery;
/// use trunkline_connect::io::{AddressLookup, Answer};
/// use trunkline_connect::runtime::Runtime;
///
/// /// Knows the addresses of one host.
/// #[derive(Debug)]
/// struct OneHost {
///     name: &'static str,
///     addresses: Vec<SocketAddr>,
/// }
///
/// impl AddressLookup for OneHost {
///     fn lookup(&self, _: &dyn Runtime, host: &str, port: u16) -> Vec<(AddressQuery, Answer)> {
///         let found = if host == self.name {
///             let at = |address: &SocketAddr| SocketAddr::new(address.ip(), port);
///             Ok(self.addresses.iter().map(at).collect())
///         } else {
///             Err(io::Error::new(io::ErrorKind::NotFound, format!("{host} is not {}", self.name)))
///         };
///         vec![(AddressQuery::All, Box::pin(async move { found }))]
///     }
/// }
/// ```
pub trait AddressLookup: Debug + Send + Sync {
    /// Starts to look up the addresses of `host`, which is not an IP address.
    fn lookup(&self, runtime: &dyn Runtime, host: &str, port: u16) -> Vec<(AddressQuery, Answer)>;

    /// True when the answers are sorted by RFC 6724. If false, the default, they are sorted as they
    /// arrive.
    fn is_sorted(&self) -> bool {
        false
    }
}

/// The system's own resolver (`getaddrinfo`), which sorts the addresses itself.
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
