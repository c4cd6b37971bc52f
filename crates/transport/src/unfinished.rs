//! The requests of which only a part was written.

use std::sync::atomic::{AtomicU32, Ordering};

/// How many unfinished requests the calls can see.
const SHOWN: usize = 16;

/// The streams whose request has begun and not ended, as the wire counts them.
///
/// Most requests begin and end in one write, and are never shown to the calls.
#[derive(Debug, Default)]
pub(crate) struct UnfinishedRequests {
    streams: Vec<u32>,
    /// True when `streams` differs from what was shown last.
    is_changed: bool,
    /// How many of `streams` were shown last.
    shown: usize,
}

/// The unfinished requests that calls can see: at most 16, and 0 in an empty place.
#[derive(Debug, Default)]
pub(crate) struct ShownRequests([AtomicU32; SHOWN]);

impl UnfinishedRequests {
    /// Handles the HEADERS of a request.
    pub(crate) fn begin(&mut self, stream: u32) {
        self.streams.push(stream);
        self.is_changed = true;
    }

    /// Handles the end of a request, or of its stream.
    pub(crate) fn end(&mut self, stream: u32) {
        // The request that began last is the most likely one.
        if self.streams.last() == Some(&stream) {
            self.streams.pop();
            self.is_changed = true;
        } else if let Some(at) = self.streams.iter().rposition(|own| *own == stream) {
            self.streams.swap_remove(at);
            self.is_changed = true;
        }
    }

    /// Shows the calls what has changed.
    pub(crate) fn show(&mut self, requests: &ShownRequests) {
        if !std::mem::take(&mut self.is_changed) {
            return;
        }
        let shown = self.streams.len().min(SHOWN);
        let emptied = std::iter::repeat_n(&0, self.shown.saturating_sub(shown));
        let streams = self.streams[..shown].iter().chain(emptied);
        for (place, stream) in requests.0.iter().zip(streams) {
            place.store(*stream, Ordering::Relaxed);
        }
        self.shown = shown;
    }
}

impl ShownRequests {
    /// Returns whether the request on this stream is shown as unfinished. At most 16 are shown.
    pub(crate) fn contains(&self, stream: u32) -> bool {
        self.0
            .iter()
            .any(|own| own.load(Ordering::Relaxed) == stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request is seen if it has not ended when requests are shown. Once it has ended, it is seen
    /// until they are shown again.
    #[test]
    fn only_unfinished_requests_are_seen() {
        let (mut requests, shown) = (UnfinishedRequests::default(), ShownRequests::default());
        let seen = |shown: &ShownRequests| -> Vec<u32> {
            (1..99).filter(|stream| shown.contains(*stream)).collect()
        };
        for stream in [1, 3, 5] {
            requests.begin(stream);
        }
        requests.end(3);
        requests.show(&shown);
        assert_eq!(seen(&shown), [1, 5]);
        requests.end(1);
        requests.end(1);
        requests.show(&shown);
        assert_eq!(seen(&shown), [5]);
        for stream in 10..90 {
            requests.begin(stream);
        }
        requests.show(&shown);
        assert_eq!(seen(&shown).len(), SHOWN);
        for stream in 0..90 {
            requests.end(stream);
        }
        requests.show(&shown);
        assert!(seen(&shown).is_empty());
    }
}
