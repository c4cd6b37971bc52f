//! Shows the tally on a terminal while calls run.

use std::time::{Duration, Instant};

use super::tally::Tally;
use crate::out::Out;

/// The time between two drawings.
const EVERY: Duration = Duration::from_millis(250);

/// The most lines of a drawing: what has scrolled off the screen cannot be erased.
const MAX_LINES: usize = 20;

/// Draws the tally repeatedly in the same place, when stdout is a terminal.
pub(super) struct Live<'a> {
    out: &'a Out,
    next: Instant,
    /// The lines of the last drawing, which are on the screen now.
    drawn: usize,
}

impl<'a> Live<'a> {
    pub(super) fn new(out: &'a Out, now: Instant) -> Self {
        Self {
            out,
            next: now + EVERY,
            drawn: 0,
        }
    }

    /// Draws the tally, when the next drawing is due.
    pub(super) fn draw(&mut self, tally: &Tally, now: Instant) {
        if !self.out.is_live() || now < self.next {
            return;
        }
        self.next = now + EVERY;
        self.clear();
        let mut lines = tally.table();
        if lines.len() > MAX_LINES {
            // The last line has the sums.
            lines.drain(MAX_LINES - 1..lines.len() - 1);
        }
        self.drawn = lines.len();
        self.out.live_lines(lines);
    }

    /// Erases the last drawing.
    pub(super) fn clear(&mut self) {
        if self.drawn > 0 {
            self.out.erase(self.drawn);
            self.drawn = 0;
        }
    }
}
