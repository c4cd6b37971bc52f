//! Request bodies, and the log from which several attempts read one of them.
//!
//! A streaming body can be read only once, but its call may be sent several times: again after an
//! attempt has failed, or side by side (hedging). So the messages that are read of the body are
//! appended to a log, and each attempt reads the log at its own position. An attempt at the end of
//! the log polls the body for all of them.

mod budget;

mod log;

mod reader;

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Body;
use trunkline_runtime::Lock;
use trunkline_status::{Code, Status};

pub use self::budget::{ReplayBudget, Reservation};
pub(crate) use self::log::Piece;
pub use self::log::ReaderId;
use self::log::{ReplayLog, Rest};
pub(crate) use self::reader::BodyReader;
use self::reader::{data_of, failure_of};
use crate::message_limit::{MessageLimit, MessageTooLarge};

/// The request body of one call. Each attempt of the call sends all of it.
///
/// The messages that were read of a streaming body are kept, as references, until the call is
/// committed. [`commit`](Self::commit) does that, and dropping the `RequestBody`: all attempts that
/// run go on. When the messages that were sent exceed a limit of the [`ReplayBudget`], the call is
/// committed to the attempt that has sent the most of them, and the others end.
///
/// Source: [gRFC A6](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#when-retries-are-valid).
pub struct RequestBody<B> {
    kind: BodyKind<B>,
    /// The most bytes that a message may have.
    max_message: OnceLock<u32>,
}

enum BodyKind<B> {
    /// The whole body is known, as that of a unary call.
    Whole {
        data: Option<Bytes>,
        is_committed: AtomicBool,
    },
    /// More may follow.
    Streaming(Arc<Lock<ReplayLog<B>>>),
}

/// A request body, as one attempt sends it.
pub(crate) enum AttemptBody<B> {
    Whole(Option<Bytes>),
    /// With the limit of its messages, if there is one.
    Streaming(BodyReader<B>, Option<MessageLimit>),
}

impl<B> RequestBody<B> {
    /// Makes the body of a unary call: one message with gRPC's prefix, or nothing.
    pub fn whole(data: impl Into<Option<Bytes>>) -> Self {
        Self::new(BodyKind::Whole {
            data: data.into(),
            is_committed: AtomicBool::new(false),
        })
    }

    fn new(kind: BodyKind<B>) -> Self {
        Self {
            kind,
            max_message: OnceLock::new(),
        }
    }

    /// Sets how many bytes a message of the request may have after compression, its prefix left out.
    /// Call it before the first attempt, and once; without it there is no limit.
    ///
    /// An attempt with a longer message fails with `RESOURCE_EXHAUSTED`. A streaming request is sent up
    /// to the piece with that message.
    pub fn set_max_message(&self, bytes: u32) {
        let _ = self.max_message.set(bytes);
    }

    /// Commits the call: it is not sent again. Frees the messages that are kept, but for those that
    /// a running attempt has still to send.
    ///
    /// The message of a unary call is freed with the `RequestBody`.
    pub fn commit(&self) {
        match &self.kind {
            BodyKind::Whole { is_committed, .. } => is_committed.store(true, Ordering::Relaxed),
            BodyKind::Streaming(log) => {
                let freed = log.lock().commit();
                // The body is the application's: drop it without the lock.
                drop(freed);
            }
        }
    }

    /// Commits the call to an attempt whose response decides it, and that was begun with
    /// [`Sent::reader`](crate::Sent::reader). The others read no more of the request: cancel them.
    ///
    /// Returns false when the attempt cannot send the rest of the request, because the call was
    /// committed to another one before.
    pub fn commit_to(&self, reader: Option<ReaderId>) -> bool {
        let is_whole = match (&self.kind, reader) {
            (BodyKind::Streaming(log), Some(reader)) => log.lock().commit_to(reader),
            _ => true,
        };
        self.commit();
        is_whole
    }

    /// Returns the attempt that the call is committed to; pending while that is open, or when the
    /// body is not shared. The task is woken when a limit of the budget commits the call.
    pub fn poll_decisive(&self, cx: &mut Context<'_>) -> Poll<ReaderId> {
        let BodyKind::Streaming(log) = &self.kind else {
            return Poll::Pending;
        };
        let mut log = log.lock();
        if let Some(reader) = log.decisive() {
            return Poll::Ready(reader);
        }
        log.register(cx.waker());
        Poll::Pending
    }

    /// Returns whether the call is committed to another attempt than this one.
    #[must_use]
    pub fn is_superseded(&self, reader: Option<ReaderId>) -> bool {
        match &self.kind {
            BodyKind::Whole { .. } => false,
            BodyKind::Streaming(log) => {
                let decisive = log.lock().decisive();
                decisive.is_some() && decisive != reader
            }
        }
    }

    /// Reserves memory for a unary message that may be sent again; `None` when that exceeds a limit of
    /// `budget`. A streaming body does that itself, message by message.
    ///
    /// A transparent retry needs no reservation.
    #[must_use]
    pub fn reserve(&self, budget: &ReplayBudget) -> Option<Reservation> {
        match &self.kind {
            BodyKind::Whole {
                data: Some(data), ..
            } => budget.reserve(data),
            _ => Some(budget.reserve_nothing()),
        }
    }

    /// Ends the reading of an attempt that has failed, and returns whether the call can be sent
    /// again, as [`can_replay`](Self::can_replay) does. An attempt of a committed call reads on.
    ///
    /// Drop the response of the attempt when this returns true.
    #[must_use]
    pub fn rewind(&self, reader: Option<ReaderId>) -> bool {
        match (&self.kind, reader) {
            (BodyKind::Streaming(log), Some(reader)) => log.lock().rewind(reader),
            _ => self.can_replay(),
        }
    }

    /// Returns whether the call can be sent again: it is not committed, what was sent of it is within
    /// the limits, and its body has not failed.
    ///
    /// Drop the response of an attempt that has failed before you ask: until then its upload may
    /// still read the body, and get over the limit.
    #[must_use]
    pub fn can_replay(&self) -> bool {
        match &self.kind {
            BodyKind::Whole { is_committed, .. } => !is_committed.load(Ordering::Relaxed),
            BodyKind::Streaming(log) => !log.lock().is_committed(),
        }
    }

    /// Returns the bytes of the messages that were read of the body and are kept.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        match &self.kind {
            BodyKind::Whole { data, .. } => data.as_ref().map_or(0, Bytes::len),
            BodyKind::Streaming(log) => log.lock().bytes(),
        }
    }

    /// Begins an attempt at the start of the body.
    ///
    /// # Errors
    ///
    /// When the start is not kept any more, and when a whole body has a message over the limit.
    pub(crate) fn open(&self) -> Result<AttemptBody<B>, Status> {
        let limit = self.max_message.get().copied().map(MessageLimit::new);
        match &self.kind {
            BodyKind::Whole { data, .. } => {
                if let (Some(mut limit), Some(data)) = (limit, data) {
                    limit.check(data).map_err(message_too_large)?;
                }
                Ok(AttemptBody::Whole(data.clone()))
            }
            BodyKind::Streaming(log) => {
                let id = log.lock().open().ok_or_else(|| {
                    let text = "the request cannot be sent again: its start is not kept any more";
                    Status::internal(text)
                })?;
                let reader = BodyReader::new(Arc::clone(log), id);
                Ok(AttemptBody::Streaming(reader, limit))
            }
        }
    }
}

impl<B> RequestBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Reads a body as far as possible without waiting, up to two messages. That is enough to
    /// recognise a unary call. What is kept of a streaming body counts towards `budget`.
    ///
    /// # Errors
    ///
    /// When the body fails: the application's own error, as `INTERNAL`.
    pub async fn prepare(mut body: B, budget: &ReplayBudget) -> Result<Self, Status> {
        let (mut first, mut second) = (None, None);
        // The body of a unary call returns its message, then the end.
        let rest = poll_fn(|cx| {
            while second.is_none() && !body.is_end_stream() {
                match Pin::new(&mut body).poll_frame(cx) {
                    Poll::Pending => return Poll::Ready(Ok(Rest::Body(()))),
                    Poll::Ready(None) => return Poll::Ready(Ok(Rest::End)),
                    Poll::Ready(Some(Ok(frame))) => match data_of(frame) {
                        Ok(data) if first.is_none() => first = Some(data),
                        Ok(data) => second = Some(data),
                        Err(trailers) => return Poll::Ready(Ok(Rest::Trailers(trailers))),
                    },
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(failure_of(error))),
                }
            }
            Poll::Ready(Ok(match second {
                Some(_) => Rest::Body(()),
                None => Rest::End,
            }))
        })
        .await?;
        let rest = match rest {
            Rest::Body(()) => Rest::Body(body),
            Rest::Trailers(trailers) => Rest::Trailers(trailers),
            _ => return Ok(Self::whole(first)),
        };
        let data = first.into_iter().chain(second).collect();
        let log = ReplayLog::new(data, rest, budget);
        Ok(Self::new(BodyKind::Streaming(Arc::new(Lock::new(log)))))
    }
}

/// Returns the status of a call whose request has a message over the limit.
pub(crate) fn message_too_large(error: MessageTooLarge) -> Status {
    let text = format!("a message of the request is too large: {error}");
    Status::new(Code::ResourceExhausted, text)
}

impl<B> Drop for RequestBody<B> {
    fn drop(&mut self) {
        self.commit();
    }
}

impl<B> fmt::Debug for RequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.kind {
            BodyKind::Whole { .. } => "RequestBody(whole)",
            BodyKind::Streaming(_) => "RequestBody(streaming)",
        })
    }
}
