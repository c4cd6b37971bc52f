//! The cores: from the bytes of a control plane to routes and endpoints, without I/O, clock, task or
//! lock.

// From the ground up: a module uses only those above it.

// Values.
mod call_attributes;
mod cluster_hold;
mod hostname;
mod http_proxy;
mod resource_error;
mod resource_type;
mod wire;

// Names, and the servers that have what they name.
mod names;
mod server;

// What a control plane sends, validated.
pub mod resources;

// Which server a certificate is for.
pub mod san;
pub mod spiffe;

mod file_watcher;

// Which servers have them.
mod bootstrap;

// Asking for them.
mod restarts;

pub mod ads;
mod decoder;

// All of it together: what a channel routes by.
mod config;
pub(crate) mod same;

// The choice of each call.
mod selector;

// Which resources a target needs.
pub mod dependencies;

// The counts of the calls, and their reports.
mod load_totals;

pub mod load_reports;

pub use self::bootstrap::{
    Authority, Bootstrap, BootstrapError, BootstrapErrorKind, BootstrapSource, CONFIG_VARIABLE,
    CertificateProvider, FILE_VARIABLE, Node, NodeLocality, TargetError, TargetErrorKind,
    WatchedFiles, data_plane_authority,
};
pub use self::call_attributes::AutoHostRewrite;
pub use self::cluster_hold::{ClusterHold, ClusterOfCall, ClusterReleased};
pub use self::config::{ClusterEntry, LeafEndpoints, ResolvedCluster, XdsConfig, XdsConfigKey};
pub use self::decoder::Decoder;
pub use self::file_watcher::{FileWatcher, FileWatcherEvent};
pub use self::hostname::Hostname;
pub use self::http_proxy::HttpProxy;
pub use self::load_totals::{ClusterTotals, LocalityTotals, MetricTotal};
pub use self::names::{AuthorityName, NameError, NameErrorKind, ResourceName};
pub use self::resource_error::{ResourceError, ResourceErrorKind};
pub use self::resource_type::ResourceType;
pub use self::selector::{
    ActiveFaults, ClusterShare, Explanation, RouteExplanation, RouteSelector, RouteVerdict,
    SelectorOptions, explain,
};
pub use self::server::{
    DEFAULT_REFRESH_INTERVAL, IdentityFiles, ServerCallCredentials, ServerConfig,
    ServerCredentials, ServerFeatures, TlsFiles,
};
