//! The shell: clients of control planes, and the resolver of `xds:` targets.

// From the ground up: a module uses only those above it.

// What a program is notified of.
mod certificate_event;

mod observer;

// Certificates.
mod provider_dump;

#[cfg(feature = "tls")]
mod certificates;

#[cfg(feature = "tls")]
mod server_certificates;

// One stream to one server.
mod requests;
mod stream;

// The channel below it.
mod server_error;

mod link;

// What watches and what is watched.
mod inbox;

#[cfg(feature = "telemetry")]
mod metrics;

mod client;
mod client_task;

mod pool;

#[cfg(feature = "csds")]
mod client_status;

// Load reports.
mod server_loads;

mod load_task;

mod loads;

// The connections to backends.
#[cfg(feature = "tls")]
mod endpoint_names;

#[cfg(feature = "tls")]
mod cluster_security;
#[cfg(feature = "tls")]
mod secure_connector;

mod connection_layer;

// What a program sets.
mod options;

mod channel_parts;

// The resolution of one target.
mod host_names;
mod releases;
mod selection;

mod awaited_text;

mod session;

mod resolver;

mod factory;

mod extension;

pub use self::certificate_event::{CertificateEvent, CertificateFiles};
#[cfg(feature = "telemetry")]
pub use self::metrics::XdsMetrics;
pub use self::observer::XdsObserver;
pub use self::options::Xds;
pub use self::pool::{ClientDump, XdsPool};
pub use self::provider_dump::{CertificateFilesDump, CertificateProviderDump};
