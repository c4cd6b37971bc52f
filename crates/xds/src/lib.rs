#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// From the ground up: a module uses only those above it.
pub mod core;
pub mod policies;

#[cfg(feature = "io")]
mod io;

#[cfg(feature = "io")]
pub use crate::io::{
    CertificateEvent, CertificateFiles, CertificateFilesDump, CertificateProviderDump, ClientDump,
    Xds, XdsObserver, XdsPool,
};

/// The messages of xDS, among them those of [`XdsPool::client_status`].
#[cfg(feature = "csds")]
pub use trunkline_xds_proto as proto;

#[cfg(feature = "telemetry")]
pub use crate::io::XdsMetrics;
