//! What a control plane receives on a stream.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http_body::{Body, Frame};
use prost::Message;

use super::framing::Frames;
use super::state::{Outgoing, Plane, StreamKind};
use crate::backend::IncomingBody;

/// The gRPC status code OK.
const OK: u32 = 0;

/// The gRPC status code INTERNAL.
const INTERNAL: u32 = 13;

/// Reads the requests of a stream until it ends.
pub(super) async fn read(plane: Arc<Plane>, kind: StreamKind, stream: u64, mut body: IncomingBody) {
    let mut frames = Frames::default();
    while let Some(data) = next_data(&plane, stream, &mut body).await {
        frames.push(&data);
        while let Some(frame) = frames.next() {
            let handled = frame.and_then(|message| handle(&plane, kind, stream, message));
            if let Err(what) = handled {
                end(&plane, stream, INTERNAL, what);
                return;
            }
        }
    }
    end(&plane, stream, OK, "");
}

/// Waits for the next data of the request. Returns `None` at the end of the request or the stream.
async fn next_data(plane: &Plane, stream: u64, body: &mut IncomingBody) -> Option<Bytes> {
    poll_fn(|cx| {
        // Registers for the end of the stream, and for a change of whether requests are read.
        let state = plane.poll(cx, |content| {
            if content.streams.contains_key(&stream) {
                None::<()>
            } else {
                Some(())
            }
        });
        if state.is_ready() {
            return Poll::Ready(None);
        }
        if !plane.read(|content| content.reads) {
            return Poll::Pending;
        }
        Pin::new(&mut *body)
            .poll_frame(cx)
            .map(|frame| frame?.ok().map(Frame::into_data)?.ok())
    })
    .await
}

/// Handles one message.
fn handle(
    plane: &Plane,
    kind: StreamKind,
    stream: u64,
    message: Bytes,
) -> Result<(), &'static str> {
    const UNDECODABLE: &str = "a message that is no request";
    match kind {
        StreamKind::Discovery => {
            let request = Message::decode(message).map_err(|_| UNDECODABLE)?;
            plane.change(|content| content.handle_request(stream, request));
        }
        StreamKind::Load => {
            let report = Message::decode(message).map_err(|_| UNDECODABLE)?;
            plane.change(|content| content.handle_report(stream, report));
        }
    }
    Ok(())
}

fn end(plane: &Plane, stream: u64, code: u32, message: &str) {
    let message = message.to_owned();
    plane.change(|content| content.push(stream, Outgoing::End { code, message }));
}
