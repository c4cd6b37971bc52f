//! Watches: server-streaming calls over the connection of one subchannel.

use bytes::Bytes;
use http::uri::PathAndQuery;
use trunkline_status::Status;

/// Identifies a watch of one channel. An id is never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WatchId(pub(crate) u64);

/// A server-streaming call that a policy wants to run over the connection of one subchannel.
///
/// Health checking (gRFC A17) and out-of-band load reports (gRFC A51) are such calls.
///
/// A watch belongs to the connection that is ready when it starts, the oldest one where a subchannel
/// has several. It ends when the server ends the call, or when that connection is lost; the policy
/// starts another one on the next connection, with its own back-off. While the subchannel has other
/// connections, the watch is started again on the oldest of them instead, without an event. It also ends, without an event, when the policy ends it
/// ([`Control::unwatch`](crate::Control::unwatch)) or removes the subchannel.
///
/// ```
/// use bytes::Bytes;
/// use http::uri::PathAndQuery;
/// use trunkline_lb::Watch;
///
/// let path = PathAndQuery::from_static("/grpc.health.v1.Health/Watch");
/// // A `HealthCheckRequest` for the whole server is an empty message.
/// let watch = Watch::new(path, Bytes::new());
/// assert_eq!(watch.path, "/grpc.health.v1.Health/Watch");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Watch {
    /// The path of the method, `/package.Service/Method`.
    pub path: PathAndQuery,
    /// The one request message, without its gRPC prefix of 5 bytes.
    pub request: Bytes,
}

impl Watch {
    /// Creates the description of a call of the method at `path`, with one request message.
    #[must_use]
    pub fn new(path: PathAndQuery, request: Bytes) -> Self {
        Self { path, request }
    }
}

/// What happened to a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchEvent {
    /// A response message came; without its gRPC prefix of 5 bytes.
    Message(Bytes),
    /// The call ended: the last event of a watch, and exactly one, unless the policy ended the
    /// watch or removed the subchannel first.
    ///
    /// `UNAVAILABLE` if the connection was lost, or was not ready when the watch started;
    /// `UNIMPLEMENTED` from a server that does not have the method.
    Ended(Status),
}
