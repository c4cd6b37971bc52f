//! A server that speaks frames by hand, so that it can say what a sound one never does.

use std::sync::Arc;

use futures_util::io::{AsyncReadExt, AsyncWriteExt};
use trunkline_sim::Sim;

use crate::world::{ServerCounts, address};

const PREFACE: usize = 24;

/// One frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).expect("a short payload");
    let mut frame = len.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// HEADERS, not compressed.
pub(crate) fn headers(stream: u32, fields: &[(&str, &str)], ends: bool) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).expect("a short text"));
            block.extend(text.as_bytes());
        }
    }
    frame(1, 4 | u8::from(ends), stream, &block)
}

/// The usual head of an answer.
pub(crate) fn grpc_head(stream: u32) -> Vec<u8> {
    let fields = [(":status", "200"), ("content-type", "application/grpc")];
    headers(stream, &fields, false)
}

pub(crate) fn trailers(stream: u32, status: &str) -> Vec<u8> {
    headers(stream, &[("grpc-status", status)], true)
}

/// A whole answer that says OK.
pub(crate) fn answer_ok(stream: u32) -> Vec<u8> {
    [grpc_head(stream), trailers(stream, "0")].concat()
}

pub(crate) fn data(stream: u32, payload: &[u8], ends: bool) -> Vec<u8> {
    frame(0, u8::from(ends), stream, payload)
}

pub(crate) fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(3, 0, stream, &code.to_be_bytes())
}

pub(crate) fn settings() -> Vec<u8> {
    frame(4, 0, 0, &[])
}

pub(crate) fn go_away(last_stream: u32, code: u32, debug: &[u8]) -> Vec<u8> {
    let mut payload = last_stream.to_be_bytes().to_vec();
    payload.extend(code.to_be_bytes());
    payload.extend(debug);
    frame(7, 0, 0, &payload)
}

/// What happens to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerEvent {
    /// This connection came.
    Accepted,
    /// A call came on this stream.
    Call(u32),
}

/// Starts a server. `script` is told what happens on which connection (the first is 0), and
/// returns what to write; `None` closes the connection.
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
                    let mut header = [0; 9];
                    if stream.read_exact(&mut header).await.is_err() {
                        return;
                    }
                    let [a, b, c, kind, flags, id @ ..] = header;
                    let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
                    if stream.read_exact(&mut payload).await.is_err() {
                        return;
                    }
                    let answer = match kind {
                        4 if flags & 1 == 0 => Some(frame(4, 1, 0, &[])),
                        1 => {
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
