//! The log of a streaming request body.

use std::collections::VecDeque;
use std::mem;
use std::task::Waker;

use bytes::Bytes;
use http::HeaderMap;
use trunkline_status::{Code, Status};

/// How much is kept of a request so that it can be sent again, in bytes of memory. gRPC for Go and
/// C++ keep as much.
///
/// Source: [gRFC A6, memory management](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#memory-management-buffering).
const REPLAY_LIMIT: usize = 256 * 1024;

/// A piece of a request.
pub(crate) enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
    End,
    /// None: the attempt was given up, so it reads nothing.
    Unwanted,
}

/// The messages that were read of a streaming body, and the position of each attempt.
///
/// It is used under a lock. So it never polls or drops the body, and wakes no task: its callers do
/// that after they have released the lock.
pub(super) struct ReplayLog<B> {
    /// The messages that were read and are still kept.
    data: VecDeque<Bytes>,
    /// The number of messages that were read and are not kept any more.
    start: usize,
    /// The number of messages that the fastest attempt has taken.
    taken: usize,
    /// The memory of the messages in `data` that were taken, in bytes.
    kept: usize,
    rest: Rest<B>,
    /// True when the call is not sent again.
    is_committed: bool,
    /// True when the log is empty for good: its last attempt took everything over, or has ended.
    is_cleared: bool,
    /// The positions of the attempts that run, by their numbers.
    positions: Vec<Option<Position>>,
}

/// What follows the messages of a [`ReplayLog`].
pub(super) enum Rest<B> {
    /// The body, which may have more.
    Body(B),
    /// Unknown: an attempt has the body and polls it.
    Polled,
    /// Trailers. (No gRPC request has any.)
    Trailers(Box<HeaderMap>),
    /// Nothing.
    End,
    /// The failure of the body.
    Failed(Status),
}

/// The position of one attempt in a [`ReplayLog`].
struct Position {
    /// The number of messages that the attempt has taken.
    next: usize,
    /// Wakes the upload of the attempt.
    waker: Option<Waker>,
    /// True while the attempt waits for a message that was not read yet.
    is_waiting: bool,
}

/// What a [`ReplayLog`] has for one attempt.
pub(super) enum NextPiece<B> {
    Piece(Piece),
    Failed(Status),
    /// The body: the attempt polls it and puts it back.
    Body(B),
    /// Nothing yet: another attempt polls the body.
    Wait,
    /// Everything: the attempt is the only one left, and the call is committed.
    All(VecDeque<Bytes>, Rest<B>),
}

/// Returns the memory that a message takes up, in bytes. An empty message takes up some too.
fn cost(data: &Bytes) -> usize {
    data.len() + size_of::<Bytes>()
}

impl<B> ReplayLog<B> {
    /// Makes the log of a body of which `data` was read already.
    pub(super) fn new(data: VecDeque<Bytes>, rest: Rest<B>) -> Self {
        Self {
            data,
            start: 0,
            taken: 0,
            kept: 0,
            rest,
            is_committed: false,
            is_cleared: false,
            positions: Vec::new(),
        }
    }

    /// Returns whether the call is not sent again.
    pub(super) fn is_committed(&self) -> bool {
        self.is_committed
    }

    /// Returns the bytes of the messages that are kept.
    pub(super) fn bytes(&self) -> usize {
        self.data.iter().map(Bytes::len).sum()
    }

    /// Adds an attempt at the start, and returns its number; `None` when the start is not kept.
    pub(super) fn open(&mut self) -> Option<usize> {
        if self.start > 0 || self.is_cleared {
            return None;
        }
        let position = Some(Position {
            next: 0,
            waker: None,
            is_waiting: false,
        });
        if let Some(number) = self.positions.iter().position(Option::is_none) {
            self.positions[number] = position;
            return Some(number);
        }
        self.positions.push(position);
        Some(self.positions.len() - 1)
    }

    /// Ends an attempt. Returns the rest when no attempt can read it any more.
    pub(super) fn close(&mut self, number: usize) -> Option<Rest<B>> {
        self.positions[number] = None;
        self.free()
    }

    /// Commits the call: it is not sent again. Returns the rest when no attempt can read it any
    /// more.
    pub(super) fn commit(&mut self) -> Option<Rest<B>> {
        self.is_committed = true;
        self.free()
    }

    /// Returns what is next for an attempt. When that has to wait, `waker` is woken later.
    pub(super) fn next(&mut self, number: usize, waker: &Waker) -> NextPiece<B> {
        if self.is_left_to(number) {
            let (data, rest) = self.take_all();
            return NextPiece::All(data, rest);
        }
        let Some(position) = &mut self.positions[number] else {
            return NextPiece::Failed(Status::internal("the attempt has ended"));
        };
        let Some(index) = position.next.checked_sub(self.start) else {
            return NextPiece::Failed(Status::new(
                Code::Cancelled,
                "another attempt of the call is ahead by more than the 256 KiB that are kept of a \
                 request",
            ));
        };
        if let Some(data) = self.data.get(index).cloned() {
            position.next += 1;
            position.is_waiting = false;
            if position.next > self.taken {
                self.taken = position.next;
                self.kept += cost(&data);
                self.is_committed |= self.kept > REPLAY_LIMIT;
            }
            self.trim();
            return NextPiece::Piece(Piece::Data(data));
        }
        match &self.rest {
            Rest::End => return NextPiece::Piece(Piece::End),
            Rest::Trailers(trailers) => {
                return NextPiece::Piece(Piece::Trailers(HeaderMap::clone(trailers)));
            }
            Rest::Failed(status) => return NextPiece::Failed(status.clone()),
            Rest::Body(_) | Rest::Polled => {}
        }
        position.is_waiting = true;
        if !position
            .waker
            .as_ref()
            .is_some_and(|own| own.will_wake(waker))
        {
            position.waker = Some(waker.clone());
        }
        match mem::replace(&mut self.rest, Rest::Polled) {
            Rest::Body(body) => NextPiece::Body(body),
            _ => NextPiece::Wait,
        }
    }

    /// Appends a message that was read of `body`.
    pub(super) fn append(&mut self, data: Bytes, body: B) {
        self.data.push_back(data);
        self.rest = Rest::Body(body);
    }

    /// Puts back the body, or what was read in place of a message. A failure commits the call.
    pub(super) fn put_back(&mut self, rest: Rest<B>) {
        // There is nothing to free: the attempt that read the failure is open.
        self.is_committed |= matches!(rest, Rest::Failed(_));
        self.rest = rest;
    }

    /// Returns the wakers of the attempts that wait, without that of the attempt `number`.
    pub(super) fn take_waiting(&mut self, number: usize) -> Vec<Waker> {
        let others = self.positions.iter_mut().enumerate();
        let others = others.filter(|(at, _)| *at != number);
        others
            .filter_map(|(_, position)| {
                let position = position.as_mut()?;
                let is_waiting = mem::take(&mut position.is_waiting);
                position.waker.clone().filter(|_| is_waiting)
            })
            .collect()
    }

    /// Returns whether an attempt can take everything over: the call is committed, no other attempt
    /// reads, and this one is not too far behind.
    fn is_left_to(&self, number: usize) -> bool {
        self.is_committed
            && !matches!(self.rest, Rest::Polled)
            && self.positions.iter().enumerate().all(|(at, position)| {
                let next = position.as_ref().map(|position| position.next);
                next == (at == number).then_some(self.start)
            })
    }

    fn take_all(&mut self) -> (VecDeque<Bytes>, Rest<B>) {
        self.is_cleared = true;
        let rest = mem::replace(&mut self.rest, Rest::End);
        (mem::take(&mut self.data), rest)
    }

    /// Frees what no attempt can read any more. Returns the rest when that is everything.
    fn free(&mut self) -> Option<Rest<B>> {
        self.trim();
        let is_read = self.positions.iter().any(Option::is_some);
        // With nothing taken, the first attempt may be yet to come.
        if is_read || !self.is_committed || self.taken == 0 {
            return None;
        }
        Some(self.take_all().1)
    }

    /// Frees the messages of a committed call that no attempt has still to send. So that memory
    /// stays bounded, it also frees those that are further than [`REPLAY_LIMIT`] behind the fastest attempt.
    fn trim(&mut self) {
        if !self.is_committed {
            return;
        }
        let positions = self.positions.iter().flatten();
        let Some(slowest) = positions.map(|position| position.next).min() else {
            return;
        };
        while self.start < slowest || self.kept > REPLAY_LIMIT {
            let Some(data) = self.data.pop_front() else {
                return;
            };
            self.start += 1;
            self.kept -= cost(&data);
        }
    }
}
