//! The log of a streaming request body.

use std::collections::VecDeque;
use std::mem;
use std::num::NonZeroU32;
use std::task::Waker;

use bytes::Bytes;
use http::HeaderMap;
use trunkline_status::{Code, Status};

use super::budget::{ReplayBudget, Reservation};

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
    /// The memory of the messages in `data` that were taken.
    kept: Reservation,
    rest: Rest<B>,
    /// True when the call is not sent again.
    is_committed: bool,
    /// The attempt that the call is committed to: no other one reads any more. `None` while that
    /// is open.
    decisive: Option<ReaderId>,
    /// Wakes the call when the log commits it to an attempt.
    call_waker: Option<Waker>,
    /// True when the log is empty for good: its last attempt took everything over, or has ended.
    is_cleared: bool,
    /// The attempts that run.
    positions: Vec<Position>,
    /// The number of attempts that were begun.
    opened: u32,
}

/// The identity of an attempt among those that read one streaming body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReaderId(NonZeroU32);

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
    reader: ReaderId,
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

impl<B> ReplayLog<B> {
    /// Makes the log of a body of which `data` was read already.
    pub(super) fn new(data: VecDeque<Bytes>, rest: Rest<B>, budget: &ReplayBudget) -> Self {
        Self {
            data,
            start: 0,
            taken: 0,
            kept: budget.reserve_nothing(),
            rest,
            is_committed: false,
            decisive: None,
            call_waker: None,
            is_cleared: false,
            positions: Vec::new(),
            opened: 0,
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

    /// Adds an attempt at the start; `None` when the start is not kept.
    pub(super) fn open(&mut self) -> Option<ReaderId> {
        if self.start > 0 || self.is_cleared || self.decisive.is_some() {
            return None;
        }
        let reader = ReaderId(NonZeroU32::MIN.checked_add(self.opened)?);
        self.opened += 1;
        self.positions.push(Position {
            reader,
            next: 0,
            waker: None,
            is_waiting: false,
        });
        Some(reader)
    }

    /// Ends an attempt. Returns the rest when no attempt can read it any more.
    pub(super) fn close(&mut self, reader: ReaderId) -> Option<Rest<B>> {
        self.positions.retain(|position| position.reader != reader);
        self.free()
    }

    /// Commits the call: it is not sent again. Returns the rest when no attempt can read it any
    /// more.
    pub(super) fn commit(&mut self) -> Option<Rest<B>> {
        self.is_committed = true;
        self.free()
    }

    /// Commits the call to an attempt; false when that cannot send the rest of its request, because
    /// the call is committed to another attempt.
    pub(super) fn commit_to(&mut self, reader: ReaderId) -> bool {
        let is_reading = self.position(reader).is_some();
        let decisive = *self.decisive.get_or_insert(reader);
        self.is_committed = true;
        decisive == reader || !is_reading
    }

    /// Ends an attempt that has failed, unless the call is committed. Returns whether it can be sent
    /// again.
    pub(super) fn rewind(&mut self, reader: ReaderId) -> bool {
        if self.is_committed {
            return false;
        }
        self.positions.retain(|position| position.reader != reader);
        true
    }

    /// Returns the attempt that the call is committed to; `None` while that is open.
    pub(super) fn decisive(&self) -> Option<ReaderId> {
        self.decisive
    }

    /// Registers the task of the call, to be woken when the log commits it to an attempt.
    pub(super) fn register(&mut self, waker: &Waker) {
        let own = &mut self.call_waker;
        if !own.as_ref().is_some_and(|own| own.will_wake(waker)) {
            *own = Some(waker.clone());
        }
    }

    /// Takes the waker of the call if the log has committed it.
    pub(super) fn take_call_waker(&mut self) -> Option<Waker> {
        self.decisive.and_then(|_| self.call_waker.take())
    }

    /// Returns what is next for an attempt. When that has to wait, `waker` is woken later.
    pub(super) fn next(&mut self, reader: ReaderId, waker: &Waker) -> NextPiece<B> {
        if self.decisive.is_some_and(|decisive| decisive != reader) {
            return NextPiece::Failed(Status::new(
                Code::Cancelled,
                "another attempt of the call is ahead of this one by more than is kept of a request",
            ));
        }
        if self.is_left_to(reader) {
            let (data, rest) = self.take_all();
            return NextPiece::All(data, rest);
        }
        let position = self.positions.iter_mut().find(|own| own.reader == reader);
        let Some(position) = position else {
            // The attempt was ended, so its response is about to be dropped, which wakes it.
            return NextPiece::Wait;
        };
        let index = position.next - self.start;
        if let Some(data) = self.data.get(index).cloned() {
            position.next += 1;
            position.is_waiting = false;
            if position.next > self.taken {
                self.taken = position.next;
                if !self.kept.add(&data) && self.decisive.is_none() {
                    // This attempt has sent the most messages.
                    self.is_committed = true;
                    self.decisive = Some(reader);
                }
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

    /// Returns the wakers of the attempts that wait, without that of `reader`.
    pub(super) fn take_waiting(&mut self, reader: ReaderId) -> Vec<Waker> {
        let others = self.positions.iter_mut();
        let others = others.filter(|position| position.reader != reader);
        others
            .filter_map(|position| {
                let is_waiting = mem::take(&mut position.is_waiting);
                position.waker.clone().filter(|_| is_waiting)
            })
            .collect()
    }

    fn position(&self, reader: ReaderId) -> Option<&Position> {
        self.positions.iter().find(|own| own.reader == reader)
    }

    /// Returns the positions of the attempts that still send something.
    fn reading(&self) -> impl Iterator<Item = &Position> {
        let decisive = self.decisive;
        let positions = self.positions.iter();
        positions.filter(move |own| decisive.is_none_or(|decisive| decisive == own.reader))
    }

    /// Returns whether an attempt can take everything over: the call is committed, and no other
    /// attempt reads.
    fn is_left_to(&self, reader: ReaderId) -> bool {
        self.is_committed
            && !matches!(self.rest, Rest::Polled)
            && self
                .position(reader)
                .is_some_and(|own| own.next == self.start)
            && self.reading().all(|position| position.reader == reader)
    }

    fn take_all(&mut self) -> (VecDeque<Bytes>, Rest<B>) {
        self.is_cleared = true;
        self.kept.clear();
        let rest = mem::replace(&mut self.rest, Rest::End);
        (mem::take(&mut self.data), rest)
    }

    /// Frees what no attempt can read any more. Returns the rest when that is everything.
    fn free(&mut self) -> Option<Rest<B>> {
        self.trim();
        // With nothing taken, the first attempt may be yet to come.
        if !self.positions.is_empty() || !self.is_committed || self.taken == 0 {
            return None;
        }
        Some(self.take_all().1)
    }

    /// Frees the messages of a committed call that no attempt has still to send. So that memory
    /// stays bounded, attempts other than the one that the call is committed to keep none.
    fn trim(&mut self) {
        if !self.is_committed {
            return;
        }
        let Some(slowest) = self.reading().map(|position| position.next).min() else {
            return;
        };
        while self.start < slowest {
            let Some(data) = self.data.pop_front() else {
                return;
            };
            self.start += 1;
            self.kept.remove(&data);
        }
    }
}
