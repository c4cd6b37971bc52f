//! Certificates from files, for TLS to backends.

// From the ground up: a module uses only those above it.

mod peer_roots;

mod signal;

mod provider;

mod pool;

pub(super) use self::peer_roots::PeerRoots;
pub(super) use self::pool::ProviderPool;
pub(super) use self::provider::Provider;
pub(super) use self::signal::{Replaced, Signals};
