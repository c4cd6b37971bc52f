//! Resources of a control plane, validated: listeners, route configurations, clusters, endpoints.
//!
//! A value of these types can be used as it is: what the specification of xDS refuses was refused
//! when the resource was decoded.

// From the ground up: a module uses only those above it.

// What the validators share.
mod fault;

mod fraction;
mod matcher;
mod rewrite;

mod patterns;

// The parts of resources.
mod call_match;
mod domain;
mod http_filter;
mod locality;
mod security;

// The resources.
mod cluster;
mod endpoints;
mod listener;
mod route;

mod resource;

// From bytes to all of them.
mod decode;

pub(crate) use self::call_match::text as header_text;
pub use self::call_match::{HeaderCondition, HeaderMatcher, PathMatcher};
pub use self::cluster::{Cluster, ClusterKind, LoadReporting};
pub use self::decode::{DecodeContext, decode, resource_name};
pub use self::domain::Domain;
pub use self::endpoints::{ClusterEndpoints, DropCategory, LocalityEndpoints};
pub use self::fault::{Fault, Faults};
pub(crate) use self::fault::{Place, cut};
pub use self::fraction::Fraction;
pub use self::http_filter::{
    FaultAbort, FaultConfig, FaultDelay, FaultShare, FilterConfig, FilterOverride, FilterOverrides,
    HttpFilter,
};
pub use self::listener::{ApiListener, Listener, RouteSource};
pub use self::locality::LocalityName;
pub use self::matcher::{Pattern, StringMatcher};
pub use self::resource::Resource;
pub use self::rewrite::Rewrite;
pub use self::route::{
    ForwardAction, HashPolicy, HashSource, Route, RouteAction, RouteConfiguration, SkippedRoute,
    VirtualHost, WeightedCluster,
};
pub use self::security::UpstreamTls;
