//! Reading a streaming request body for one attempt.

use std::collections::VecDeque;
use std::error::Error;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame};
use trunkline_runtime::Lock;
use trunkline_status::{Code, Status};

use super::log::{NextPiece, Piece, ReaderId, ReplayLog, Rest};

/// Reads a streaming request body for one attempt.
pub(crate) struct BodyReader<B>(Place<B>);

/// Where a reader reads.
enum Place<B> {
    /// In a log that other attempts may read too.
    Log(Cursor<B>),
    /// In what it has taken over: the call is committed, and this is its only attempt. It takes no
    /// lock.
    Own(VecDeque<Bytes>, Rest<B>),
}

impl<B> BodyReader<B> {
    /// Reads a log as the attempt `id`.
    pub(super) fn new(log: Arc<Lock<ReplayLog<B>>>, id: ReaderId) -> Self {
        Self(Place::Log(Cursor { log, id }))
    }

    /// Returns the identity of the attempt; `None` when it does not share the body.
    pub(crate) fn id(&self) -> Option<ReaderId> {
        match &self.0 {
            Place::Log(cursor) => Some(cursor.id),
            Place::Own(..) => None,
        }
    }

    /// Stops reading, so that the log keeps nothing for this attempt.
    pub(crate) fn close(&mut self) {
        self.0 = Place::Own(VecDeque::new(), Rest::End);
    }
}

impl<B> BodyReader<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Reads the next piece. Nothing follows trailers, or the end.
    ///
    /// It reads nothing once `is_wanted` returns false: an attempt that was given up must not use up
    /// what the attempts after it may have to send again.
    ///
    /// # Errors
    ///
    /// When the body fails, or the call is committed to another attempt.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        is_wanted: impl Fn() -> bool,
    ) -> Poll<Result<Piece, Status>> {
        loop {
            let cursor = match &mut self.0 {
                Place::Log(cursor) => cursor,
                Place::Own(data, rest) => return poll_own(data, rest, cx),
            };
            match cursor.next(cx.waker(), &is_wanted) {
                NextPiece::Piece(piece) => return Poll::Ready(Ok(piece)),
                NextPiece::Failed(status) => return Poll::Ready(Err(status)),
                NextPiece::Wait => return Poll::Pending,
                NextPiece::Body(body) => ready!(cursor.poll_body(body, cx)),
                NextPiece::All(data, rest) => self.0 = Place::Own(data, rest),
            }
        }
    }
}

/// The place of one attempt in a log; closed on drop.
///
/// The body wakes only the task that polled it last. That is an attempt at the end of the log. Each
/// time it is woken, it polls the body again or is dropped; then it wakes the other attempts that
/// wait. So none of them waits for ever.
struct Cursor<B> {
    log: Arc<Lock<ReplayLog<B>>>,
    id: ReaderId,
}

impl<B> Cursor<B> {
    fn next(&self, waker: &Waker, is_wanted: impl Fn() -> bool) -> NextPiece<B> {
        let mut log = self.log.lock();
        if !is_wanted() {
            return NextPiece::Piece(Piece::Unwanted);
        }
        let next = log.next(self.id, waker);
        let call = log.take_call_waker();
        drop(log);
        if let Some(call) = call {
            call.wake();
        }
        next
    }

    /// Changes the log, and wakes the other attempts that wait.
    fn change(&self, change: impl FnOnce(&mut ReplayLog<B>)) {
        let mut log = self.log.lock();
        change(&mut log);
        let waiting = log.take_waiting(self.id);
        drop(log);
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl<B> Cursor<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Polls the body for the log; ready when the log has something new.
    fn poll_body(&self, mut body: B, cx: &mut Context<'_>) -> Poll<()> {
        let mut guard = PanicGuard(Some(self));
        let poll = poll_data(&mut body, cx);
        guard.0 = None;
        match poll {
            Poll::Pending => {
                self.log.lock().put_back(Rest::Body(body));
                return Poll::Pending;
            }
            Poll::Ready(Ok(data)) => self.change(|log| log.append(data, body)),
            Poll::Ready(Err(rest)) => self.change(|log| log.put_back(rest)),
        }
        Poll::Ready(())
    }
}

impl<B> Drop for Cursor<B> {
    fn drop(&mut self) {
        let mut freed = None;
        self.change(|log| freed = log.close(self.id));
    }
}

/// Lets the other attempts fail when the body panics while this one polls it.
struct PanicGuard<'a, B>(Option<&'a Cursor<B>>);

impl<B> Drop for PanicGuard<'_, B> {
    fn drop(&mut self) {
        if let Some(cursor) = self.0 {
            let status = Status::internal("the request's body panicked");
            cursor.change(|log| log.put_back(Rest::Failed(status)));
        }
    }
}

fn poll_own<B>(
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
        match ready!(poll_data(body, cx)) {
            Ok(data) => return Poll::Ready(Ok(Piece::Data(data))),
            Err(other) => *rest = other,
        }
    }
}

/// Polls a body for a message; the error is what comes in place of one.
fn poll_data<B>(body: &mut B, cx: &mut Context<'_>) -> Poll<Result<Bytes, Rest<B>>>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    Poll::Ready(match ready!(Pin::new(body).poll_frame(cx)) {
        None => Err(Rest::End),
        Some(Ok(frame)) => data_of(frame).map_err(Rest::Trailers),
        Some(Err(error)) => Err(Rest::Failed(failure_of(error))),
    })
}

/// Returns the data of a frame; the error is its trailers.
pub(super) fn data_of(frame: Frame<Bytes>) -> Result<Bytes, Box<HeaderMap>> {
    frame
        .into_data()
        .map_err(|other| Box::new(other.into_trailers().unwrap_or_default()))
}

/// Returns the status of a call whose body fails.
pub(super) fn failure_of(error: impl Into<Box<dyn Error + Send + Sync>>) -> Status {
    let text = format!("the request's body failed: {}", error.into());
    Status::new(Code::Internal, text)
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::replay::budget::ReplayBudget;

    /// A body that is pending once, and then panics.
    struct Panicking(bool);

    impl Body for Panicking {
        type Data = Bytes;
        type Error = &'static str;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            assert!(!mem::replace(&mut self.0, true), "a defect");
            Poll::Pending
        }
    }

    fn open(log: &Arc<Lock<ReplayLog<Panicking>>>) -> BodyReader<Panicking> {
        let id = log.lock().open().expect("a whole log");
        BodyReader::new(Arc::clone(log), id)
    }

    /// A body that panics under one attempt fails the others, which would otherwise wait for ever.
    #[test]
    fn a_panic_of_the_body() {
        let rest = Rest::Body(Panicking(false));
        let budget = ReplayBudget::default();
        let log = Arc::new(Lock::new(ReplayLog::new(VecDeque::new(), rest, &budget)));
        let (mut one, mut other) = (open(&log), open(&log));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(one.poll_next(&mut cx, || true).is_pending());
        let poll = || one.poll_next(&mut cx, || true).is_pending();
        catch_unwind(AssertUnwindSafe(poll)).expect_err("a panic");
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(Err(status)) = other.poll_next(&mut cx, || true) else {
            panic!("no failure");
        };
        assert_eq!(status.code(), Code::Internal);
        assert!(log.lock().is_committed());
    }
}
