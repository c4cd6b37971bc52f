//! Where streams come from.

use std::fmt::Debug;
use std::io;

use trunkline_endpoint::Address;
use trunkline_runtime::{BoxFuture, Stream};

/// Connects to one address: the place for a proxy, a tunnel, an in-process pipe.
///
/// Dropping the future gives the attempt up. The caller bounds the time.
pub trait Connector: Debug + Send + Sync {
    /// Makes a stream to `address`, ready for HTTP/2.
    ///
    /// The error is quoted to people beside the address, so it need not name it.
    fn connect(&self, address: &Address) -> BoxFuture<io::Result<Box<dyn Stream>>>;
}
