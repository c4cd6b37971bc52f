//! Tests of whole channels over simulated control planes and backends, in virtual time, named after
//! the clauses of the specification.

mod aggregates;
mod balancing;
mod bootstrap;
mod changes;
mod churn;
mod connections;
#[cfg(feature = "tls")]
mod credentials;
#[cfg(feature = "csds")]
mod csds;
mod end_to_end;
mod errors;
mod fallback;
mod faults;
mod hashes;
mod host_names;
mod links;
mod loads;
mod mesh;
#[cfg(feature = "telemetry")]
mod metrics;
mod observers;
mod policies;
mod proxies;
mod route_settings;
mod servers;
#[cfg(feature = "tls")]
mod tls;
mod waits;
