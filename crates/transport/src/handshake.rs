//! Making connections.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use trunkline_runtime::{Runtime, Stream};

use crate::codes::FIRST_WINDOW;
use crate::compat::{CompatWire, SharedWire};
use crate::connection::Connection;
use crate::driver::ConnectionDriver;
use crate::error::{HandshakeError, Lost};
use crate::frames::SMALL_DATA;
use crate::go_away::GoAway;
use crate::line::CallLine;
use crate::options::{HttpOptions, MAX_WINDOW, MIN_WINDOW};
use crate::state::ConnectionState;
use crate::wire::Wire;

/// A connection takes no new calls once this stream was used. Stream numbers end at 2^31 - 1, and
/// some must be left for calls that begin before every caller has seen the loss.
///
/// Source: [RFC 9113 section 5.1.1](https://www.rfc-editor.org/rfc/rfc9113#section-5.1.1).
const LAST_STREAM: u32 = 3 << 29;

/// The budget of h2 for small DATA frames, in bytes: each takes what it is shorter than 256 bytes, until
/// the application has read it. A peer that uses it up, because the application leaves 263,000 such
/// frames unread, loses the connection. h2 keeps some 260 bytes for each.
const FRAME_BUDGET: usize = 64 * 1024 * 1024;

/// A frame takes at most this much of that budget.
const MOST_OF_A_FRAME: usize = SMALL_DATA - 1;

/// Frames that come for calls that were cancelled use the budget up for good. A connection takes no new
/// calls once they may have used this share of it: a caller that cancels its calls must not cost others
/// the connection.
const LATE_SHARE: usize = 4;

/// What a connection bears before it takes no new calls.
#[derive(Clone, Copy, Debug)]
struct Endurance {
    last_stream: u32,
    frame_budget: usize,
}

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
    handshake_in_line(CallLine::default(), stream, options, runtime, on_lost).await
}

/// As [`handshake`], but the calls that wait for room on the connection wait in `line`, which several
/// connections to one server can share.
///
/// # Errors
///
/// Those of [`handshake`].
pub async fn handshake_in_line(
    line: CallLine,
    stream: Box<dyn Stream>,
    options: &HttpOptions,
    runtime: Arc<dyn Runtime>,
    on_lost: impl FnOnce(Lost) + Send + 'static,
) -> Result<(Connection, ConnectionDriver), HandshakeError> {
    let endurance = Endurance {
        last_stream: LAST_STREAM,
        frame_budget: FRAME_BUDGET,
    };
    let on_lost = Box::new(on_lost);
    handshake_until(endurance, line, stream, options, runtime, on_lost).await
}

/// As [`handshake`], with this endurance.
async fn handshake_until(
    endurance: Endurance,
    line: CallLine,
    stream: Box<dyn Stream>,
    options: &HttpOptions,
    runtime: Arc<dyn Runtime>,
    on_lost: Box<dyn FnOnce(Lost) + Send>,
) -> Result<(Connection, ConnectionDriver), HandshakeError> {
    let state = Arc::new(ConnectionState::new(
        &*stream,
        line,
        endurance.last_stream,
        options.max_header_list,
        runtime.now(),
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
        .data_frame_budget(endurance.frame_budget)
        // A caller that cancels its calls must not cost other callers the connection.
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
        endurance.frame_budget / MOST_OF_A_FRAME / LATE_SHARE,
        on_lost,
    );
    let turns = Arc::clone(driver.turns());
    let connection = Connection::new(send, state, turns, driver.established());
    Ok((connection, driver))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Mutex;
    use std::time::Duration;

    use async_compat::CompatExt;
    use bytes::Bytes;
    use h2::server::SendResponse;
    use http::{Request, Response};
    use trunkline_runtime::TcpOptions;
    use trunkline_sim::Sim;

    use super::*;
    use crate::{LostReason, RequestBody, ResponseHead};

    const NO_LIMIT: Endurance = Endurance {
        last_stream: LAST_STREAM,
        frame_budget: FRAME_BUDGET,
    };

    type Losses = Arc<Mutex<Vec<Lost>>>;

    /// Connects to a server that answers each call by `handle`. Returns the connection, and what it was
    /// lost for.
    async fn connect(
        sim: &Sim,
        endurance: Endurance,
        handle: impl Fn(SendResponse<Bytes>) + Send + 'static,
    ) -> (Connection, Losses) {
        let address = SocketAddr::from(([198, 51, 100, 1], 1));
        let mut listener = sim.net().listen(address).expect("a free address");
        sim.spawn("server", async move {
            let (stream, _) = listener.accept().await.expect("a connection");
            let server = h2::server::handshake(stream.compat()).await;
            let mut server = server.expect("HTTP/2");
            while let Some(Ok((_, respond))) = server.accept().await {
                handle(respond);
            }
        });
        let runtime = sim.runtime();
        let losses = Losses::default();
        let seen = Arc::clone(&losses);
        let on_lost = Box::new(move |why| seen.lock().expect("no panic").push(why));
        let stream = runtime.connect_tcp(address, &TcpOptions::default()).await;
        let (stream, options) = (stream.expect("a stream"), HttpOptions::default());
        let clock = Arc::clone(&runtime);
        let handshake = handshake_until(
            endurance,
            CallLine::default(),
            stream,
            &options,
            clock,
            on_lost,
        )
        .await;
        let (connection, driver) = handshake.expect("a connection");
        runtime.spawn(Box::pin(driver));
        (connection, losses)
    }

    fn begin(connection: &Connection) -> ResponseHead {
        let request = Request::post("http://x/s/m").body(()).expect("a request");
        let sent = connection.send(request, &RequestBody::<()>::whole(None));
        sent.expect("a stream").response
    }

    /// Small frames for calls that were cancelled end no connection. It is replaced before, and its
    /// calls are still answered.
    #[test]
    fn late_frames_wear_a_connection_out() {
        let sim = Sim::new(1);
        let runtime = sim.runtime();
        let endurance = Endurance {
            frame_budget: 100 * SMALL_DATA,
            ..NO_LIMIT
        };
        sim.run(async {
            let tasks = Arc::clone(&runtime);
            let (connection, losses) = connect(&sim, endurance, move |mut respond| {
                let clock = Arc::clone(&tasks);
                tasks.spawn(Box::pin(async move {
                    clock
                        .sleep_until(clock.now() + Duration::from_millis(10))
                        .await;
                    let send = respond.send_response(Response::new(()), false);
                    if let Ok(mut send) = send {
                        let _ = send.send_data(Bytes::from_static(b"\0\0\0\0\0"), false);
                        let _ = send.send_data(Bytes::new(), true);
                    }
                }));
            })
            .await;
            for _ in 0..50 {
                let cancelled = begin(&connection);
                // The answer is on its way when the call is cancelled.
                sim.sleep(Duration::from_micros(11_500)).await;
                drop(cancelled);
                sim.sleep(Duration::from_millis(1)).await;
                begin(&connection).await.expect("an answer");
            }
            let losses = losses.lock().expect("no panic");
            let reasons: Vec<_> = losses.iter().map(|lost| lost.reason().clone()).collect();
            assert_eq!(reasons, [LostReason::LateFrames]);
        });
    }

    /// More small frames than the budget allows, which nothing reads, end the connection.
    #[test]
    fn unread_small_frames_end_a_connection() {
        let sim = Sim::new(1);
        let runtime = sim.runtime();
        let endurance = Endurance {
            frame_budget: 100 * SMALL_DATA,
            ..NO_LIMIT
        };
        sim.run(async {
            let tasks = Arc::clone(&runtime);
            let (connection, losses) = connect(&sim, endurance, move |mut respond| {
                let clock = Arc::clone(&tasks);
                let send = respond.send_response(Response::new(()), false);
                let mut send = send.expect("an open stream");
                tasks.spawn(Box::pin(async move {
                    // Each comes alone, so they are not joined.
                    for _ in 0..200 {
                        let _ = send.send_data(Bytes::from_static(b"x"), false);
                        clock
                            .sleep_until(clock.now() + Duration::from_millis(1))
                            .await;
                    }
                }));
            })
            .await;
            let _unread = begin(&connection).await.expect("a head");
            sim.sleep(Duration::from_secs(1)).await;
            let losses = losses.lock().expect("no panic");
            let code = Some(h2::Reason::ENHANCE_YOUR_CALM.into());
            let reasons: Vec<_> = losses.iter().map(|lost| lost.reason().clone()).collect();
            assert_eq!(reasons, [LostReason::Protocol { code }]);
        });
    }

    /// A connection is given up before its stream numbers run out, and its calls are still answered.
    #[test]
    fn stream_numbers_run_out() {
        let sim = Sim::new(1);
        let endurance = Endurance {
            last_stream: 3,
            ..NO_LIMIT
        };
        let losses = sim.run(async {
            let (connection, losses) = connect(&sim, endurance, |mut respond| {
                let _ = respond.send_response(Response::new(()), true);
            })
            .await;
            for is_lost in [false, true, true] {
                begin(&connection).await.expect("an answer");
                let losses = losses.lock().expect("no panic");
                assert_eq!(!losses.is_empty(), is_lost, "{losses:?}");
            }
            losses
        });
        let losses = losses.lock().expect("no panic");
        let [lost] = &losses[..] else {
            panic!("{losses:?}");
        };
        assert!(lost.to_string().contains("stream numbers"), "{lost}");
        assert!(!lost.is_unused());
    }
}
