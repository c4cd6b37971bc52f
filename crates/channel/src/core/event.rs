//! What happens to a channel outside of its calls.

use std::sync::Arc;
use std::time::Duration;

use trunkline_connector::ConnectionInfo;
use trunkline_endpoint::{Address, Endpoint};
use trunkline_lb::{
    ConnectivityState, Ejection, Health, SubchannelId, SubchannelState, WeightsUpdate,
};
use trunkline_resolver::{ResolveError, ResolverEvent};
use trunkline_service_config::{IgnoredPart, ServiceConfig};
use trunkline_status::Status;

use crate::core::address_fate::AddressFate;
use crate::core::config::ServiceConfigOrigin;
use crate::core::connections::ConnectionId;
use crate::core::failure::{ConnectFailure, ConnectionLost};

/// An event of a channel, outside of its calls.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ChannelEvent {
    /// The resolver returned this list. [`ResolutionAccepted`](Self::ResolutionAccepted) or
    /// [`ResolverError`](Self::ResolverError) follows.
    Endpoints(Arc<[Endpoint]>),
    /// The resolver failed, or returned something that cannot be used.
    ResolverError(ResolveError),
    /// The resolver reported a step of its work, such as the end of a DNS lookup.
    ///
    /// It comes from the resolver and not from the channel, and may come from another task.
    Resolver(ResolverEvent),
    /// The resolver has returned nothing for 2 s. Comes once for a wait.
    ///
    /// A wait lasts from the start of the resolver to its first list or error; after that, while the
    /// resolver [names](trunkline_resolver::Resolver::waiting_for) something that it waits for.
    ResolverWaiting {
        /// What the resolver waits for, in its words, such as the resource and its control plane; `None`
        /// if it does not name that.
        waits: Option<Arc<str>>,
        /// How long it has waited.
        waited: Duration,
        /// True if calls use an earlier list meanwhile. Otherwise they wait, too.
        has_list: bool,
    },
    /// A different service config is in force.
    Config {
        /// The config.
        config: Arc<ServiceConfig>,
        /// Where it comes from.
        origin: ServiceConfigOrigin,
        /// Where the resolver found it, such as the name of the TXT record; `None` if it does not
        /// report that, and for the default of the channel.
        place: Option<Arc<str>>,
    },
    /// The config in force has parts without an effect in this channel: fields and policies that it
    /// does not know, or features that the application has turned off. Follows
    /// [`Config`](Self::Config), if there are such parts.
    ConfigIgnored(Arc<[IgnoredPart]>),
    /// The channel left idleness: a call, or the application, needs connections. The name is resolved
    /// from now on. Also reported when the channel is used for the first time.
    IdleLeft,
    /// The channel entered idleness: no call used it for the idle timeout, or the application asked for
    /// it. The resolver, the policy and the connections are dropped.
    IdleEntered,
    /// A load-balancing policy was chosen, by the service config in force or by the channel's default:
    /// the first one, or another one than before. Only the top policy is named.
    Policy {
        /// The name of the policy, such as `round_robin`.
        name: Arc<str>,
        /// The name of the policy before. It stays in use until the new one can serve calls.
        replaced: Option<Arc<str>>,
    },
    /// The channel uses the resolution whose list was reported last: the policy has the list, and the
    /// service config was valid.
    ResolutionAccepted {
        /// The number of endpoints.
        endpoints: usize,
        /// The number of their addresses.
        addresses: usize,
    },
    /// The channel's state changed. The first change is from IDLE to CONNECTING, and the last to
    /// SHUTDOWN.
    State(ConnectivityState),
    /// A subchannel was created: the policy wants calls to go to this address. It is idle.
    SubchannelCreated {
        /// The subchannel.
        id: SubchannelId,
        /// The address that it connects to.
        address: Address,
    },
    /// A connection attempt started. [`Connected`](Self::Connected),
    /// [`ConnectFailed`](Self::ConnectFailed) or [`ConnectCancelled`](Self::ConnectCancelled)
    /// follows.
    ConnectStarted {
        /// The subchannel.
        id: SubchannelId,
        /// The connection that the attempt makes.
        connection: ConnectionId,
        /// The address of the subchannel.
        address: Address,
    },
    /// A connection attempt tried one of the addresses of a name, whatever came of it.
    ///
    /// Only where the address of a subchannel is a name, such as that of a target `passthrough:`. The
    /// events come together before the end of the attempt. The fate of an attempt to an IP address is that
    /// of its connection attempt.
    AddressTried {
        /// The subchannel.
        id: SubchannelId,
        /// The connection that the attempt makes.
        connection: ConnectionId,
        /// The address of the subchannel, the name.
        address: Address,
        /// The address that was tried, and how that ended.
        fate: AddressFate,
    },
    /// A connection attempt was cancelled, because its subchannel was removed.
    ConnectCancelled {
        /// The subchannel.
        id: SubchannelId,
        /// The connection that the attempt was to make.
        connection: ConnectionId,
        /// The address of the subchannel.
        address: Address,
    },
    /// All connections of a subchannel have as many calls as their server allows
    /// (`MAX_CONCURRENT_STREAMS`), and more calls wait: the attempt for one more connection starts.
    /// [`Connected`](Self::Connected) or [`ConnectFailed`](Self::ConnectFailed) follows.
    ///
    /// Only with `connectionScaling` in the service config (gRFC A105).
    ConnectionScaling {
        /// The subchannel.
        id: SubchannelId,
        /// The address of the subchannel.
        address: Address,
        /// The number of its connections, all of which are full.
        connections: usize,
    },
    /// A connection attempt failed. The subchannel's new state follows, unless it has other
    /// connections.
    ConnectFailed {
        /// The subchannel.
        id: SubchannelId,
        /// The connection that the attempt was to make.
        connection: ConnectionId,
        /// The address, the step and the reason.
        failure: ConnectFailure,
    },
    /// A connection attempt succeeded. The subchannel's new state follows, unless it had other
    /// connections before.
    Connected {
        /// The subchannel.
        id: SubchannelId,
        /// The connection.
        connection: ConnectionId,
        /// The number of connections of the subchannel, with this one.
        connections: usize,
        /// The address of the subchannel.
        address: Address,
        /// What is known of the connection.
        info: ConnectionInfo,
    },
    /// The resolver gave an address a server name that is no `:authority`: calls to the address have the
    /// channel's own authority.
    ServerNameIgnored {
        /// The subchannel.
        id: SubchannelId,
        /// The address, with its server name.
        address: Address,
    },
    /// A subchannel's state changed.
    Subchannel {
        /// The subchannel. An id is never used twice in a channel.
        id: SubchannelId,
        /// The address that it connects to.
        address: Address,
        /// Its new state.
        state: SubchannelState,
    },
    /// What is known of the health of a connected backend changed, where health checks are on.
    ///
    /// [`Health::Unchecked`] is worth a warning: the backend has no health service, and counts as
    /// healthy.
    Health {
        /// The subchannel.
        id: SubchannelId,
        /// The address of the subchannel.
        address: Address,
        /// The service that was asked for; empty for the server as a whole.
        service: Arc<str>,
        /// Its health.
        health: Health,
    },
    /// A backend sends no out-of-band load reports, although the policy asked for them: it has no
    /// such service. It is not asked again on this connection.
    ///
    /// Worth a warning: a policy that shares calls by load treats the backend as an average one.
    LoadReportsUnsupported {
        /// The subchannel.
        id: SubchannelId,
        /// The address of the subchannel.
        address: Address,
        /// The status of the server, `UNIMPLEMENTED`.
        status: Status,
    },
    /// Outlier detection ejected an endpoint, or returned it, or left an outlier in place.
    Ejection {
        /// The endpoint.
        endpoint: Endpoint,
        /// The decision.
        ejection: Ejection,
    },
    /// weighted_round_robin updated its scheduler: with these weights.
    Weights(WeightsUpdate),
    /// A subchannel was removed: by the policy, or because the channel was closed or entered
    /// idleness. Calls in progress on its connection continue.
    SubchannelRemoved {
        /// The subchannel.
        id: SubchannelId,
        /// The address that it connected to.
        address: Address,
        /// Its connections, which get no new calls any more.
        connections: Arc<[ConnectionId]>,
    },
    /// A server ended a connection because of the channel's keepalive PINGs (`too_many_pings`): new
    /// connections send them less often. The loss of the connection follows.
    ///
    /// Show this where it is seen: the keepalive time of the client is shorter than the server
    /// permits.
    KeepaliveRaised {
        /// The keepalive time of new connections, twice that of the one that was ended.
        time: Duration,
    },
    /// A connection takes no new calls any more. The subchannel's new state follows, unless it has
    /// other connections.
    Lost {
        /// The subchannel.
        id: SubchannelId,
        /// The connection.
        connection: ConnectionId,
        /// The number of connections of the subchannel that are left.
        connections: usize,
        /// The address of the subchannel.
        address: Address,
        /// The reason, such as the server's GOAWAY.
        why: ConnectionLost,
    },
}
