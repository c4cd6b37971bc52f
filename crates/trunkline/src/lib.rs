#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub use trunkline_backoff::BackoffPolicy;
pub use trunkline_channel::{
    Body, BuildError, BuildErrorKind, Channel, ChannelBuilder, ChannelEvent, Observer,
    ResponseFuture, WaitForReady,
};
pub use trunkline_endpoint::{
    Address, AttemptDelay, AttributeKey, Attributes, Endpoint, Family, Location, Weight, interleave,
};
pub use trunkline_lb::{ConnectivityState, SubchannelState};
#[cfg(feature = "dns")]
pub use trunkline_resolver::DnsOptions;
pub use trunkline_resolver::{
    ManualResolver, Resolution, ResolveError, ResolveErrorKind, Resolver, ResolverFactory,
    ResolverOptions, ResolverRegistry, ServiceConfigSource, StaticFactory, Verdict,
};
#[cfg(feature = "async-std")]
pub use trunkline_runtime::AsyncStd;
#[cfg(feature = "smol")]
pub use trunkline_runtime::Smol;
#[cfg(feature = "tokio")]
pub use trunkline_runtime::Tokio;
pub use trunkline_runtime::{BoxFuture, PeerAddr, Runtime, Stream, TcpOptions, UnixAddr};
pub use trunkline_status::{Code, Status};
pub use trunkline_transport::{Connector, HttpOptions};

/// The DNS client: what [`DnsOptions`] configure, and what the report of a lookup is made of.
#[cfg(feature = "dns")]
pub mod dns {
    pub use trunkline_dns::*;
}

/// Load-balancing policies, and the trait to write one.
pub mod lb {
    pub use trunkline_lb::*;
}

/// Name resolvers, and the trait to write one.
pub mod resolver {
    pub use trunkline_resolver::*;
}

/// The service config: what an observer is told of, and what a policy reads its own part with.
pub mod service_config {
    pub use trunkline_service_config::*;
}

/// gRPC target URIs.
pub mod target {
    pub use trunkline_target::*;
}
