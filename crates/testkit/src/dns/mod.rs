//! A scripted DNS server on real loopback sockets.

mod log;
mod query;
mod record;
mod reply;
mod schedule;
mod script;
mod server;
mod wire;

pub use self::query::{Query, Transport};
pub use self::record::{Data, Record, Type};
pub use self::reply::{Rcode, Reply};
pub use self::script::{Response, Script};
pub use self::server::DnsServer;
