//! The text of a NACK.

use std::fmt::{self, Write};

use crate::core::resources::Faults;

/// The most bytes of the text.
const LONGEST: usize = 8 * 1024;

/// What ends a text that was cut.
const CUT: &str = "...";

/// The faults of a response: a line for each.
#[derive(Debug, Default)]
pub(super) struct NackText {
    invalid: usize,
    lines: String,
}

impl NackText {
    /// Adds a resource without a name, by its index in the response.
    pub(super) fn add_nameless(&mut self, index: usize, why: &str) {
        self.invalid += 1;
        self.line(|lines| write!(lines, "\nresources[{index}]: {why}"));
    }

    /// Adds an invalid resource, which is in the response so many times.
    pub(super) fn add(&mut self, name: &str, faults: &Faults, times: usize) {
        self.invalid += times;
        for line in faults.to_string().lines() {
            self.line(|lines| write!(lines, "\n{name:?}: {line}"));
        }
    }

    /// Returns the number of invalid resources.
    pub(super) fn invalid(&self) -> usize {
        self.invalid
    }

    /// Returns the text for a response with `count` resources; `None` if all are valid.
    pub(super) fn finish(self, count: usize) -> Option<String> {
        if self.invalid == 0 {
            return None;
        }
        let text = format!(
            "{} of {count} resources are invalid{}",
            self.invalid, self.lines
        );
        Some(cut(text, LONGEST))
    }

    /// Adds a line, unless there is no room for it.
    fn line(&mut self, write: impl FnOnce(&mut String) -> fmt::Result) {
        if self.lines.len() < LONGEST {
            let written = write(&mut self.lines);
            debug_assert!(written.is_ok(), "a string takes any text");
        }
    }
}

/// Cuts a text from outside, so that it has at most `longest` bytes. A text that was cut ends with
/// `...`.
pub(super) fn cut(mut text: String, longest: usize) -> String {
    if text.len() > longest {
        let most = longest.saturating_sub(CUT.len());
        let end = (0..=most)
            .rev()
            .find(|&at| text.is_char_boundary(at))
            .unwrap_or_default();
        text.truncate(end);
        text.push_str(CUT);
    }
    text
}
