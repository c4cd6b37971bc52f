//! Making connections.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use trunkline_runtime::{Runtime, Stream};

use crate::bandwidth::FIRST_WINDOW;
use crate::compat::{CompatWire, SharedWire};
use crate::connection::Connection;
use crate::driver::ConnectionDriver;
use crate::error::{HandshakeError, Lost};
use crate::go_away::GoAway;
use crate::options::{HttpOptions, MAX_WINDOW, MIN_WINDOW};
use crate::state::ConnectionState;
use crate::wire::Wire;

/// A connection takes no new calls once this stream was used. Stream numbers end at 2^31 - 1, and
/// some must be left for calls that begin before every caller has seen the loss.
///
/// Source: [RFC 9113 section 5.1.1](https://www.rfc-editor.org/rfc/rfc9113#section-5.1.1).
const LAST_STREAM: u32 = 3 << 29;

/// How much higher the limit of header lists is for h2 than for the caller. h2 cuts off trailers that
/// are over its limit without a word, and ends the connection for a list that comes in more frames
/// than one at the limit needs. The caller's limit is checked by this crate, which must see a longer
/// list to do so: either as decoded fields, or by its size while encoded. Encoded strings are at
/// least 5/8 of their length (RFC 7541, appendix B), so with a factor of 2 no list slips between.
const H2_HEADER_LIMIT: u32 = 2;

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
    let stream_window = if options.adaptive_window {
        FIRST_WINDOW
    } else {
        options.stream_window.clamp(MIN_WINDOW, MAX_WINDOW)
    };
    let (send, mut connection) = h2::client::Builder::new()
        .enable_push(false)
        .initial_window_size(stream_window)
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
        options,
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
