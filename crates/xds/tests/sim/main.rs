//! Tests of whole channels over simulated control planes and backends, in virtual time, named after
//! the clauses of the specification.

mod aggregates;
mod balancing;
mod bootstrap;
mod changes;
mod churn;
mod cluster_graphs;
mod connections;
#[cfg(feature = "tls")]
mod credentials;
#[cfg(feature = "csds")]
mod csds;
mod deletions;
mod end_to_end;
mod equal_servers;
mod errors;
mod extensions;
mod fallback;
mod faults;
mod federation;
mod hashes;
mod host_names;
mod late_channels;
mod lessons;
mod limits;
mod links;
mod load_contents;
mod loads;
mod localities;
mod mesh;
#[cfg(feature = "telemetry")]
mod metrics;
mod mixed_clusters;
mod observers;
mod policies;
mod proxies;
mod refusals;
mod rings;
mod route_retries;
mod route_settings;
mod routing;
mod server_order;
mod servers;
mod settings;
mod shared_connections;
#[cfg(feature = "tls")]
mod tls;
mod waits;
