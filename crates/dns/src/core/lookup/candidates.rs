//! What the candidates of a name have shown so far.

use crate::LookupErrorKind;
use crate::core::result::Finding;

/// A position of a question: the round, then the index of the server. Later positions are greater.
pub(super) type Place = (u32, usize);

/// What the candidates of a name have shown so far.
#[derive(Debug, Default)]
pub(super) struct CandidateLog {
    /// Where records of the current candidate were found.
    found_at: Option<Place>,
    /// True when a server, or the cache, has answered for the current candidate, well or badly.
    answered: bool,
    /// True when every server was silent for a whole candidate.
    silent: bool,
    /// True when a candidate failed softly, so that it is not known whether the name exists.
    soft: bool,
    /// True when a candidate exists, without records of the type.
    no_data: bool,
}

impl CandidateLog {
    /// Starts with the next candidate; `cached` is true where the cache has an answer for it.
    pub(super) fn begin(&mut self, cached: bool) {
        self.found_at = None;
        self.answered = cached;
    }

    /// Records that a server has answered.
    pub(super) fn record_reply(&mut self) {
        self.answered = true;
    }

    /// Records that the server at `place` has records.
    pub(super) fn record_found(&mut self, place: Place) {
        self.found_at = Some(place);
    }

    /// Records how the questions of the current candidate ended, where none has found records.
    pub(super) fn end<'a>(&mut self, findings: impl Iterator<Item = &'a Finding>) {
        let mut failed = false;
        for finding in findings {
            match finding {
                Finding::Failed(_) => failed = true,
                Finding::NoData => self.no_data = true,
                Finding::NotFound | Finding::Found { .. } => {}
            }
        }
        self.soft |= failed;
        self.silent |= failed && !self.answered;
    }

    /// Returns where records of the current candidate were found last.
    pub(super) fn found_at(&self) -> Option<Place> {
        self.found_at
    }

    /// Returns whether every server was silent for an earlier candidate: then each is tried only
    /// once more.
    pub(super) fn is_silent(&self) -> bool {
        self.silent
    }

    /// Returns the error for the whole name: "does not exist" only where no candidate has failed
    /// softly.
    pub(super) fn verdict(&self) -> LookupErrorKind {
        if self.soft {
            LookupErrorKind::Unavailable
        } else if self.no_data {
            LookupErrorKind::NoData
        } else {
            LookupErrorKind::NotFound
        }
    }
}
