//! Request bodies.

use std::collections::VecDeque;
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

use crate::source::{Piece, Replay, Source};

/// A request body that has been looked at as far as it goes without waiting.
pub enum Outgoing<B> {
    /// All of it is here, as with a unary call.
    Whole(Option<Bytes>),
    /// There is more to come.
    Streaming {
        /// Data that has come already.
        early: VecDeque<Bytes>,
        /// What follows.
        rest: Rest<B>,
    },
}

/// What follows the data of a request that has come already.
pub enum Rest<B> {
    /// Whatever the body has.
    Body(B),
    /// Trailers. (No gRPC request has any.)
    Trailers(Box<HeaderMap>),
    /// Nothing.
    End,
}

impl<B> Rest<B> {
    /// The data of a frame, or what it is instead.
    pub(crate) fn of_frame(frame: Frame<Bytes>) -> Result<Bytes, Self> {
        frame.into_data().map_err(|other| {
            let trailers = other.into_trailers().unwrap_or_default();
            Self::Trailers(Box::new(trailers))
        })
    }
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
        let (mut first, mut second) = (None, None);
        // Two polls tell a unary call: its message, and that nothing follows.
        let rest = poll_fn(|cx| {
            while second.is_none() && !body.is_end_stream() {
                match Pin::new(&mut body).poll_frame(cx) {
                    Poll::Pending => return Poll::Ready(Ok(Rest::Body(()))),
                    Poll::Ready(None) => return Poll::Ready(Ok(Rest::End)),
                    Poll::Ready(Some(Ok(frame))) => match Rest::of_frame(frame) {
                        Ok(data) if first.is_none() => first = Some(data),
                        Ok(data) => second = Some(data),
                        Err(trailers) => return Poll::Ready(Ok(trailers)),
                    },
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(body_failed(error))),
                }
            }
            Poll::Ready(Ok(match second {
                Some(_) => Rest::Body(()),
                None => Rest::End,
            }))
        })
        .await?;
        let rest = match rest {
            Rest::End => return Ok(Self::Whole(first)),
            Rest::Trailers(trailers) => Rest::Trailers(trailers),
            Rest::Body(()) => Rest::Body(body),
        };
        let early = first.into_iter().chain(second).collect();
        Ok(Self::Streaming { early, rest })
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
    source: Source<B>,
    /// Data that waits for room in the flow-control window.
    waiting: Option<Bytes>,
    /// Says that the response began; closed when the caller gave the call up.
    wanted: Pin<Box<Receiver<Answered>>>,
    /// Why the call was given up, for whoever waits for the response.
    failure: Arc<OnceLock<Status>>,
    is_done: bool,
}

/// The head of the response came.
#[derive(Debug)]
struct Answered;

/// Held by whoever waits for the response; without it the upload ends.
#[derive(Debug)]
pub(crate) struct Wanted {
    open: Sender<Answered>,
    failure: Arc<OnceLock<Status>>,
}

impl Wanted {
    /// Tells the upload that the call will not be made again.
    pub(crate) fn answered(&self) {
        // Said once, and there is room for one.
        let _ = self.open.try_send(Answered);
    }

    /// Why the upload gave the call up.
    pub(crate) fn failure(&self) -> Option<&Status> {
        self.failure.get()
    }
}

impl<B> Upload<B> {
    pub(crate) fn new(
        send: SendStream<Bytes>,
        early: VecDeque<Bytes>,
        rest: Rest<B>,
    ) -> (Self, Wanted, Replay<B>) {
        let (open, wanted) = async_channel::bounded(1);
        let (source, replay) = Source::new(early, rest);
        let failure = Arc::new(OnceLock::new());
        let upload = Self {
            send,
            source,
            waiting: None,
            wanted: Box::pin(wanted),
            failure: Arc::clone(&failure),
            is_done: false,
        };
        let wanted = Wanted { open, failure };
        (upload, wanted, replay)
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
            match self.wanted.as_mut().poll_next(cx) {
                Poll::Pending => {}
                Poll::Ready(Some(Answered)) => {
                    self.source.commit();
                    // Once more: only a poll that is pending hears when the caller gives up.
                    continue;
                }
                Poll::Ready(None) => {
                    self.send.send_reset(h2::Reason::CANCEL);
                    return Poll::Ready(Ok(()));
                }
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
            match ready!(self.source.poll_next(cx)) {
                Ok(Piece::Data(data)) => self.waiting = Some(data),
                Ok(Piece::Trailers(trailers)) => {
                    return Poll::Ready(self.send.send_trailers(trailers));
                }
                Ok(Piece::End) => return Poll::Ready(self.send.send_data(Bytes::new(), true)),
                Err(error) => {
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
        self.source.give_back();
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
            Self::Streaming { early, rest } => f
                .debug_struct("Streaming")
                .field("early", &early.len())
                .field("rest", rest)
                .finish(),
        }
    }
}

impl<B> fmt::Debug for Rest<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Body(_) => "Body",
            Self::Trailers(_) => "Trailers",
            Self::End => "End",
        })
    }
}

impl<B> fmt::Debug for Upload<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").finish_non_exhaustive()
    }
}
