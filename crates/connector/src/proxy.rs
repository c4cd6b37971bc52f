//! Proxies: which one a connection uses, and the tunnel through it.
//!
//! From the ground up: `destination` and `server` are values; `error` has the reasons why a tunnel
//! fails; `no_proxy`, `mapper`, `environment` and `settings` choose a proxy; `handshake` has the two
//! protocols without I/O; `tunnel` and `connector` do the I/O.

mod destination;
mod server;

mod error;

mod no_proxy;

mod mapper;

mod environment;

mod settings;

mod handshake;

mod leftover;
mod tunnel;

mod connector;

pub use self::connector::{ProxyConnector, ViaProxy, open_tunnel};
pub use self::destination::Destination;
pub use self::error::{ProxyError, ProxyErrorKind, ProxyRefusal};
pub use self::mapper::{ProxyMapper, TargetRoute};
pub use self::no_proxy::NoProxy;
pub use self::server::{ProxyProtocol, ProxyServer, ProxyUrlError};
pub use self::settings::Proxy;
