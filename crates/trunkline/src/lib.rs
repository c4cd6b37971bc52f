#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// From the ground up: a group uses only the groups above it. Each crate is a module here with
// everything that it has; what a user of the channel needs most is at the root too.

// Crates whose types are in signatures here, in the versions that Trunkline uses.
pub use {bytes, futures_core, futures_io, http, http_body, serde_json, tower_service};

// The async runtimes.
#[cfg(feature = "smol")]
pub use trunkline_runtime::Smol;
#[cfg(feature = "tokio")]
pub use trunkline_runtime::Tokio;
#[cfg(feature = "async-std")]
pub use trunkline_runtime::{AsyncStd, block_on};
pub use trunkline_runtime::{
    BoxFuture, IntoRuntime, PeerAddr, Received, Runtime, Sleep, Stream, TcpOptions, Timer,
    UdpOptions, UdpSocket, UnixAddr, default_runtime,
};

/// The trait of an async runtime, its parts, and what shells share.
pub mod runtime {
    pub use trunkline_runtime::*;
}

// Values.
pub use trunkline_backoff::BackoffPolicy;
pub use trunkline_endpoint::{
    Address, AttemptDelay, AttributeKey, Attributes, BackendLabels, BackendService, CustomLabel,
    Endpoint, Family, Locality, Location, PriorityGroup, Weight, Zone, interleave,
};
pub use trunkline_status::{Code, Status};

/// Connection back-off, and the seeded generator that policies draw from.
pub mod backoff {
    pub use trunkline_backoff::*;
}

/// Addresses, endpoints, attributes, and maps keyed by them.
pub mod endpoint {
    pub use trunkline_endpoint::*;
}

/// Status codes, and statuses in headers and trailers.
pub mod status {
    pub use trunkline_status::*;
}

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
#[cfg(feature = "tls-no-provider")]
pub use trunkline_connector::tls::{Tls, TlsError, TlsErrorKind};
pub use trunkline_connector::{
    AddressTried, AuthorityError, AuthorityErrorKind, AuthorityValidator, ConnectProgress,
    ConnectStep, Connected, ConnectionInfo, Connector, DirectConnector, Proxy, ProxyServer,
    SecurityLevel, TlsInfo,
};
pub use trunkline_transport::{HttpOptions, KeepaliveOptions};

/// Happy Eyeballs: RFC 6724 order and the race of RFC 8305.
pub mod connect {
    pub use trunkline_connect::*;
}

/// Streams to addresses: the trait to write a connector, and what is known of a stream.
pub mod connector {
    pub use trunkline_connector::*;
}

/// TLS over the streams of any connector, by rustls.
#[cfg(feature = "tls-no-provider")]
pub mod tls {
    pub use trunkline_connector::tls::*;
}

/// One HTTP/2 connection over any stream.
pub mod transport {
    pub use trunkline_transport::*;
}

// Load-balancing policies.
pub use trunkline_lb::{ConnectivityState, Ejection, Health, SubchannelState};

/// Load-balancing policies, and the trait to write one.
pub mod lb {
    pub use trunkline_lb::*;
}

// Name resolvers.
#[cfg(feature = "dns")]
pub use trunkline_resolver::DnsOptions;
pub use trunkline_resolver::{
    CredentialsKind, ManualResolver, ManualUpdate, Rejection, RejectionKind, Resolution,
    ResolveError, ResolveErrorKind, Resolver, ResolverFactory, ResolverOptions, ResolverRegistry,
    ServiceConfigSource, StaticFactory, StreamFactory, Verdict,
};

/// Name resolvers, and the trait to write one.
pub mod resolver {
    pub use trunkline_resolver::*;
}

// The channel.
pub use trunkline_channel::{
    AddressFate, AddressOutcome, AnswerInspection, AttemptEnded, AttemptSent, AttemptStarted,
    BearerToken, Body, BuildError, BuildErrorKind, CallAttributes, CallCredentials, CallEnded,
    CallStarted, CallTrace, CallsInspection, Channel, ChannelBuilder, ChannelEvent,
    ChannelExtension, ChannelId, ChannelIdentity, ChannelLife, Closed, ConnectFailure,
    ConnectFailureKind, ConnectPhase, ConnectingStep, ConnectionId, ConnectionInspection,
    ConnectionLost, ConnectionLostReason, ConnectionSecurity, CredentialsRequest, Direction,
    EndpointInspection, ErrorInspection, EventInspection, EventLevel, FailureInspection,
    InspectOptions, Inspection, InspectionPage, Interests, LossInspection, MessageFact, Messages,
    Observer, ObserverFactory, QueueLimits, ResolverInspection, ResponseFuture, SecurityLayer,
    SentTo, ServiceConfigInspection, ServiceConfigOrigin, SubchannelInspection, SubchannelStage,
    TlsInspection, WaitForReady, WeakChannel, WithCallCredentials, with_prefix,
};

/// The client of xDS: the scheme `xds`, bootstraps, and what a client of a control plane knows.
///
/// ```
/// use trunkline::Channel;
/// use trunkline::xds::Xds;
///
/// // The bootstrap is that of the environment, which is read at the first call.
/// let channel = Channel::builder("xds:///orders").with(Xds::new()).plaintext().build()?;
/// # Ok::<(), trunkline::BuildError>(())
/// ```
#[cfg(feature = "xds")]
pub mod xds {
    pub use trunkline_xds::*;
}

// A page: how to implement each trait.
#[cfg(feature = "dns")]
#[doc = include_str!("../EXTENDING.md")]
pub mod extending {}
