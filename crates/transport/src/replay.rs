//! Request bodies, and the log from which several attempts read one of them.
//!
//! A streaming body can be read only once, but a call may be sent several times: again after an
//! attempt failed, or side by side (hedging). So what is read of the body is appended to a log, and
//! each attempt reads the log at a cursor of its own. An attempt at the end of the log polls the
//! body for all of them.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame};
use trunkline_runtime::Lock;
use trunkline_status::{Code, Status};

/// How much is kept of a request so that it can be sent again, in bytes of memory. gRPC for Go and
/// C++ keep as much.
///
/// Source: [gRFC A6, memory management](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#memory-management-buffering).
const KEPT: usize = 256 * 1024;

/// The request body of one call, from which each attempt of the call reads all of it.
///
/// What was read of a streaming body is kept, as references, until [`commit`](Self::commit), and
/// up to 256 KiB. Dropping the `RequestBody` commits the call too; attempts that run go on.
///
/// Source: [gRFC A6](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#when-retries-are-valid).
pub struct RequestBody<B>(Kind<B>);

enum Kind<B> {
    /// The whole body is here, as that of a unary call.
    Whole {
        data: Option<Bytes>,
        is_committed: AtomicBool,
    },
    /// More may follow.
    Streaming(Arc<Lock<Log<B>>>),
}

/// What an attempt sends.
pub(crate) enum Opened<B> {
    Whole(Option<Bytes>),
    Streaming(BodyReader<B>),
}

/// A piece of a request.
pub(crate) enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
    End,
    /// The attempt was given up meanwhile: nothing was read.
    Unwanted,
}

impl<B> RequestBody<B> {
    /// Makes the body of a unary call: one message, or none.
    pub fn whole(data: impl Into<Option<Bytes>>) -> Self {
        Self(Kind::Whole {
            data: data.into(),
            is_committed: AtomicBool::new(false),
        })
    }

    fn streaming(data: VecDeque<Bytes>, rest: Rest<B>) -> Self {
        Self(Kind::Streaming(Arc::new(Lock::new(Log {
            data,
            start: 0,
            taken: 0,
            kept: 0,
            rest,
            is_committed: false,
            is_cleared: false,
            cursors: Vec::new(),
        }))))
    }

    /// Commits the call: it is not sent again. Frees what is kept, but for what attempts that run
    /// have still to send.
    ///
    /// A unary message lives as long as the `RequestBody`.
    pub fn commit(&self) {
        match &self.0 {
            Kind::Whole { is_committed, .. } => is_committed.store(true, Ordering::Relaxed),
            Kind::Streaming(log) => {
                let freed = log.lock().commit();
                // The body is the application's: it is dropped without the lock.
                drop(freed);
            }
        }
    }

    /// Returns whether the call can be sent again: it is not committed, at most 256 KiB of it were
    /// sent, and its body has not failed.
    #[must_use]
    pub fn can_replay(&self) -> bool {
        match &self.0 {
            Kind::Whole { is_committed, .. } => !is_committed.load(Ordering::Relaxed),
            Kind::Streaming(log) => !log.lock().is_committed,
        }
    }

    /// Begins to read the body from its start; `None` when its start is not kept any more.
    pub(crate) fn open(&self) -> Option<Opened<B>> {
        match &self.0 {
            Kind::Whole { data, .. } => Some(Opened::Whole(data.clone())),
            Kind::Streaming(log) => {
                let number = log.lock().open()?;
                let log = Arc::clone(log);
                Some(Opened::Streaming(BodyReader::Shared(Cursor {
                    log,
                    number,
                })))
            }
        }
    }
}

impl<B> Drop for RequestBody<B> {
    fn drop(&mut self) {
        self.commit();
    }
}

impl<B> RequestBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Reads a body as far as possible without waiting, up to two messages. This finds out whether
    /// the call is unary.
    ///
    /// # Errors
    ///
    /// When the body fails: the application's own error, as `INTERNAL`.
    pub async fn prepare(mut body: B) -> Result<Self, Status> {
        let (mut first, mut second) = (None, None);
        // Two polls recognise a unary call: one returns its message, the other the end.
        let rest = poll_fn(|cx| {
            while second.is_none() && !body.is_end_stream() {
                match Pin::new(&mut body).poll_frame(cx) {
                    Poll::Pending => return Poll::Ready(Ok(Rest::Body(()))),
                    Poll::Ready(None) => return Poll::Ready(Ok(Rest::End)),
                    Poll::Ready(Some(Ok(frame))) => match data_or_trailers(frame) {
                        Ok(data) if first.is_none() => first = Some(data),
                        Ok(data) => second = Some(data),
                        Err(trailers) => return Poll::Ready(Ok(Rest::Trailers(trailers))),
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
            Rest::Body(()) => Rest::Body(body),
            Rest::Trailers(trailers) => Rest::Trailers(trailers),
            _ => return Ok(Self::whole(first)),
        };
        Ok(Self::streaming(
            first.into_iter().chain(second).collect(),
            rest,
        ))
    }
}

/// Returns the data of a frame, or its trailers.
fn data_or_trailers(frame: Frame<Bytes>) -> Result<Bytes, Box<HeaderMap>> {
    frame
        .into_data()
        .map_err(|other| Box::new(other.into_trailers().unwrap_or_default()))
}

fn body_failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Status {
    Status::new(
        Code::Internal,
        format!("the request's body failed: {}", error.into()),
    )
}

/// What was read of a streaming body, and where each attempt is.
struct Log<B> {
    /// What is kept of the messages that were read.
    data: VecDeque<Bytes>,
    /// The number of messages that were read and are not kept any more.
    start: usize,
    /// The number of messages that the fastest attempt has taken.
    taken: usize,
    /// The memory of the messages in `data` that were taken, in bytes.
    kept: usize,
    rest: Rest<B>,
    /// Whether the call is not sent again.
    is_committed: bool,
    /// Whether everything is gone: an attempt took it over, or the last one ended.
    is_cleared: bool,
    /// The cursors of the attempts that run, each at its number.
    cursors: Vec<Option<Position>>,
}

/// What follows the messages in a [`Log`].
pub(crate) enum Rest<B> {
    /// Whatever the body has.
    Body(B),
    /// Not known: an attempt polls the body just now, without the lock.
    Polled,
    /// Trailers. (No gRPC request has any.)
    Trailers(Box<HeaderMap>),
    /// Nothing.
    End,
    /// The failure of the body.
    Failed(Status),
}

/// Where one attempt is in a [`Log`].
struct Position {
    /// The number of messages that it has taken.
    next: usize,
    /// Wakes its upload.
    waker: Option<Waker>,
    /// Whether it waits for a message that is not read yet.
    is_waiting: bool,
}

/// What a [`Log`] has for one attempt.
enum Next<B> {
    Piece(Piece),
    Failed(Status),
    /// The body, for the attempt to poll and put back.
    Body(B),
    /// Nothing yet: another attempt polls the body.
    Wait,
}

/// The memory that a message takes up, in bytes. Empty messages take up room too.
fn cost(data: &Bytes) -> usize {
    data.len() + size_of::<Bytes>()
}

impl<B> Log<B> {
    fn open(&mut self) -> Option<usize> {
        if self.start > 0 || self.is_cleared {
            return None;
        }
        let position = Position {
            next: 0,
            waker: None,
            is_waiting: false,
        };
        let free = self.cursors.iter().position(Option::is_none);
        let number = free.unwrap_or(self.cursors.len());
        match free {
            Some(number) => self.cursors[number] = Some(position),
            None => self.cursors.push(Some(position)),
        }
        Some(number)
    }

    /// Commits the call. The caller drops what is returned, without the lock.
    fn commit(&mut self) -> Option<Rest<B>> {
        self.is_committed = true;
        self.trim();
        self.clear_unread()
    }

    /// Ends an attempt. The caller drops what is returned, without the lock.
    fn close(&mut self, number: usize) -> Option<Rest<B>> {
        self.cursors[number] = None;
        self.trim();
        self.clear_unread()
    }

    /// Frees everything once no attempt can read it any more.
    fn clear_unread(&mut self) -> Option<Rest<B>> {
        let is_read = self.cursors.iter().any(Option::is_some);
        // A call may be committed before its first attempt.
        if is_read || !self.is_committed || self.taken == 0 {
            return None;
        }
        Some(self.take_over().1)
    }

    /// Takes everything out.
    fn take_over(&mut self) -> (VecDeque<Bytes>, Rest<B>) {
        self.is_cleared = true;
        (
            mem::take(&mut self.data),
            mem::replace(&mut self.rest, Rest::End),
        )
    }

    /// Returns whether an attempt can take everything over: the call is committed, no other attempt
    /// reads, and this one is not too far behind.
    fn is_left_to(&self, number: usize) -> bool {
        self.is_committed
            && !matches!(self.rest, Rest::Polled)
            && self.cursors.iter().enumerate().all(|(at, cursor)| {
                let next = cursor.as_ref().map(|cursor| cursor.next);
                next == (at == number).then_some(self.start)
            })
    }

    /// Frees the messages of a committed call that no attempt has still to send, and those by which
    /// one is too far behind the fastest.
    fn trim(&mut self) {
        if !self.is_committed {
            return;
        }
        let positions = self.cursors.iter().flatten().map(|cursor| cursor.next);
        let Some(slowest) = positions.min() else {
            return;
        };
        while self.start < slowest || self.kept > KEPT {
            let Some(data) = self.data.pop_front() else {
                break;
            };
            self.start += 1;
            self.kept -= cost(&data);
        }
    }

    /// Returns what is next for an attempt; registers its waker when it has to wait for the body.
    fn next(&mut self, number: usize, waker: &Waker) -> Next<B> {
        let Some(cursor) = &mut self.cursors[number] else {
            return Next::Piece(Piece::Unwanted);
        };
        let Some(ahead) = cursor.next.checked_sub(self.start) else {
            return Next::Failed(Status::new(
                Code::Cancelled,
                "another attempt of the call is ahead by more than the 256 KiB that are kept of a \
                 request",
            ));
        };
        if let Some(data) = self.data.get(ahead).cloned() {
            cursor.next += 1;
            cursor.is_waiting = false;
            if cursor.next > self.taken {
                self.taken = cursor.next;
                self.kept += cost(&data);
                self.is_committed |= self.kept > KEPT;
            }
            self.trim();
            return Next::Piece(Piece::Data(data));
        }
        match &self.rest {
            Rest::End => return Next::Piece(Piece::End),
            Rest::Trailers(trailers) => {
                return Next::Piece(Piece::Trailers(HeaderMap::clone(trailers)));
            }
            Rest::Failed(status) => return Next::Failed(status.clone()),
            Rest::Body(_) | Rest::Polled => {}
        }
        cursor.is_waiting = true;
        if !cursor
            .waker
            .as_ref()
            .is_some_and(|own| own.will_wake(waker))
        {
            cursor.waker = Some(waker.clone());
        }
        match mem::replace(&mut self.rest, Rest::Polled) {
            Rest::Body(body) => Next::Body(body),
            _ => Next::Wait,
        }
    }

    /// Returns the wakers of the attempts that wait, but for this one. The caller wakes them without
    /// the lock.
    fn waiting(&mut self, but: usize) -> Vec<Waker> {
        let others = self.cursors.iter_mut().enumerate();
        let others = others.filter(|(number, _)| *number != but);
        others
            .filter_map(|(_, cursor)| {
                let cursor = cursor.as_mut()?;
                let is_waiting = mem::take(&mut cursor.is_waiting);
                cursor.waker.clone().filter(|_| is_waiting)
            })
            .collect()
    }
}

/// Reads a request body for one attempt.
pub(crate) enum BodyReader<B> {
    /// Other attempts may read the body too.
    Shared(Cursor<B>),
    /// The call is committed, and this is its last attempt: it needs no lock.
    Owned {
        data: VecDeque<Bytes>,
        rest: Rest<B>,
    },
}

/// An attempt's place in a [`Log`]; closed on drop.
pub(crate) struct Cursor<B> {
    log: Arc<Lock<Log<B>>>,
    number: usize,
}

impl<B> Drop for Cursor<B> {
    fn drop(&mut self) {
        let mut log = self.log.lock();
        let freed = log.close(self.number);
        // The body may have been about to wake this attempt, and no other.
        let waiting = log.waiting(self.number);
        drop(log);
        drop(freed);
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// Marks the body as failed when it panics while an attempt polls it.
struct PanicGuard<'a, B> {
    cursor: &'a Cursor<B>,
    is_armed: bool,
}

impl<B> Drop for PanicGuard<'_, B> {
    fn drop(&mut self) {
        if self.is_armed {
            let text = "the request's body panicked while another attempt of the call read it";
            self.cursor
                .append(Read::Rest(Rest::Failed(Status::internal(text))));
        }
    }
}

/// What a poll of the body brought.
enum Read<B> {
    /// A message, before what follows.
    Data(Bytes, B),
    /// No message.
    Rest(Rest<B>),
}

impl<B> Cursor<B> {
    /// Puts back what follows, and wakes the other attempts if they can go on.
    fn append(&self, read: Read<B>) {
        let mut log = self.log.lock();
        let mut freed = None;
        let is_news = !matches!(read, Read::Rest(Rest::Body(_)));
        match read {
            Read::Data(data, body) => {
                log.data.push_back(data);
                log.rest = Rest::Body(body);
            }
            Read::Rest(rest) => {
                let has_failed = matches!(rest, Rest::Failed(_));
                log.rest = rest;
                if has_failed {
                    freed = log.commit();
                }
            }
        }
        // The attempts that wait stay registered while nothing is new. The body wakes this attempt,
        // and this attempt wakes them: by what it appends then, or by its drop.
        let waiting = if is_news {
            log.waiting(self.number)
        } else {
            Vec::new()
        };
        drop(log);
        drop(freed);
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl<B> BodyReader<B> {
    /// Stops reading.
    pub(crate) fn close(&mut self) {
        *self = Self::Owned {
            data: VecDeque::new(),
            rest: Rest::End,
        };
    }
}

impl<B> BodyReader<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Reads the next piece. Nothing follows trailers, or the end.
    ///
    /// Reads nothing once `is_wanted` returns false: an attempt that was given up must not move
    /// ahead of one that began afterwards.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        is_wanted: impl Fn() -> bool,
    ) -> Poll<Result<Piece, Status>> {
        loop {
            let cursor = match self {
                Self::Shared(cursor) => cursor,
                Self::Owned { data, rest } => return poll_owned(data, rest, cx),
            };
            let mut log = cursor.log.lock();
            if !is_wanted() {
                return Poll::Ready(Ok(Piece::Unwanted));
            }
            if log.is_left_to(cursor.number) {
                let (data, rest) = log.take_over();
                drop(log);
                *self = Self::Owned { data, rest };
                continue;
            }
            let next = log.next(cursor.number, cx.waker());
            drop(log);
            let mut body = match next {
                Next::Piece(piece) => return Poll::Ready(Ok(piece)),
                Next::Failed(status) => return Poll::Ready(Err(status)),
                Next::Wait => return Poll::Pending,
                Next::Body(body) => body,
            };
            let mut guard = PanicGuard {
                cursor,
                is_armed: true,
            };
            let poll = poll_body(&mut body, cx);
            guard.is_armed = false;
            drop(guard);
            match poll {
                Poll::Pending => {
                    cursor.append(Read::Rest(Rest::Body(body)));
                    return Poll::Pending;
                }
                Poll::Ready(Ok(data)) => cursor.append(Read::Data(data, body)),
                Poll::Ready(Err(rest)) => cursor.append(Read::Rest(rest)),
            }
        }
    }
}

fn poll_owned<B>(
    data: &mut VecDeque<Bytes>,
    rest: &mut Rest<B>,
    cx: &mut Context<'_>,
) -> Poll<Result<Piece, Status>>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    if let Some(data) = data.pop_front() {
        return Poll::Ready(Ok(Piece::Data(data)));
    }
    loop {
        let body = match rest {
            Rest::Body(body) => body,
            Rest::End | Rest::Polled => return Poll::Ready(Ok(Piece::End)),
            Rest::Trailers(trailers) => {
                let trailers = mem::take(&mut **trailers);
                return Poll::Ready(Ok(Piece::Trailers(trailers)));
            }
            Rest::Failed(status) => return Poll::Ready(Err(status.clone())),
        };
        match ready!(poll_body(body, cx)) {
            Ok(data) => return Poll::Ready(Ok(Piece::Data(data))),
            Err(ended) => *rest = ended,
        }
    }
}

/// Polls a body for a message; the error is what there is in place of one.
fn poll_body<B>(body: &mut B, cx: &mut Context<'_>) -> Poll<Result<Bytes, Rest<B>>>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    Poll::Ready(match ready!(Pin::new(body).poll_frame(cx)) {
        None => Err(Rest::End),
        Some(Ok(frame)) => data_or_trailers(frame).map_err(Rest::Trailers),
        Some(Err(error)) => Err(Rest::Failed(body_failed(error))),
    })
}

impl<B> fmt::Debug for RequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Whole { .. } => "RequestBody(whole)",
            Kind::Streaming(_) => "RequestBody(streaming)",
        })
    }
}
