//! An HTTP/2 server that writes frames by hand, so that it can send what a correct server never
//! does.

use std::sync::Arc;

use futures_util::io::{AsyncReadExt, AsyncWriteExt};
use h2::Reason;
use trunkline_sim::Sim;

use crate::world::{ServerCounts, address};

/// The length of the client's connection preface, in bytes.
///
/// Source: [RFC 9113 section 3.4](https://www.rfc-editor.org/rfc/rfc9113#section-3.4).
pub(crate) const PREFACE: usize = 24;

/// The length of a frame's header, in bytes.
///
/// Source: [RFC 9113 section 4.1](https://www.rfc-editor.org/rfc/rfc9113#section-4.1).
pub(crate) const FRAME_HEADER: usize = 9;

// Frame types. Source: RFC 9113 section 6, https://www.rfc-editor.org/rfc/rfc9113#section-6
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

// Flags of frames, from the same section.
const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// SETTINGS_MAX_CONCURRENT_STREAMS.
///
/// Source: [RFC 9113 section 6.5.2](https://www.rfc-editor.org/rfc/rfc9113#section-6.5.2).
pub(crate) const MAX_CONCURRENT_STREAMS: u16 = 3;

/// SETTINGS_INITIAL_WINDOW_SIZE, from the same section.
pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;

/// SETTINGS_MAX_HEADER_LIST_SIZE, from the same section.
pub(crate) const MAX_HEADER_LIST_SIZE: u16 = 6;

/// Returns one frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).expect("a short payload");
    let mut frame = len.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Returns a HEADERS frame whose fields are not compressed.
pub(crate) fn headers(stream: u32, fields: &[(&str, &str)], ends: bool) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        // A literal field without indexing, with a new name (RFC 7541 section 6.2.2).
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).expect("a short text"));
            block.extend(text.as_bytes());
        }
    }
    frame(HEADERS, END_HEADERS | end_stream(ends), stream, &block)
}

fn end_stream(ends: bool) -> u8 {
    if ends { END_STREAM } else { 0 }
}

/// Returns the head of a gRPC response.
pub(crate) fn grpc_head(stream: u32) -> Vec<u8> {
    let fields = [(":status", "200"), ("content-type", "application/grpc")];
    headers(stream, &fields, false)
}

/// Returns trailers with this `grpc-status`.
pub(crate) fn trailers(stream: u32, status: &str) -> Vec<u8> {
    headers(stream, &[("grpc-status", status)], true)
}

/// Returns a whole response without messages and with the status OK.
pub(crate) fn answer_ok(stream: u32) -> Vec<u8> {
    [grpc_head(stream), trailers(stream, "0")].concat()
}

/// Returns a DATA frame.
pub(crate) fn data(stream: u32, payload: &[u8], ends: bool) -> Vec<u8> {
    frame(DATA, end_stream(ends), stream, payload)
}

/// Returns an RST_STREAM frame.
pub(crate) fn reset(stream: u32, reason: Reason) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &u32::from(reason).to_be_bytes())
}

/// Returns a SETTINGS frame that changes nothing.
pub(crate) fn settings() -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[])
}

/// Returns a SETTINGS frame with one setting.
pub(crate) fn one_setting(id: u16, value: u32) -> Vec<u8> {
    let mut payload = id.to_be_bytes().to_vec();
    payload.extend(value.to_be_bytes());
    frame(SETTINGS, 0, 0, &payload)
}

/// Returns a WINDOW_UPDATE frame for the whole connection.
pub(crate) fn window_update(increment: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, 0, &increment.to_be_bytes())
}

/// Returns a GOAWAY frame; the server has not acted on streams after `last_stream`.
pub(crate) fn go_away(last_stream: u32, reason: Reason, debug: &[u8]) -> Vec<u8> {
    let mut payload = last_stream.to_be_bytes().to_vec();
    payload.extend(u32::from(reason).to_be_bytes());
    payload.extend(debug);
    frame(GOAWAY, 0, 0, &payload)
}

/// An event at a server, to which its script replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerEvent {
    /// The server accepted the connection.
    Accepted,
    /// The head of a call arrived on this stream.
    Call(u32),
}

/// Starts a server.
///
/// `script` receives the number of a connection (the first is 0) and what happened on it, and
/// returns the bytes to write; `None` closes the connection.
pub(crate) fn serve(
    sim: &Sim,
    host: u8,
    script: impl Fn(usize, ServerEvent) -> Option<Vec<u8>> + Clone + Send + Sync + 'static,
) -> Arc<ServerCounts> {
    let counts = Arc::new(ServerCounts::default());
    let mut listener = sim.net().listen(address(host)).expect("a free address");
    let runtime = sim.runtime();
    let server_counts = Arc::clone(&counts);
    sim.spawn("raw server", async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let number = server_counts.add_accept();
            let (script, counts) = (script.clone(), Arc::clone(&server_counts));
            runtime.spawn(Box::pin(async move {
                let Some(first) = script(number, ServerEvent::Accepted) else {
                    return;
                };
                if stream.write_all(&first).await.is_err() {
                    return;
                }
                let mut preface = [0; PREFACE];
                if stream.read_exact(&mut preface).await.is_err() {
                    return;
                }
                loop {
                    let mut header = [0; FRAME_HEADER];
                    if stream.read_exact(&mut header).await.is_err() {
                        return;
                    }
                    let [a, b, c, kind, flags, id @ ..] = header;
                    let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
                    if stream.read_exact(&mut payload).await.is_err() {
                        return;
                    }
                    let answer = match kind {
                        SETTINGS if flags & ACK == 0 => Some(frame(SETTINGS, ACK, 0, &[])),
                        HEADERS => {
                            counts.add_call();
                            script(number, ServerEvent::Call(u32::from_be_bytes(id)))
                        }
                        _ => continue,
                    };
                    let Some(answer) = answer else { return };
                    if stream.write_all(&answer).await.is_err() {
                        return;
                    }
                }
            }));
        }
    });
    counts
}

/// Starts a server that sends SETTINGS on each connection, and answers each call with the bytes
/// that `answer` returns for its stream.
pub(crate) fn serve_calls(
    sim: &Sim,
    host: u8,
    answer: impl Fn(u32) -> Vec<u8> + Clone + Send + Sync + 'static,
) -> Arc<ServerCounts> {
    serve(sim, host, move |_, event| {
        Some(match event {
            ServerEvent::Accepted => settings(),
            ServerEvent::Call(stream) => answer(stream),
        })
    })
}
