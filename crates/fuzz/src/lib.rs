#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// From the ground up: a module uses only those above it.

mod input;

mod target;

mod map;

mod diff;

mod race;

mod certificate;

mod proxy;

mod service_config;

mod load_report;

mod policies;

mod dns;
mod dns_connection;
mod dns_core;
mod dns_udp;

mod trace_context;

mod xds_resources;
mod xds_routes;

mod xds_ads;

#[cfg(fuzzing)]
#[doc(hidden)]
pub use libfuzzer_sys;

pub use crate::certificate::certificate;
pub use crate::diff::endpoint_diff;
pub use crate::dns::{dns_hosts, dns_packet, dns_resolv_conf};
pub use crate::dns_connection::dns_connection;
pub use crate::dns_core::dns_core;
pub use crate::dns_udp::dns_udp;
pub use crate::load_report::load_report;
pub use crate::map::{address_map, endpoint_map};
pub use crate::policies::policies;
pub use crate::proxy::{proxy_answer, proxy_texts};
pub use crate::race::race;
pub use crate::service_config::service_config;
pub use crate::target::{target_authority, target_parse};
pub use crate::trace_context::trace_context;
pub use crate::xds_ads::xds_ads;
pub use crate::xds_resources::{xds_cluster, xds_endpoints, xds_identity};
pub use crate::xds_routes::{xds_listener, xds_routes};

/// A property: takes any input, and panics if it does not hold.
pub type Property = fn(&[u8]);

/// All properties, by the name of their fuzz target and of their folder in `corpus`.
pub const PROPERTIES: &[(&str, Property)] = &[
    ("target_parse", target_parse),
    ("target_authority", target_authority),
    ("endpoint_map", endpoint_map),
    ("address_map", address_map),
    ("endpoint_diff", endpoint_diff),
    ("dns_packet", dns_packet),
    ("dns_resolv_conf", dns_resolv_conf),
    ("dns_hosts", dns_hosts),
    ("dns_core", dns_core),
    ("dns_connection", dns_connection),
    ("dns_udp", dns_udp),
    ("race", race),
    ("certificate", certificate),
    ("proxy_answer", proxy_answer),
    ("proxy_texts", proxy_texts),
    ("service_config", service_config),
    ("load_report", load_report),
    ("policies", policies),
    ("trace_context", trace_context),
    ("xds_ads", xds_ads),
    ("xds_endpoints", xds_endpoints),
    ("xds_cluster", xds_cluster),
    ("xds_identity", xds_identity),
    ("xds_listener", xds_listener),
    ("xds_routes", xds_routes),
];

/// Defines the fuzz target of a property: a target for libFuzzer with `--cfg fuzzing`, else a
/// program that replays the files named on its command line.
#[macro_export]
macro_rules! fuzz {
    ($property:path) => {
        #[cfg(fuzzing)]
        $crate::libfuzzer_sys::fuzz_target!(|data: &[u8]| $property(data));

        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            $crate::replay_arguments($property)
        }
    };
}

/// Replays the files named on the command line.
///
/// # Errors
///
/// When a file cannot be read.
pub fn replay_arguments(property: Property) -> std::io::Result<()> {
    for path in std::env::args_os().skip(1) {
        property(&std::fs::read(&path)?);
        println!("{}: holds", path.display());
    }
    Ok(())
}
