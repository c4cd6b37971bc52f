//! What observers receive of calls and of their attempts.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderMap;
use trunkline_endpoint::Attributes;
use trunkline_lb::{AttemptOutcome, SubchannelId};
use trunkline_runtime::PeerAddr;
use trunkline_status::Status;

use crate::core::connections::ConnectionId;

/// The start of a call.
///
/// `Debug` prints the number of its headers, not their values: they can hold tokens.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct CallStarted<'a> {
    /// The path, `/package.Service/Method`.
    pub path: &'a str,
    /// The metadata of the call. Secrets of the application can be in it.
    pub metadata: &'a HeaderMap,
    /// The attributes that the application has given to the call
    /// ([`CallAttributes`](crate::CallAttributes)).
    pub attributes: &'a Attributes,
    /// The time of the start.
    pub at: Instant,
    pub(crate) tag: &'a Cell<u64>,
}

impl CallStarted<'_> {
    /// Sets the tag that this observer gets back in the later facts of the call: a number of its own, such
    /// as where it keeps what belongs to the method. Without a tag that is 0. Each observer has its own.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use trunkline_channel::{CallEnded, CallStarted, Observer};
    ///
    /// /// Counts the ends of calls that read, and of those that write. It looks at the path once a call.
    /// #[derive(Debug, Default)]
    /// struct Counts([AtomicU64; 2]);
    ///
    /// impl Observer for Counts {
    ///     fn call_started(&self, call: &CallStarted<'_>) {
    ///         call.set_tag(u64::from(call.path.ends_with("/Put")));
    ///     }
    ///
    ///     fn call_ended(&self, call: &CallEnded<'_>) {
    ///         let count = usize::try_from(call.tag).ok().and_then(|at| self.0.get(at));
    ///         if let Some(count) = count {
    ///             count.fetch_add(1, Ordering::Relaxed);
    ///         }
    ///     }
    /// }
    /// ```
    pub fn set_tag(&self, tag: u64) {
        self.tag.set(tag);
    }
}

impl fmt::Debug for CallStarted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallStarted")
            .field("path", &self.path)
            .field("headers", &self.metadata.len())
            .field("attributes", &self.attributes)
            .field("at", &self.at)
            .finish()
    }
}

/// The start of one attempt of a call, before a connection is picked for it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AttemptStarted<'a> {
    /// The path of the call, `/package.Service/Method`.
    pub path: &'a str,
    /// The [tag](CallStarted::set_tag) of the call.
    pub tag: u64,
    /// The number of the attempt in its call; the first is 1.
    pub number: u32,
    /// The number of attempts before this one, without transparent retries: the value of
    /// `grpc-previous-rpc-attempts`.
    pub previous_attempts: u32,
    /// True when the call is sent again because no server acted on its last attempt (gRFC A6).
    pub is_transparent_retry: bool,
    /// True when the call is hedged: the attempt may run beside others.
    pub is_hedged: bool,
    /// The time of the start.
    pub at: Instant,
}

/// An attempt that was handed to a connection.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AttemptSent<'a> {
    /// The path of the call, `/package.Service/Method`.
    pub path: &'a str,
    /// The [tag](CallStarted::set_tag) of the call.
    pub tag: u64,
    /// The number of the attempt in its call; the first is 1.
    pub number: u32,
    /// The other end.
    pub to: SentTo<'a>,
    /// The time from the start of the attempt to now: the wait for the pick, a connection and
    /// credentials, and in line for a free stream.
    pub waited: Duration,
    /// The time at which it was handed to the connection. Without a wait, and unless the call is traced,
    /// that is the time of its start.
    pub at: Instant,
}

/// The other end of an attempt that was sent.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SentTo<'a> {
    /// The address at the other end.
    pub peer: &'a PeerAddr,
    /// The subchannel that was picked.
    pub subchannel: SubchannelId,
    /// The connection of the subchannel.
    pub connection: ConnectionId,
}

/// The end of one attempt of a call.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AttemptEnded<'a> {
    /// What is known since its start.
    pub started: AttemptStarted<'a>,
    /// The other end; `None` if the attempt was never sent.
    pub sent: Option<SentTo<'a>>,
    /// The subchannel that was picked: the attempt was sent on it, or waited for its credentials or for room
    /// on its connections. `None` if the attempt ended while it waited for a pick.
    pub picked: Option<SubchannelId>,
    /// The last service that a picker named for the attempt
    /// ([`PickRequest::set_backend_service`](trunkline_lb::PickRequest::set_backend_service)). It is the
    /// service of an attempt without `picked`; that of every other one is known from the address of its
    /// subchannel.
    pub backend_service: Option<&'a Arc<str>>,
    /// The time from the start of the attempt, before its pick, to its end.
    pub latency: Duration,
    /// How the attempt ended. Its own latency counts from the pick.
    pub outcome: &'a AttemptOutcome<'a>,
}

/// The end of a call.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CallEnded<'a> {
    /// The path, `/package.Service/Method`.
    pub path: &'a str,
    /// The [tag](CallStarted::set_tag) of the call.
    pub tag: u64,
    /// The status that the caller sees; `CANCELLED` when the caller dropped the call.
    pub status: &'a Status,
    /// The time from the start of the call to its end.
    pub latency: Duration,
    /// The number of attempts that were sent; 0 when the call was never sent.
    pub attempts: u32,
    /// The address at the other end of the last attempt that ended; of hedged attempts, the one that
    /// decided the call.
    pub peer: Option<&'a PeerAddr>,
    /// True when the head of a response arrived.
    pub has_headers: bool,
    /// True when a server has sent a status for that attempt; false when this side made it, for example
    /// because the connection was lost.
    pub has_status: bool,
    /// The bytes of request messages that all attempts sent, each with its gRPC prefix of 5 bytes.
    pub bytes_sent: u64,
    /// The bytes of response messages that all attempts received, each with its gRPC prefix.
    pub bytes_received: u64,
    /// The number of attempts that were started by a retry policy: all but the first, and without
    /// transparent retries.
    pub retries: u32,
    /// The number of attempts that were started because no server acted on the one before.
    pub transparent_retries: u32,
    /// The number of attempts that were started by a hedging policy: all but the first, and without
    /// transparent retries.
    pub hedges: u32,
    /// The time in which no attempt of the call ran: after the failure of one and before the start of the
    /// next.
    pub retry_delay: Duration,
}
