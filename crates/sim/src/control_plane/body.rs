//! What a control plane sends on a stream.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame};
use trunkline_runtime::Timer;

use super::state::{Next, Outgoing, Plane};
use crate::timer::SimTimer;

/// The responses of one stream. The stream is open as long as this exists.
pub(super) struct PlaneBody {
    plane: Arc<Plane>,
    stream: u64,
    timer: SimTimer,
    ended: bool,
}

impl PlaneBody {
    pub(super) fn new(plane: Arc<Plane>, stream: u64) -> Self {
        let timer = SimTimer::new(plane.world.clone());
        Self {
            plane,
            stream,
            timer,
            ended: false,
        }
    }

    /// Returns the body of a call that is no stream of the control plane.
    pub(super) fn empty(plane: Arc<Plane>) -> Self {
        let mut body = Self::new(plane, 0);
        body.ended = true;
        body
    }
}

impl Body for PlaneBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        let now = this.plane.world.with(|world| world.now);
        let mut later = None;
        let polled = this.plane.poll(cx, |content| {
            match content.next_outgoing(this.stream, now) {
                Next::Now(outgoing) => Some(outgoing),
                Next::At(at) => {
                    later = Some(at);
                    None
                }
                Next::Nothing => None,
            }
        });
        this.timer.set(later.map(|at| this.plane.world.base + at));
        // The time is later than now, so the timer only registers the waker.
        let _ = this.timer.poll_fired(cx);
        polled.map(|outgoing| {
            Some(Ok(match outgoing {
                Outgoing::Message(message) => Frame::data(message),
                Outgoing::End { code, message } => {
                    this.ended = true;
                    Frame::trailers(status(code, &message))
                }
            }))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}

impl Drop for PlaneBody {
    fn drop(&mut self) {
        let closed = self
            .plane
            .change(|content| content.streams.remove(&self.stream));
        drop(closed);
    }
}

/// Returns the trailers of a status. A message with bytes that a header cannot have is left out.
pub(super) fn status(code: u32, message: &str) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(code));
    if let Ok(message) = HeaderValue::from_str(message) {
        trailers.insert("grpc-message", message);
    }
    trailers
}
