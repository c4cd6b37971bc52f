//! The shell: sockets, names and clocks, by way of a [`Runtime`](trunkline_runtime::Runtime).

mod connect;
mod driver;
mod finish;
mod lookup;
mod options;
mod probe;

pub use self::connect::{Winner, connect, connect_host, connect_host_with, connect_with};
pub use self::lookup::{AddressLookup, Answer, SystemLookup};
pub use self::options::{AddressOrder, ConnectOptions};
