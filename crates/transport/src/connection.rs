//! Connections.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use bytes::Bytes;
use h2::client::SendRequest;
use trunkline_runtime::{PeerAddr, Stream};

use crate::error::{HandshakeError, escaped};
use crate::frames::GoAway;
use crate::io::{CompatWire, SharedWire};
use crate::link::Link;
use crate::wire::Wire;

/// The most of a foreign peer's first words that is kept.
const FOREIGN_KEPT: usize = 64;

/// A connection that got as far as this stream takes no new calls: the numbers of streams end at
/// 2^31, and there must be some left for calls that come until everybody knows.
const LAST_STREAM: u32 = 3 << 29;

/// How HTTP/2 is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpOptions {
    /// The flow-control window of each call, in octets; 2 MiB by default. What is out of the range
    /// from 65,535 to 2^31 - 1 is taken as the next that is in it.
    pub stream_window: u32,
    /// The flow-control window of the connection, in octets; 5 MiB by default. Its range is that of
    /// a call's.
    pub connection_window: u32,
    /// The longest header list that is taken from the server, in octets as HPACK counts them;
    /// 1 MiB by default.
    pub max_header_list: u32,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            stream_window: 2 * 1024 * 1024,
            connection_window: 5 * 1024 * 1024,
            max_header_list: 1024 * 1024,
        }
    }
}

/// A window that HTTP/2 can have, and that any call fits through.
///
/// Source: [RFC 9113 section 6.5.2](https://www.rfc-editor.org/rfc/rfc9113#section-6.5.2).
fn window(size: u32) -> u32 {
    size.clamp(0xffff, i32::MAX as u32)
}

/// Makes calls on one HTTP/2 connection. Cheap to clone.
///
/// When the last clone and the last call are gone, the connection closes in good order.
#[derive(Clone)]
pub struct Connection {
    pub(crate) send: SendRequest<Bytes>,
    pub(crate) shared: Arc<Shared>,
}

impl Connection {
    /// The address at the other end.
    #[must_use]
    pub fn peer_addr(&self) -> &PeerAddr {
        &self.shared.peer
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.shared.peer)
            .finish_non_exhaustive()
    }
}

/// Why a connection takes no new calls any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    message: String,
    is_unused: bool,
}

impl Lost {
    pub(crate) fn new(message: String, shared: &Shared) -> Self {
        let is_unused = !shared.is_answered.load(Ordering::Relaxed);
        Self { message, is_unused }
    }

    /// Whether the server answered no call on it.
    #[must_use]
    pub fn is_unused(&self) -> bool {
        self.is_unused
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// What the wire, the link and the calls of one connection know together.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) peer: PeerAddr,
    /// From this stream on no new calls are taken.
    last_stream: u32,
    settings_seen: AtomicBool,
    /// Whether the server began an answer to some call.
    is_answered: AtomicBool,
    /// The highest stream of which some HEADERS were written to the stream.
    last_sent: AtomicU32,
    go_away: OnceLock<GoAway>,
    /// The last stream that the server says it processes; lowered by later GOAWAYs.
    last_processed: AtomicU32,
    foreign: OnceLock<Vec<u8>>,
}

impl Shared {
    fn new(peer: PeerAddr, last_stream: u32) -> Self {
        Self {
            peer,
            last_stream,
            settings_seen: AtomicBool::new(false),
            is_answered: AtomicBool::new(false),
            last_sent: AtomicU32::new(0),
            go_away: OnceLock::new(),
            last_processed: AtomicU32::new(u32::MAX),
            foreign: OnceLock::new(),
        }
    }

    pub(crate) fn set_settings_seen(&self) {
        self.settings_seen.store(true, Ordering::Relaxed);
    }

    pub(crate) fn settings_seen(&self) -> bool {
        self.settings_seen.load(Ordering::Relaxed)
    }

    pub(crate) fn set_answered(&self) {
        // Most often it is so already, and a read costs the other threads nothing.
        if !self.is_answered.load(Ordering::Relaxed) {
            self.is_answered.store(true, Ordering::Relaxed);
        }
    }

    /// Whether a good part of the numbers that streams can have is used up.
    pub(crate) fn is_worn_out(&self) -> bool {
        self.last_sent.load(Ordering::Relaxed) >= self.last_stream
    }

    pub(crate) fn set_last_sent(&self, stream: u32) {
        self.last_sent.store(stream, Ordering::Relaxed);
    }

    pub(crate) fn set_go_away(&self, go_away: GoAway) {
        self.last_processed
            .fetch_min(go_away.last_stream, Ordering::Relaxed);
        // The first one gives the reason; a graceful server sends two.
        let _ = self.go_away.set(go_away);
    }

    pub(crate) fn set_foreign(&self, octets: &[u8]) {
        let _ = self
            .foreign
            .set(octets[..octets.len().min(FOREIGN_KEPT)].to_vec());
    }

    /// Whether the server cannot have acted on this stream: it never left, or the server said so.
    pub(crate) fn is_unprocessed(&self, stream: u32) -> bool {
        stream > self.last_sent.load(Ordering::Relaxed)
            || stream > self.last_processed.load(Ordering::Relaxed)
    }

    /// What a foreign peer said first.
    pub(crate) fn foreign(&self) -> Option<&[u8]> {
        self.foreign.get().map(Vec::as_slice)
    }

    pub(crate) fn has_go_away(&self) -> bool {
        self.go_away.get().is_some()
    }

    /// The server's GOAWAY in words, if one came.
    pub(crate) fn go_away_words(&self) -> Option<String> {
        let go_away = self.go_away.get()?;
        let reason = h2::Reason::from(go_away.reason);
        let debug = match go_away.debug.is_empty() {
            true => String::new(),
            false => format!(", \"{}\"", escaped(&go_away.debug)),
        };
        Some(format!("GOAWAY ({reason:?}{debug})"))
    }
}

/// Makes an HTTP/2 connection over `stream`; done when the server's SETTINGS have come.
///
/// `on_lost` is called once, when the connection takes no new calls any more: on GOAWAY while
/// calls may still run, or when it broke.
///
/// The caller bounds the time.
///
/// # Errors
///
/// When the peer closes, takes no calls (GOAWAY), speaks something else or breaks the protocol; the
/// text says which, and what the peer said.
pub async fn handshake(
    stream: Box<dyn Stream>,
    options: &HttpOptions,
    on_lost: impl FnOnce(Lost) + Send + 'static,
) -> Result<(Connection, Link), HandshakeError> {
    handshake_until(LAST_STREAM, stream, options, Box::new(on_lost)).await
}

/// As [`handshake`]; the connection takes no new calls after this stream.
async fn handshake_until(
    last_stream: u32,
    stream: Box<dyn Stream>,
    options: &HttpOptions,
    on_lost: Box<dyn FnOnce(Lost) + Send>,
) -> Result<(Connection, Link), HandshakeError> {
    let shared = Arc::new(Shared::new(stream.peer_addr(), last_stream));
    let wire = SharedWire::new(Wire::new(stream, Arc::clone(&shared)));
    let fail = |error| HandshakeError::new(&shared, error);
    let (send, mut connection) = h2::client::Builder::new()
        .enable_push(false)
        .initial_window_size(window(options.stream_window))
        .initial_connection_window_size(window(options.connection_window))
        .max_header_list_size(options.max_header_list)
        // A caller that gives its call up early must not cost others their connection: what still
        // comes for such calls would use the budget for small frames up.
        .data_frame_budget(usize::MAX >> 1)
        .max_local_error_reset_streams(None)
        .handshake(CompatWire::new(wire.clone()))
        .await
        .map_err(|error| fail(Some(error)))?;
    poll_fn(|cx| match Pin::new(&mut connection).poll(cx) {
        Poll::Ready(Ok(())) => Poll::Ready(Err(fail(None))),
        Poll::Ready(Err(error)) => Poll::Ready(Err(fail(Some(error)))),
        // It takes no call, so that it never was a connection.
        Poll::Pending if shared.has_go_away() => Poll::Ready(Err(fail(None))),
        Poll::Pending if shared.settings_seen() => Poll::Ready(Ok(())),
        Poll::Pending => Poll::Pending,
    })
    .await?;
    let link = Link::new(connection, wire, Arc::clone(&shared), on_lost);
    Ok((Connection { send, shared }, link))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Mutex;

    use async_compat::CompatExt;
    use http::{Request, Response};
    use trunkline_runtime::TcpOptions;
    use trunkline_sim::Sim;

    use super::*;
    use crate::Outgoing;

    /// A connection whose stream numbers run out is given up in time, and its calls are answered.
    #[test]
    fn stream_numbers_run_out() {
        let sim = Sim::new(1);
        let address = SocketAddr::from(([198, 51, 100, 1], 1));
        let mut listener = sim.net().listen(address).expect("a free address");
        sim.spawn("server", async move {
            let (stream, _) = listener.accept().await.expect("a connection");
            let mut server = h2::server::handshake(stream.compat())
                .await
                .expect("HTTP/2");
            while let Some(Ok((_, mut respond))) = server.accept().await {
                let _ = respond.send_response(Response::new(()), true);
            }
        });
        let runtime = sim.runtime();
        let lost = Arc::new(Mutex::new(None));
        let heard = Arc::clone(&lost);
        let on_lost = move |why| *heard.lock().expect("no panic") = Some(why);
        sim.run(async {
            let stream = runtime.connect_tcp(address, &TcpOptions::default()).await;
            let stream = stream.expect("a stream");
            let options = HttpOptions::default();
            let handshake = handshake_until(3, stream, &options, Box::new(on_lost)).await;
            let (connection, link) = handshake.expect("a connection");
            runtime.spawn(Box::pin(link));
            for is_lost in [false, true, true] {
                let request = Request::post("http://x/s/m").body(()).expect("a request");
                let sent = connection.send(request, Outgoing::<()>::Whole(None));
                sent.expect("a stream").exchange.await.expect("an answer");
                let lost = lost.lock().expect("no panic");
                assert_eq!(lost.is_some(), is_lost, "{lost:?}");
            }
        });
        let lost = lost.lock().expect("no panic").take().expect("a loss");
        assert!(lost.to_string().contains("stream numbers"), "{lost}");
        assert!(!lost.is_unused());
    }
}
