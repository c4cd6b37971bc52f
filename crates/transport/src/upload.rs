//! Request bodies.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use async_channel::{Receiver, Sender};
use bytes::Bytes;
use futures_core::Stream;
use h2::SendStream;
use http::HeaderMap;
use http_body::{Body, Frame};
use trunkline_status::{Code, Status};

/// A request body that has been looked at as far as it goes without waiting.
pub enum Outgoing<B> {
    /// All of it is here, as with a unary call: it can be sent again.
    Whole(Option<Bytes>),
    /// There is more to come.
    Streaming {
        /// Frames that have come already.
        early: Vec<Frame<Bytes>>,
        /// Where the others come from.
        rest: B,
    },
}

impl<B> Outgoing<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Looks at a body as far as it goes without waiting.
    ///
    /// # Errors
    ///
    /// When the body fails: the application's own error, as `INTERNAL`.
    pub async fn prepare(mut body: B) -> Result<Self, Status> {
        let mut early = Vec::new();
        let ended = poll_fn(|cx| {
            // Two polls tell a unary call: its message, and that nothing follows.
            while early.len() < 2 && !body.is_end_stream() {
                match Pin::new(&mut body).poll_frame(cx) {
                    Poll::Pending => return Poll::Ready(Ok(false)),
                    Poll::Ready(None) => return Poll::Ready(Ok(true)),
                    Poll::Ready(Some(Ok(frame))) => early.push(frame),
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(body_failed(error))),
                }
            }
            Poll::Ready(Ok(early.len() < 2))
        })
        .await?;
        if ended && early.len() <= 1 {
            match early.pop().map(Frame::into_data) {
                None => return Ok(Self::Whole(None)),
                Some(Ok(data)) => return Ok(Self::Whole(Some(data))),
                Some(Err(trailers)) => early.push(trailers),
            }
        }
        Ok(Self::Streaming { early, rest: body })
    }
}

impl<B> Outgoing<B> {
    /// The same body again, where all of it is here.
    #[must_use]
    pub fn replay(&self) -> Option<Self> {
        match self {
            Self::Whole(data) => Some(Self::Whole(data.clone())),
            Self::Streaming { .. } => None,
        }
    }
}

fn body_failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Status {
    Status::new(
        Code::Internal,
        format!("the request's body failed: {}", error.into()),
    )
}

/// Sends what is left of a request body; done when all is sent, or nobody wants it any more.
///
/// To be spawned: it goes on while the caller waits for the response, or reads it.
#[must_use = "the rest of the request is not sent unless this is polled"]
pub struct Upload<B> {
    send: SendStream<Bytes>,
    early: std::vec::IntoIter<Frame<Bytes>>,
    rest: B,
    /// Data that waits for room in the flow-control window.
    waiting: Option<Bytes>,
    /// Closed when the caller gave the call up.
    wanted: Pin<Box<Receiver<Infallible>>>,
    /// Why the call was given up, for whoever waits for the response.
    failure: Arc<OnceLock<Status>>,
    is_done: bool,
}

/// Held by whoever waits for the response; without it the upload ends.
#[derive(Debug)]
pub(crate) struct Wanted {
    _open: Sender<Infallible>,
    failure: Arc<OnceLock<Status>>,
}

impl Wanted {
    /// Why the upload gave the call up.
    pub(crate) fn failure(&self) -> Option<&Status> {
        self.failure.get()
    }
}

impl<B> Upload<B> {
    pub(crate) fn new(
        send: SendStream<Bytes>,
        early: Vec<Frame<Bytes>>,
        rest: B,
    ) -> (Self, Wanted) {
        let (open, wanted) = async_channel::bounded(1);
        let failure = Arc::new(OnceLock::new());
        let upload = Self {
            send,
            early: early.into_iter(),
            rest,
            waiting: None,
            wanted: Box::pin(wanted),
            failure: Arc::clone(&failure),
            is_done: false,
        };
        let wanted = Wanted {
            _open: open,
            failure,
        };
        (upload, wanted)
    }

    /// Tells the server that the call is off, and whoever waits why.
    fn give_up(&mut self, why: Status) {
        let _ = self.failure.set(why);
        self.send.send_reset(h2::Reason::CANCEL);
    }
}

impl<B> Upload<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    fn poll_upload(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        loop {
            if self.wanted.as_mut().poll_next(cx).is_ready() {
                self.send.send_reset(h2::Reason::CANCEL);
                return Poll::Ready(Ok(()));
            }
            // The server may have lost interest (it answered already, or reset the call).
            if self.send.poll_reset(cx)?.is_ready() {
                return Poll::Ready(Ok(()));
            }
            if let Some(data) = self.waiting.take_if(|data| !data.is_empty()) {
                self.send.reserve_capacity(data.len());
                // Only a change of the capacity makes `poll_capacity` ready.
                let room = match self.send.capacity() {
                    0 => self.send.poll_capacity(cx),
                    room => Poll::Ready(Some(Ok(room))),
                };
                match room {
                    Poll::Ready(Some(room)) => {
                        let room = room?;
                        self.send_some(data, room)?;
                        continue;
                    }
                    Poll::Ready(None) => return Poll::Ready(Ok(())),
                    Poll::Pending => {
                        self.waiting = Some(data);
                        return Poll::Pending;
                    }
                }
            }
            match ready!(self.poll_next_frame(cx)) {
                None => return Poll::Ready(self.send.send_data(Bytes::new(), true)),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.waiting = Some(data),
                    Err(other) => {
                        let trailers = other.into_trailers().unwrap_or_else(|_| HeaderMap::new());
                        return Poll::Ready(self.send.send_trailers(trailers));
                    }
                },
                Some(Err(error)) => {
                    self.give_up(body_failed(error));
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }

    fn send_some(&mut self, mut data: Bytes, room: usize) -> Result<(), h2::Error> {
        let part = data.split_to(room.min(data.len()));
        self.waiting = Some(data).filter(|data| !data.is_empty());
        match part.is_empty() {
            true => Ok(()),
            false => self.send.send_data(part, false),
        }
    }

    fn poll_next_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.early.next() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }
}

impl<B> Future for Upload<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Whoever reads the response hears of an error that matters.
        let _ = ready!(self.poll_upload(cx));
        self.is_done = true;
        Poll::Ready(())
    }
}

impl<B> Drop for Upload<B> {
    /// Nobody waits for an answer to half a request: the body panicked, or the runtime ends.
    fn drop(&mut self) {
        if !self.is_done {
            let why = "the task that sends the request's body was dropped before its end";
            self.give_up(Status::internal(why));
        }
    }
}

impl<B> fmt::Debug for Outgoing<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(data) => f
                .debug_tuple("Whole")
                .field(&data.as_ref().map(Bytes::len))
                .finish(),
            Self::Streaming { early, .. } => f
                .debug_struct("Streaming")
                .field("early", &early.len())
                .finish_non_exhaustive(),
        }
    }
}

impl<B> fmt::Debug for Upload<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").finish_non_exhaustive()
    }
}
