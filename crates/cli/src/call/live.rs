//! The tally while it grows, on a terminal.

use std::time::{Duration, Instant};

use super::tally::Tally;
use crate::out::Out;

/// The time from one drawing to the next.
const EVERY: Duration = Duration::from_millis(250);

/// Draws the tally again and again in the same place, where somebody looks at a screen.
pub(super) struct Live<'a> {
    out: &'a Out,
    next: Instant,
    /// Lines that stand on the screen.
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

    /// Draws, if it is time again.
    pub(super) fn draw(&mut self, tally: &Tally, now: Instant) {
        if !self.out.is_live() || now < self.next {
            return;
        }
        self.next = now + EVERY;
        self.clear();
        let lines = tally.table(self.out);
        self.drawn = lines.len();
        for line in lines {
            self.out.line(&line);
        }
    }

    /// Takes the drawing off the screen.
    pub(super) fn clear(&mut self) {
        if self.drawn > 0 {
            self.out.erase(self.drawn);
            self.drawn = 0;
        }
    }
}
