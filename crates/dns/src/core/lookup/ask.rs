//! One question of a lookup: one type of records of the candidate that is being tried.

use std::io;
use std::time::{Duration, Instant};

use super::asking::Asking;
use super::common::Common;
use crate::core::output::SocketId;
use crate::core::result::Finding;
use crate::{FamilyAnswer, LookupErrorKind, RecordType, ServerOutcome};

/// One question of a lookup.
#[derive(Debug)]
pub(super) struct Ask {
    /// The index of the question in the lookup.
    index: usize,
    record_type: RecordType,
    state: AskState,
    /// True when the finding of the question was returned as an event.
    event_returned: bool,
}

#[derive(Debug)]
enum AskState {
    /// Not asked yet.
    Waiting,
    Asking(Asking),
    Done {
        finding: Finding,
        /// The id of the last exchange, a late reply to which may still arrive.
        last_id: Option<u16>,
    },
}

impl Ask {
    /// Returns a question that is not asked yet, or is answered by `cached`.
    pub(super) fn new(index: usize, record_type: RecordType, cached: Option<Finding>) -> Self {
        let state = cached.map_or(AskState::Waiting, |finding| AskState::Done {
            finding,
            last_id: None,
        });
        Self {
            index,
            record_type,
            state,
            event_returned: false,
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.state, AskState::Waiting)
    }

    /// Returns the question while it is being asked.
    pub(super) fn asking(&self) -> Option<&Asking> {
        match &self.state {
            AskState::Asking(asking) => Some(asking),
            AskState::Waiting | AskState::Done { .. } => None,
        }
    }

    /// Returns the finding, once the question has ended.
    pub(super) fn finding(&self) -> Option<&Finding> {
        match &self.state {
            AskState::Done { finding, .. } => Some(finding),
            AskState::Waiting | AskState::Asking(_) => None,
        }
    }

    pub(super) fn is_found(&self) -> bool {
        self.finding().is_some_and(Finding::is_found)
    }

    pub(super) fn into_finding(self) -> Option<(RecordType, Finding)> {
        match self.state {
            AskState::Done { finding, .. } => Some((self.record_type, finding)),
            AskState::Waiting | AskState::Asking(_) => None,
        }
    }

    /// Returns whether a message with this id from this socket may answer the question.
    pub(super) fn expects(&self, socket: SocketId, id: u16) -> bool {
        let asking = self.asking();
        asking.is_some_and(|asking| asking.uses(socket) && asking.exchange.id == id)
    }

    /// Returns whether the last exchange before the current one, or before the end, had this id.
    pub(super) fn has_left(&self, id: u16) -> bool {
        match &self.state {
            AskState::Waiting => false,
            AskState::Asking(asking) => asking.last_id == Some(id),
            AskState::Done { last_id, .. } => *last_id == Some(id),
        }
    }

    /// Asks the first server; without one the question ends.
    pub(super) fn start(&mut self, common: &mut Common, now: Instant) {
        self.state = if common.plan.servers.is_empty() {
            AskState::Done {
                finding: Finding::Failed(LookupErrorKind::Unavailable),
                last_id: None,
            }
        } else {
            AskState::Asking(Asking::new(common, self.index, self.record_type, now))
        };
    }

    /// Handles a message that the question [`expects`](Self::expects).
    pub(super) fn handle_reply(
        &mut self,
        common: &mut Common,
        message: &[u8],
        cut: bool,
        now: Instant,
    ) {
        self.advance(common, |asking, common| {
            asking.handle_reply(common, message, cut, now)
        });
    }

    /// Counts a message that answers nothing, where the question uses its socket.
    pub(super) fn ignore(&mut self, common: &mut Common, socket: SocketId, now: Instant) {
        if let AskState::Asking(asking) = &mut self.state
            && asking.uses(socket)
        {
            asking.ignore(common, now);
        }
    }

    /// Handles the end of a connection, where the question uses it.
    pub(super) fn handle_closed(&mut self, common: &mut Common, socket: SocketId, now: Instant) {
        self.advance(common, |asking, common| {
            asking
                .uses(socket)
                .then(|| asking.handle_closed(common, now))?
        });
    }

    /// Handles the failure of a socket, where the question uses it.
    pub(super) fn handle_failed(
        &mut self,
        common: &mut Common,
        socket: SocketId,
        error: io::ErrorKind,
        now: Instant,
    ) {
        self.advance(common, |asking, common| {
            asking
                .uses(socket)
                .then(|| asking.handle_failed(common, socket, error, now))?
        });
    }

    /// Handles the passing of time.
    pub(super) fn handle_timeout(&mut self, common: &mut Common, now: Instant) {
        self.advance(common, |asking, common| asking.handle_timeout(common, now));
    }

    /// Handles the deadline of the lookup, which ends the question.
    pub(super) fn handle_deadline(&mut self, common: &mut Common, now: Instant) {
        if let Some(asking) = self.asking() {
            let outcome = if asking.exchange.deadline <= now {
                ServerOutcome::TimedOut
            } else {
                ServerOutcome::Abandoned
            };
            asking.record(common, outcome, now);
        }
        if self.finding().is_none() {
            self.end(common, Finding::Failed(LookupErrorKind::Deadline));
        }
    }

    /// While the question is being asked, bounds its time by `patience`. Once it has ended, returns
    /// its finding as an event, the first time only.
    pub(super) fn bound_or_take_event(&mut self, patience: Duration) -> Option<FamilyAnswer> {
        match &mut self.state {
            AskState::Waiting => None,
            AskState::Asking(asking) => {
                asking.bound(patience);
                None
            }
            AskState::Done { .. } if self.event_returned => None,
            AskState::Done { finding, .. } => {
                self.event_returned = true;
                finding.to_event(self.record_type)
            }
        }
    }

    /// Runs `step` while the question is being asked, and ends it with the finding that it returns.
    fn advance(
        &mut self,
        common: &mut Common,
        step: impl FnOnce(&mut Asking, &mut Common) -> Option<Finding>,
    ) {
        if let AskState::Asking(asking) = &mut self.state
            && let Some(finding) = step(asking, common)
        {
            self.end(common, finding);
        }
    }

    fn end(&mut self, common: &mut Common, finding: Finding) {
        let last_id = match &mut self.state {
            AskState::Waiting => None,
            AskState::Asking(asking) => {
                asking.release(common);
                common.end_question(self.index);
                asking.last_id
            }
            AskState::Done { last_id, .. } => *last_id,
        };
        self.state = AskState::Done { finding, last_id };
    }
}
