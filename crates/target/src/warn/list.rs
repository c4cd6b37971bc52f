//! The list of odd places in a target.

use alloc::string::String;
use alloc::vec::Vec;

use crate::bytes::{Span, raw_index};
use crate::candidates::is_too_long;
use crate::error::Finding;
use crate::quote::printable;
use crate::{ErrorKind, TargetRef};

/// An odd place in a target, and texts that may be meant instead of the target.
pub(crate) struct Oddity {
    pub(crate) finding: Finding,
    pub(crate) candidates: Vec<String>,
    /// True if the target is probably a mistake; false if it may well be right.
    pub(crate) is_slip: bool,
}

/// The odd places in one target.
pub(super) struct OddityList<'t> {
    pub(super) target: &'t TargetRef<'t>,
    pub(super) oddities: Vec<Oddity>,
}

impl OddityList<'_> {
    /// Adds a probable mistake, with candidates for what is meant, the likeliest first.
    pub(super) fn add_slip(
        &mut self,
        kind: ErrorKind,
        at: usize,
        message: String,
        expected: &'static str,
        candidates: impl IntoIterator<Item = String>,
    ) {
        let candidates = if is_too_long(self.target.as_str()) {
            Vec::new()
        } else {
            candidates.into_iter().collect()
        };
        self.oddities.push(Oddity {
            finding: Finding {
                kind,
                at,
                message: printable(message),
                expected,
                suggestion: None,
            },
            candidates,
            is_slip: true,
        });
    }

    /// Adds a remark on a target that may well be right.
    pub(super) fn add_remark(
        &mut self,
        kind: ErrorKind,
        at: usize,
        message: String,
        expected: &'static str,
    ) {
        self.add_slip(kind, at, message, expected, []);
        if let Some(oddity) = self.oddities.last_mut() {
            oddity.is_slip = false;
        }
    }

    /// Returns whether the text has no scheme and looks like the path of a socket.
    pub(super) fn is_path(&self) -> bool {
        let text = self.target.as_str();
        self.target.used_default_scheme() && text.starts_with(['/', '.']) && text.contains('/')
    }

    /// Maps an index in the decoded endpoint to its index in the text.
    pub(super) fn at(&self, decoded: usize) -> usize {
        let endpoint = self.endpoint();
        let raw = endpoint.of(self.target.as_str().as_bytes());
        endpoint.start + raw_index(raw, decoded)
    }

    /// Returns the range of the endpoint in the text.
    pub(super) fn endpoint(&self) -> Span {
        let text = self.target.as_str().as_bytes();
        self.target.split().endpoint(text)
    }

    /// Returns the text with one range replaced.
    pub(super) fn with(&self, span: Span, replacement: &str) -> String {
        let text = self.target.as_str();
        let before = text.get(..span.start).unwrap_or_default();
        let after = text.get(span.end..).unwrap_or_default();
        [before, replacement, after].concat()
    }

    /// Returns the text with another endpoint.
    pub(super) fn with_endpoint(&self, endpoint: &str) -> String {
        self.with(self.endpoint(), endpoint)
    }
}
