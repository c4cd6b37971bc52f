#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// From the ground up: what is known of a stream, the trait, the default connector, the connectors
// over another one.
mod authority_error;
mod change;
mod info;
mod progress;

mod connector;

mod direct;

// Tunnels through proxies.
mod proxy;

#[cfg(feature = "tls")]
pub mod tls;

pub use crate::authority_error::{AuthorityError, AuthorityErrorKind};
pub use crate::change::first_change;
pub use crate::connector::{Connected, Connector};
pub use crate::direct::DirectConnector;
pub use crate::info::{AuthorityValidator, ConnectionInfo, SecurityLevel, TlsInfo};
pub use crate::progress::{AddressTried, ConnectProgress, ConnectStep};
pub use crate::proxy::{
    Destination, NoProxy, Proxy, ProxyConnector, ProxyError, ProxyErrorKind, ProxyMapper,
    ProxyProtocol, ProxyRefusal, ProxyServer, ProxyUrlError, TargetRoute, ViaProxy, open_tunnel,
};
pub use trunkline_connect::ConnectOutcome;
