//! Request bodies.

use std::pin::Pin;
use std::task::{Context, Poll};

use async_channel::Sender;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use http_body::Frame;
use http_body_util::StreamBody;

/// A streaming request body, which can fail.
pub(crate) type Frames = StreamBody<BoxStream<'static, Result<Frame<Bytes>, &'static str>>>;

/// Returns a request body of these frames, whose end comes one poll after the last of them, as that
/// of a stream does.
pub(crate) fn frames(frames: Vec<Result<Frame<Bytes>, &'static str>>) -> Frames {
    let mut is_second_poll = false;
    let end = stream::poll_fn(move |cx| {
        cx.waker().wake_by_ref();
        if std::mem::replace(&mut is_second_poll, true) {
            Poll::Ready(None)
        } else {
            Poll::Pending
        }
    });
    StreamBody::new(stream::iter(frames).chain(end).boxed())
}

/// Returns a request body of `count` messages of `size` bytes, each filled with its number from 0
/// on, and the same bytes as one piece.
pub(crate) fn messages(count: u8, size: usize) -> (Frames, Vec<u8>) {
    let message = |number| vec![number; size];
    let body = frames(
        (0..count)
            .map(|number| Ok(Frame::data(message(number).into())))
            .collect(),
    );
    (body, (0..count).flat_map(message).collect())
}

/// Returns a request body that sends what the test puts into the sender, and ends when the sender
/// is dropped.
pub(crate) fn open_body() -> (Sender<Bytes>, Frames) {
    let (send, receive) = async_channel::unbounded();
    let frames = receive.map(|data| Ok(Frame::data(data)));
    (send, StreamBody::new(frames.boxed()))
}

/// A request body of equal pieces, each ready at the second poll, as if the application had to
/// compute it.
pub(crate) struct Pieces {
    left: usize,
    size: usize,
    fails: bool,
    /// True when the last poll was pending.
    has_paused: bool,
}

impl Pieces {
    /// Returns a request body of `count` pieces of `size` bytes.
    pub(crate) fn new(count: usize, size: usize) -> Self {
        Self {
            left: count,
            size,
            fails: false,
            has_paused: false,
        }
    }

    /// Lets the body fail after its pieces.
    pub(crate) fn failing(mut self) -> Self {
        self.fails = true;
        self
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.has_paused = !self.has_paused;
        if self.has_paused {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.left == 0 {
            return Poll::Ready(self.fails.then_some(Err("the disk is gone")));
        }
        self.left -= 1;
        let data = Bytes::from(vec![7; self.size]);
        Poll::Ready(Some(Ok(Frame::data(data))))
    }
}
