//! How many lines about single backends are written.

use std::time::{Duration, Instant};

/// The most lines about single backends in one [`WINDOW`].
const LINES: u32 = 20;

/// The time for which [`LINES`] are enough.
pub(super) const WINDOW: Duration = Duration::from_secs(10);

/// Bounds the lines about single backends, so that the loss of ten thousand backends does not write ten
/// thousand lines. The others are still written, as details.
#[derive(Debug, Default)]
pub(super) struct LineBudget {
    started: Option<Instant>,
    written: u32,
}

/// Whether there is room for one more line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Some,
    /// For this line, and for no other one until the window ends.
    Last,
    None,
}

impl LineBudget {
    /// Takes the room of one line.
    pub(super) fn take(&mut self, now: Instant) -> Room {
        let is_over = |started| now.saturating_duration_since(started) >= WINDOW;
        if self.started.is_none_or(is_over) {
            (self.started, self.written) = (Some(now), 0);
        }
        if self.written == LINES {
            return Room::None;
        }
        self.written += 1;
        if self.written == LINES {
            Room::Last
        } else {
            Room::Some
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twenty lines in ten seconds, and twenty in the next ten.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "virtual time starts anywhere")]
    fn a_window_has_room_for_twenty_lines() {
        let start = Instant::now();
        let mut budget = LineBudget::default();
        let mut take = |at: u64, count| {
            let now = start + Duration::from_secs(at);
            (0..count).map(|_| budget.take(now)).collect::<Vec<_>>()
        };
        assert_eq!(take(0, 19), [Room::Some; 19]);
        assert_eq!(take(9, 3), [Room::Last, Room::None, Room::None]);
        assert_eq!(take(10, 19), [Room::Some; 19]);
        assert_eq!(take(11, 2), [Room::Last, Room::None]);
    }
}
