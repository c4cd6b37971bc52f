#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// From the ground up: a group uses the groups above it alone.

// The async runtimes.
#[cfg(feature = "async-std")]
pub use trunkline_runtime::AsyncStd;
#[cfg(feature = "smol")]
pub use trunkline_runtime::Smol;
#[cfg(feature = "tokio")]
pub use trunkline_runtime::Tokio;
pub use trunkline_runtime::{
    BoxFuture, PeerAddr, Received, Runtime, Sleep, Stream, TcpOptions, Timer, UdpOptions,
    UdpSocket, UnixAddr,
};

// Values.
pub use trunkline_backoff::BackoffPolicy;
pub use trunkline_endpoint::{
    Address, AttemptDelay, AttributeKey, Attributes, Endpoint, Family, Location, Weight, interleave,
};
pub use trunkline_status::{Code, Status};

/// gRPC target URIs: the parser, its errors and warnings.
pub mod target {
    pub use trunkline_target::*;
}

/// The service config: its parsed form, which an observer gets, and the trait with which a policy
/// parses its own part.
pub mod service_config {
    pub use trunkline_service_config::*;
}

/// The DNS client: what [`DnsOptions`] configures, and the report of a lookup.
#[cfg(feature = "dns")]
pub mod dns {
    pub use trunkline_dns::*;
}

// Connections.
pub use trunkline_connector::{
    Connected, ConnectionInfo, Connector, DirectConnector, SecurityLevel,
};
pub use trunkline_transport::HttpOptions;

// Load-balancing policies.
pub use trunkline_lb::{ConnectivityState, SubchannelState};

/// Load-balancing policies, and the trait to write one.
pub mod lb {
    pub use trunkline_lb::*;
}

// Name resolvers.
#[cfg(feature = "dns")]
pub use trunkline_resolver::DnsOptions;
pub use trunkline_resolver::{
    ManualResolver, Resolution, ResolveError, ResolveErrorKind, Resolver, ResolverFactory,
    ResolverOptions, ResolverRegistry, ServiceConfigSource, StaticFactory, Verdict,
};

/// Name resolvers, and the trait to write one.
pub mod resolver {
    pub use trunkline_resolver::*;
}

// The channel.
pub use trunkline_channel::{
    AttemptEnded, Body, BuildError, BuildErrorKind, CallAttributes, CallEnded, CallStarted,
    Channel, ChannelBuilder, ChannelEvent, ConnectFailure, ConnectFailureKind, ConnectPhase,
    ConnectionLost, ConnectionLostReason, Observer, ResponseFuture, WaitForReady,
};
