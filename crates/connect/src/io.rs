//! The I/O shell: connects over a [`Runtime`](trunkline_runtime::Runtime), which has the sockets,
//! the names and the clock.

mod connect;
mod driver;
mod finish;
mod lookup;
mod options;
mod probe;

pub use self::connect::{Winner, connect, connect_host, connect_host_with, connect_with};
pub use self::lookup::{AddressLookup, Answer, SystemLookup};
pub use self::options::{AddressOrder, ConnectOptions};
