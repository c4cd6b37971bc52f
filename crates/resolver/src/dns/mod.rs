//! Names that are looked up in the DNS: the schemes `dns` and `srv`.

mod addresses;
mod factory;
mod failure;
mod host;
mod known;
mod nameserver;
mod options;
mod paced;
mod report;
mod service;
mod text;

pub use self::factory::{DnsFactory, SrvFactory};
pub use self::options::{AddressFamilies, DnsOptions};
pub use self::report::{Lookup, LookupReport, SrvPriority, SrvWeight};
