//! Making connections.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use trunkline_runtime::{Runtime, Stream};

use crate::compat::{CompatWire, SharedWire};
use crate::connection::Connection;
use crate::driver::ConnectionDriver;
use crate::error::{HandshakeError, Lost};
use crate::go_away::GoAway;
use crate::keepalive::KeepaliveOptions;
use crate::state::ConnectionState;
use crate::wire::Wire;

/// A connection takes no new calls once this stream was used. Stream numbers end at 2^31 - 1, and
/// some must be left for calls that begin before every caller has seen the loss.
///
/// Source: [RFC 9113 section 5.1.1](https://www.rfc-editor.org/rfc/rfc9113#section-5.1.1).
const LAST_STREAM: u32 = 3 << 29;

/// The smallest flow-control window that is used: HTTP/2's initial one. A call of any size gets
/// through it.
///
/// Source: [RFC 9113 section 6.5.2](https://www.rfc-editor.org/rfc/rfc9113#section-6.5.2).
const MIN_WINDOW: u32 = 0xffff;

/// The largest flow-control window.
///
/// Source: [RFC 9113 section 6.5.2](https://www.rfc-editor.org/rfc/rfc9113#section-6.5.2).
const MAX_WINDOW: u32 = i32::MAX as u32;

/// How much higher the limit of header lists is for h2 than for the caller. h2 cuts off trailers that
/// are over its limit without a word, and ends the connection for a list that comes in more frames
/// than one at the limit needs. The caller's limit is checked by this crate, which must see a longer
/// list to do so: either as decoded fields, or by its size while encoded. Encoded strings are at
/// least 5/8 of their length (RFC 7541, appendix B), so with a factor of 2 no list slips between.
const H2_HEADER_LIMIT: u32 = 2;

/// The options of HTTP/2.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpOptions {
    /// The flow-control window of each call, in bytes; 2 MiB by default. A value outside of the
    /// range from 65,535 to 2^31 - 1 is replaced by the nearest one in it.
    ///
    /// It bounds what is kept of a response that the application does not read. A connection keeps
    /// at most this much for each of its calls.
    pub stream_window: u32,
    /// The flow-control window of the connection, in bytes; 2^31 - 1 by default. The range is that
    /// of `stream_window`.
    ///
    /// It bounds what is kept of all unread responses together. Once they use it up, no other call
    /// on the connection gets data until one of them is read. The default is so large that only
    /// their own windows hold back calls: it takes 1,024 unread responses of 2 MiB to use it up. A
    /// smaller value saves memory where an application leaves many responses unread; then make
    /// `stream_window` smaller too.
    ///
    /// Source: [RFC 9113 section 5.2](https://www.rfc-editor.org/rfc/rfc9113#section-5.2).
    pub connection_window: u32,
    /// The longest header list that is taken from the server (the head of a response, or its
    /// trailers), in bytes as HPACK counts them; 1 MiB by default.
    ///
    /// A longer one fails its call alone, with `RESOURCE_EXHAUSTED`. One that takes more than about
    /// 2.5 times as much before it is decoded, or 8 times as much after, ends the connection, and so
    /// does a list in more CONTINUATION frames than 2.5 times as much takes when they are full (160 by
    /// default; 5 with a small limit). h2 does that: it must decode all lists in order.
    pub max_header_list: u32,
    /// When a connection whose peer is silent is tested and given up; off by default.
    pub keepalive: KeepaliveOptions,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            stream_window: 2 * 1024 * 1024,
            connection_window: MAX_WINDOW,
            max_header_list: 1024 * 1024,
            keepalive: KeepaliveOptions::default(),
        }
    }
}

impl HttpOptions {
    /// Sets the flow-control window of each call, in bytes. Default: 2 MiB.
    #[must_use]
    pub fn with_stream_window(mut self, stream_window: u32) -> Self {
        self.stream_window = stream_window;
        self
    }

    /// Sets the flow-control window of the connection, in bytes. Default: 2^31 - 1.
    #[must_use]
    pub fn with_connection_window(mut self, connection_window: u32) -> Self {
        self.connection_window = connection_window;
        self
    }

    /// Sets the longest header list that is taken from the server, in bytes. Default: 1 MiB.
    #[must_use]
    pub fn with_max_header_list(mut self, max_header_list: u32) -> Self {
        self.max_header_list = max_header_list;
        self
    }

    /// Sets when a connection whose peer is silent is tested and given up. Default: off.
    #[must_use]
    pub fn with_keepalive(mut self, keepalive: KeepaliveOptions) -> Self {
        self.keepalive = keepalive;
        self
    }
}

/// Makes an HTTP/2 connection over `stream`; done when the server's SETTINGS have come.
///
/// Spawn the driver that it returns. `on_lost` is called once, when the connection takes no new
/// calls any more: on GOAWAY, while calls may still run, or when it broke. `runtime` supplies the
/// clock and the timer of the connection.
///
/// The caller limits the time.
///
/// # Errors
///
/// When the peer closes the connection, takes no calls (GOAWAY), speaks another protocol or breaks
/// HTTP/2; see [`HandshakeErrorKind`](crate::HandshakeErrorKind). A GOAWAY in good order
/// (`NO_ERROR`, which excludes no call) after the SETTINGS is a loss and no failure: `on_lost` is
/// called as soon as the driver runs.
pub async fn handshake(
    stream: Box<dyn Stream>,
    options: &HttpOptions,
    runtime: Arc<dyn Runtime>,
    on_lost: impl FnOnce(Lost) + Send + 'static,
) -> Result<(Connection, ConnectionDriver), HandshakeError> {
    handshake_until(LAST_STREAM, stream, options, runtime, Box::new(on_lost)).await
}

/// As [`handshake`]; the connection takes no new calls once the stream `last_stream` was used.
async fn handshake_until(
    last_stream: u32,
    stream: Box<dyn Stream>,
    options: &HttpOptions,
    runtime: Arc<dyn Runtime>,
    on_lost: Box<dyn FnOnce(Lost) + Send>,
) -> Result<(Connection, ConnectionDriver), HandshakeError> {
    let state = Arc::new(ConnectionState::new(
        stream.peer_addr(),
        last_stream,
        options.max_header_list,
    ));
    let wire = SharedWire::new(Wire::new(stream, Arc::clone(&state)));
    let fail = |error| HandshakeError::new(&state, error);
    let (send, mut connection) = h2::client::Builder::new()
        .enable_push(false)
        .initial_window_size(options.stream_window.clamp(MIN_WINDOW, MAX_WINDOW))
        .initial_connection_window_size(options.connection_window.clamp(MIN_WINDOW, MAX_WINDOW))
        .max_header_list_size(options.max_header_list.saturating_mul(H2_HEADER_LIMIT))
        // A caller that cancels its calls must not cost other callers the connection: the frames
        // that still come for such calls would use up h2's budgets for small frames and resets.
        .data_frame_budget(usize::MAX >> 1)
        .max_local_error_reset_streams(None)
        .handshake(CompatWire::new(wire.clone()))
        .await
        .map_err(|error| fail(Some(error)))?;
    poll_fn(|cx| {
        wire.lock().refill_budget();
        match Pin::new(&mut connection).poll(cx) {
            // The connection was established, and the server shuts it down already. The driver
            // reports its loss.
            _ if state.settings_seen() && state.go_away().is_some_and(GoAway::is_orderly) => {
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Ok(())) => Poll::Ready(Err(fail(None))),
            Poll::Ready(Err(error)) => Poll::Ready(Err(fail(Some(error)))),
            // The server refuses every call, so this stream does not become a connection.
            Poll::Pending if state.go_away().is_some() => Poll::Ready(Err(fail(None))),
            Poll::Pending if state.settings_seen() => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        }
    })
    .await?;
    let driver = ConnectionDriver::new(
        connection,
        wire,
        Arc::clone(&state),
        runtime,
        options.keepalive,
        on_lost,
    );
    let connection = Connection::new(send, state, driver.established());
    Ok((connection, driver))
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
    use crate::RequestBody;

    /// A connection is given up before its stream numbers run out, and its calls are still answered.
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
        let seen = Arc::clone(&lost);
        let on_lost = move |why| *seen.lock().expect("no panic") = Some(why);
        sim.run(async {
            let stream = runtime.connect_tcp(address, &TcpOptions::default()).await;
            let stream = stream.expect("a stream");
            let options = HttpOptions::default();
            let handshake =
                handshake_until(3, stream, &options, Arc::clone(&runtime), Box::new(on_lost)).await;
            let (connection, driver) = handshake.expect("a connection");
            runtime.spawn(Box::pin(driver));
            for is_lost in [false, true, true] {
                let request = Request::post("http://x/s/m").body(()).expect("a request");
                let sent = connection.send(request, &RequestBody::<()>::whole(None));
                sent.expect("a stream").response.await.expect("an answer");
                let lost = lost.lock().expect("no panic");
                assert_eq!(lost.is_some(), is_lost, "{lost:?}");
            }
        });
        let lost = lost.lock().expect("no panic").take().expect("a loss");
        assert!(lost.to_string().contains("stream numbers"), "{lost}");
        assert!(!lost.is_unused());
    }
}
