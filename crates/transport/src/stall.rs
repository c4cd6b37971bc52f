//! A peer that lets nothing more be sent.

use std::time::{Duration, Instant};

/// How long a connection that nothing uses any more waits for its peer to read what is left: the
/// resets of the last calls and GOAWAY. They are a courtesy, for which a second is plenty on any
/// network; a peer that hangs must not keep the socket for ever.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// How often a connection is checked whose peer lets nothing more be sent. When nothing has changed
/// since the last check, new calls are held back. A second is longer than a peer that works takes to
/// read, and short enough that few calls pile up in h2.
const CHECK: Duration = Duration::from_secs(1);

/// Whether a peer lets more be sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SendRoom {
    /// True while bytes wait for the peer to read.
    pub(crate) is_blocked: bool,
    /// True while the flow-control window of the connection is used up.
    pub(crate) is_window_closed: bool,
    /// Changes when the peer lets more be sent.
    pub(crate) progress: u64,
}

/// Decides when new calls are held back because the peer lets nothing be sent, and when a connection
/// that nothing uses is given up for that reason.
#[derive(Debug, Default)]
pub(crate) struct Stall {
    room: SendRoom,
    /// The progress at the last check.
    checked_progress: Option<u64>,
    /// True while new calls are held back.
    is_stalled: bool,
    /// The time of the next check. It stays set when the peer goes on, so that a timer is not set for
    /// each write that blocks.
    check_at: Option<Instant>,
    /// When the connection is given up. Set while nothing uses it and bytes wait.
    give_up_at: Option<Instant>,
}

impl Stall {
    /// Returns whether new calls are held back.
    pub(crate) fn is_stalled(&self) -> bool {
        self.is_stalled
    }

    /// Handles what the peer lets be sent now. `now` is called when a check must be planned.
    pub(crate) fn handle_room(&mut self, room: SendRoom, now: impl FnOnce() -> Instant) {
        self.room = room;
        if !room.is_blocked && !room.is_window_closed {
            self.give_up_at = None;
            self.is_stalled = false;
        } else if self.waits_for_time() && self.check_at.is_none() {
            self.check_at = Some(now() + CHECK);
        }
    }

    /// Returns the time of the next [`handle_timeout`](Self::handle_timeout).
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.check_at
    }

    /// Handles the time that [`poll_timeout`](Self::poll_timeout) returned. Returns true when the
    /// connection is to be given up: nothing uses it any more, and the peer does not read what is
    /// left to write.
    pub(crate) fn handle_timeout(&mut self, is_used: bool, now: Instant) -> bool {
        if self.check_at.is_none_or(|at| at > now) {
            return false;
        }
        self.check_at = None;
        if !self.waits_for_time() {
            return false;
        }
        let progress = Some(self.room.progress);
        self.is_stalled = self.checked_progress == progress;
        self.checked_progress = progress;
        if !self.room.is_blocked || is_used {
            self.give_up_at = None;
        } else if *self.give_up_at.get_or_insert(now + LAST_WRITES) <= now {
            return true;
        }
        self.check_at = self.waits_for_time().then(|| now + CHECK);
        false
    }

    /// Returns whether a check is needed. Once calls are held back because of a window, the peer's
    /// WINDOW_UPDATE wakes the connection.
    fn waits_for_time(&self) -> bool {
        self.room.is_blocked || self.room.is_window_closed && !self.is_stalled
    }
}
