//! What happens to a channel outside of its calls.

use std::sync::Arc;

use trunkline_connector::ConnectionInfo;
use trunkline_endpoint::{Address, Endpoint};
use trunkline_lb::{ConnectivityState, SubchannelState};
use trunkline_resolver::ResolveError;
use trunkline_service_config::ServiceConfig;

use crate::core::failure::{ConnectFailure, ConnectionLost};

/// An event of a channel, outside of its calls.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ChannelEvent {
    /// The resolver returned this list.
    Endpoints(Arc<[Endpoint]>),
    /// The resolver failed, or returned something that cannot be used.
    ResolverError(ResolveError),
    /// A different service config is in force.
    Config(Arc<ServiceConfig>),
    /// The channel's state changed.
    State(ConnectivityState),
    /// A connection attempt failed. The subchannel's new state follows.
    ConnectFailed(ConnectFailure),
    /// A connection attempt succeeded. The subchannel's new state follows.
    Connected {
        /// The address of the subchannel.
        address: Address,
        /// What is known of the connection.
        info: ConnectionInfo,
    },
    /// A subchannel's state changed.
    Subchannel {
        /// The address that it connects to.
        address: Address,
        /// Its new state.
        state: SubchannelState,
    },
    /// A connection takes no new calls any more. The subchannel's new state follows.
    Lost {
        /// The address of the subchannel.
        address: Address,
        /// The reason, such as the server's GOAWAY.
        why: ConnectionLost,
    },
}
