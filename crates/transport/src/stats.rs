//! The numbers of a connection, as users see them.

use std::time::Instant;

use trunkline_runtime::PeerAddr;

use crate::codes::FIRST_WINDOW;

/// The numbers of one connection, of which most only grow. Get them from
/// [`Connection::stats`](crate::Connection::stats).
///
/// They are those of the end of the last poll of the connection, so they may be behind by what has
/// happened since. A stream counts once HTTP/2 has handed its HEADERS to the connection: a call that
/// waits in line has none yet. The bytes are those of HTTP/2, under which TLS adds its own.
///
/// Two numbers of channelz are not among them, because to find the messages in the frames of all streams
/// would cost each call: `messages_sent` and `messages_received`, with the times of the last ones. An
/// attempt counts [its own messages](crate::ResponseHead::messages_sent). A client has no streams that
/// the peer began.
///
/// Source: `SocketData` of
/// [gRFC A14](https://github.com/grpc/proposal/blob/master/A14-channelz.md).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionStats {
    /// The address at the other end.
    pub peer_addr: PeerAddr,
    /// The address of this side, if the byte stream knows it
    /// ([`Stream::local_addr`](trunkline_runtime::Stream::local_addr)).
    pub local_addr: Option<PeerAddr>,
    /// The number of streams that were started.
    pub streams_started: u64,
    /// The number of streams that have ended well: the server ended its side of them (END_STREAM),
    /// whatever the status of the call.
    pub streams_succeeded: u64,
    /// The number of streams that have ended before the server ended its side of them: either side reset
    /// them, a GOAWAY excluded them, or the connection was lost.
    pub streams_failed: u64,
    /// When the last stream was started, by the clock of the connection's runtime; `None` before the first
    /// one.
    pub last_stream_started: Option<Instant>,
    /// The number of bytes that the byte stream has taken.
    pub bytes_sent: u64,
    /// The number of bytes that came from the byte stream.
    pub bytes_received: u64,
    /// The number of HTTP/2 frames of this side.
    pub frames_sent: u64,
    /// The number of HTTP/2 frames of the server.
    pub frames_received: u64,
    /// The number of PINGs that the [keepalive](crate::KeepaliveOptions) has sent. PINGs that measure the
    /// path do not count.
    pub keepalives_sent: u64,
    /// How many streams the server allows at a time (`SETTINGS_MAX_CONCURRENT_STREAMS`); `None` without a
    /// limit.
    pub max_concurrent_streams: Option<u32>,
    /// How many bytes of data the server still takes on all streams together: its flow-control window of
    /// the connection. Channelz calls it `local_flow_control_window`.
    pub send_window: u32,
    /// How many bytes of data this side still takes on all streams together: its flow-control window of the
    /// connection. Channelz calls it `remote_flow_control_window`.
    pub receive_window: u32,
    /// The error code of the first GOAWAY that came
    /// ([RFC 9113 section 7](https://www.rfc-editor.org/rfc/rfc9113#section-7)); `None` while there was none.
    pub go_away: Option<u32>,
}

impl ConnectionStats {
    /// Returns the numbers of a connection to this address on which nothing has happened yet.
    #[must_use]
    pub fn new(peer_addr: PeerAddr) -> Self {
        Self {
            peer_addr,
            local_addr: None,
            streams_started: 0,
            streams_succeeded: 0,
            streams_failed: 0,
            last_stream_started: None,
            bytes_sent: 0,
            bytes_received: 0,
            frames_sent: 0,
            frames_received: 0,
            keepalives_sent: 0,
            max_concurrent_streams: None,
            send_window: FIRST_WINDOW,
            receive_window: FIRST_WINDOW,
            go_away: None,
        }
    }

    /// Returns the number of streams that are open.
    #[must_use]
    pub fn streams_open(&self) -> u64 {
        let ended = self.streams_succeeded + self.streams_failed;
        self.streams_started.saturating_sub(ended)
    }
}
