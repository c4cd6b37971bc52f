//! What a client asks its shell to do.

use std::sync::Arc;

use trunkline_xds_proto::envoy::service::discovery::v3::DiscoveryRequest;

use super::event::AdsEvent;
use super::ids::{DeliveryId, LinkId, StreamId};
use crate::core::resource_error::ResourceError;
use crate::core::resource_type::ResourceType;
use crate::core::resources::Resource;
use crate::core::server::ServerConfig;

/// An action for the shell of a client. Actions are performed in order.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum AdsOutput {
    /// Make a channel to this server. [`StartStream`](Self::StartStream) follows.
    Connect {
        /// The id of the link from now on.
        link: LinkId,
        /// The server.
        server: Arc<ServerConfig>,
    },
    /// Drop a link: its stream, then its channel.
    Disconnect {
        /// The link.
        link: LinkId,
    },
    /// Start a stream: one call of `StreamAggregatedResources` that waits until the channel is
    /// connected (`wait_for_ready`), without a deadline.
    StartStream {
        /// The id of the stream from now on.
        stream: StreamId,
    },
    /// Cancel a stream. Nothing of it is reported any more.
    EndStream {
        /// The stream.
        stream: StreamId,
    },
    /// Send a request. Report with [`handle_written`](super::AdsClient::handle_written) that the
    /// connection took it.
    Send {
        /// The stream.
        stream: StreamId,
        /// The request.
        request: Box<DiscoveryRequest>,
    },
    /// Read the next message of a stream, and none after it before this output comes again.
    Read {
        /// The stream.
        stream: StreamId,
    },
    /// Hand an update to a watcher. Report with
    /// [`handle_settled`](super::AdsClient::handle_settled) that the watcher has taken it.
    Deliver(Delivery),
    /// Report an event to observers.
    Event(AdsEvent),
}

/// An update for one watcher.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// The id of the delivery, with that of the watch.
    pub id: DeliveryId,
    /// The type of the resource.
    pub kind: ResourceType,
    /// The name of the resource, as the watcher gave it.
    pub name: Arc<str>,
    /// The update.
    pub update: Update,
}

/// What a watcher is notified of.
///
/// Source: [gRFC A88](https://github.com/grpc/proposal/blob/master/A88-xds-data-error-handling.md).
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// The resource has this value, or cannot be used for this reason. Replaces everything before it:
    /// with a value, there is no ambient error.
    Changed(Result<Resource, ResourceError>),
    /// The value stays in use, and may be out of date for this reason; `None` when that is over.
    Ambient(Option<ResourceError>),
}
