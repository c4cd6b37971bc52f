//! Names that are looked up in the DNS: the schemes `dns` and `srv`.

// From the ground up: a module uses only those in the groups above it.

// Values: options, attributes, errors, the addresses of one host.
mod attributes;
mod failure;
mod options;

mod known;

// Single lookups: of the server to ask, of one host, of a TXT record; and when a part of an answer
// is delivered before the rest.
mod early_delivery;
mod host_lookup;
mod nameserver;
mod txt_config;

// The resolver that repeats a lookup, and reports each run.
mod meter;
mod paced;

// The lookups of the two schemes.
mod dns_scheme;
mod srv_scheme;

mod factory;
mod late;

pub use self::attributes::LookupReport;
pub use self::factory::{DnsFactory, SrvFactory};
pub(crate) use self::late::LateFactories;
pub use self::options::{AddressFamilies, DnsOptions};
