//! What the candidates of a name have shown so far.

use crate::core::result::Finding;
use crate::{Absence, LookupErrorKind};

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
    /// What the first candidate has shown that exists without records of the type.
    no_data: Option<Absence>,
    /// What the first candidate has shown that does not exist, or is an alias of such a name.
    not_found: Option<Absence>,
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
                Finding::NoData(absence) => keep(&mut self.no_data, absence),
                Finding::NotFound(absence) => keep(&mut self.not_found, absence),
                Finding::Found { .. } => {}
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
        } else if self.no_data.is_some() {
            LookupErrorKind::NoData
        } else {
            LookupErrorKind::NotFound
        }
    }

    /// Returns what is shown beside an error of this kind, once.
    pub(super) fn take_absence(&mut self, kind: LookupErrorKind) -> Absence {
        let absence = match kind {
            LookupErrorKind::NoData => self.no_data.take(),
            LookupErrorKind::NotFound => self.not_found.take(),
            _ => None,
        };
        absence.unwrap_or_default()
    }
}

/// Keeps the first absence that shows more than that nothing is there.
fn keep(kept: &mut Option<Absence>, absence: &Absence) {
    if kept.as_ref().is_none_or(|kept| *kept == Absence::default()) {
        *kept = Some(absence.clone());
    }
}
