//! What can be observed of a channel.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Instant;

use trunkline_endpoint::{Address, Endpoint};
use trunkline_lb::{ConnectivityState, SubchannelState};
use trunkline_resolver::ResolveError;
use trunkline_service_config::ServiceConfig;

/// Is told of everything that happens to a channel outside of its calls.
///
/// Called on the channel's control task, in order; must not block.
pub trait Observer: Debug + Send + Sync {
    /// Hears of one event.
    fn observe(&self, event: &ChannelEvent, at: Instant);
}

/// Something that happened to a channel.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ChannelEvent {
    /// The resolver gave this list.
    Endpoints(Arc<[Endpoint]>),
    /// The resolver, or what it found, failed.
    ResolverError(ResolveError),
    /// Another service config is in force.
    Config(Arc<ServiceConfig>),
    /// The channel's state changed.
    State(ConnectivityState),
    /// A subchannel's state changed.
    Subchannel {
        /// Where it connects to.
        address: Address,
        /// Its new state.
        state: SubchannelState,
    },
    /// A connection takes no calls any more.
    Lost {
        /// Where it was connected to.
        address: Address,
        /// Why, such as the server's GOAWAY.
        why: String,
    },
}
