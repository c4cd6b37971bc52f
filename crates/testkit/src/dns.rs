//! A scripted DNS server on real loopback sockets.

mod reply;
mod script;

mod log;
mod schedule;
mod server;

pub use trunkline_sim::dns::{Data, Query, Rcode, Record, Transport, Type};

pub use self::reply::Reply;
pub use self::script::{Response, Script};
pub use self::server::DnsServer;
