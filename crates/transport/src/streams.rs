//! The streams of a connection that are open.

use std::collections::{BTreeMap, VecDeque};

/// The maximum number of streams that are followed by their distance from the oldest of them. An
/// older stream that is still open, such as a watch, is followed by its number.
const RECENT: usize = 1024;

/// Follows which streams are open, by the frames that go by.
///
/// Source: [RFC 9113 section 5.1](https://www.rfc-editor.org/rfc/rfc9113#section-5.1).
#[derive(Debug)]
pub(crate) struct OpenStreams {
    /// The number of the first stream in `recent`. A client's streams have the odd numbers, one
    /// after the other.
    first: u32,
    /// The streams from `first` on, open or closed.
    recent: VecDeque<Sides>,
    /// The open streams before `first`.
    older: BTreeMap<u32, Sides>,
    /// The number of streams that were closed since [`take_closed`](Self::take_closed).
    closed: usize,
    counts: StreamCounts,
}

/// The numbers of streams of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StreamCounts {
    /// Those whose first HEADERS were seen.
    pub(crate) started: u64,
    /// Those that were closed after the server had ended its side.
    pub(crate) succeeded: u64,
    /// Those that were closed before that.
    pub(crate) failed: u64,
}

/// The sides of a stream that have not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sides {
    Both,
    /// The server has ended its side.
    Client,
    /// This side was ended.
    Server,
    Closed,
}

impl Default for OpenStreams {
    fn default() -> Self {
        Self {
            first: 1,
            recent: VecDeque::new(),
            older: BTreeMap::new(),
            closed: 0,
            counts: StreamCounts::default(),
        }
    }
}

impl OpenStreams {
    /// Handles the first HEADERS of a stream, from this side.
    pub(crate) fn open(&mut self, stream: u32) {
        // A number is skipped when its call ends before its HEADERS are written.
        while self.place(stream).is_some_and(|at| at > self.recent.len()) {
            self.push(Sides::Closed);
        }
        self.push(Sides::Both);
        self.counts.started += 1;
    }

    fn push(&mut self, sides: Sides) {
        while self.recent.len() >= RECENT || self.recent.front() == Some(&Sides::Closed) {
            if let Some(oldest) = self.recent.pop_front()
                && oldest != Sides::Closed
            {
                self.older.insert(self.first, oldest);
            }
            self.first += 2;
        }
        self.recent.push_back(sides);
    }

    /// Returns the index of a stream in `recent`; `None` for an older one.
    fn place(&self, stream: u32) -> Option<usize> {
        Some(stream.checked_sub(self.first)? as usize / 2)
    }

    fn sides(&mut self, stream: u32) -> Option<&mut Sides> {
        match self.place(stream) {
            Some(at) => self.recent.get_mut(at),
            None => self.older.get_mut(&stream),
        }
    }

    /// Returns whether a stream is open, for one side at least.
    pub(crate) fn is_open(&self, stream: u32) -> bool {
        let sides = match self.place(stream) {
            Some(at) => self.recent.get(at),
            None => self.older.get(&stream),
        };
        sides.is_some_and(|sides| *sides != Sides::Closed)
    }

    /// Handles END_STREAM from this side.
    pub(crate) fn end_client(&mut self, stream: u32) {
        self.end(stream, Sides::Server);
    }

    /// Handles END_STREAM from the server.
    pub(crate) fn end_server(&mut self, stream: u32) {
        self.end(stream, Sides::Client);
    }

    fn end(&mut self, stream: u32, left: Sides) {
        match self.sides(stream) {
            Some(sides @ Sides::Both) => *sides = left,
            Some(sides) if *sides != left => self.close(stream, true),
            _ => {}
        }
    }

    /// Handles RST_STREAM from either side.
    pub(crate) fn reset(&mut self, stream: u32) {
        self.close(stream, false);
    }

    /// Closes a stream. It has ended well if the server's side has.
    fn close(&mut self, stream: u32, has_server_ended: bool) {
        if let Some(sides) = self.sides(stream)
            && *sides != Sides::Closed
        {
            let is_success = has_server_ended || *sides == Sides::Client;
            *sides = Sides::Closed;
            self.closed += 1;
            self.counts.succeeded += u64::from(is_success);
            self.counts.failed += u64::from(!is_success);
            if stream < self.first {
                self.older.remove(&stream);
            }
        }
    }

    /// Handles a GOAWAY: the server has not acted on the streams after `last`, and no frame will close
    /// them. They are not in [`take_closed`](Self::take_closed), because the connection takes no new
    /// calls.
    pub(crate) fn exclude_after(&mut self, last: u32) {
        let kept = (last.checked_sub(self.first)).map_or(0, |distance| distance as usize / 2 + 1);
        // They are forgotten, so that a peer that sends many GOAWAYs makes no work.
        let excluded = self.recent.drain(kept.min(self.recent.len())..);
        let open = excluded.filter(|sides| *sides != Sides::Closed).count();
        self.counts.failed += open as u64;
        while let Some(newest) = self.older.last_entry()
            && *newest.key() > last
        {
            newest.remove();
            self.counts.failed += 1;
        }
    }

    /// Returns the numbers of streams so far.
    pub(crate) fn counts(&self) -> StreamCounts {
        self.counts
    }

    /// Returns the number of streams that were closed since the last call.
    pub(crate) fn take_closed(&mut self) -> usize {
        std::mem::take(&mut self.closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream is closed when both sides have ended it, or one has reset it, and only once.
    #[test]
    fn a_stream_is_closed_once() {
        let mut streams = OpenStreams::default();
        for stream in [1, 3, 5] {
            streams.open(stream);
        }
        streams.end_client(1);
        streams.end_client(1);
        assert_eq!(streams.take_closed(), 0);
        assert!(streams.is_open(1) && !streams.is_open(7));
        streams.end_server(1);
        streams.end_server(1);
        streams.reset(1);
        assert_eq!(streams.take_closed(), 1);
        streams.end_server(3);
        streams.reset(3);
        streams.end_client(3);
        streams.reset(5);
        streams.end_server(7);
        assert_eq!(streams.take_closed(), 2);
        let counts = StreamCounts {
            started: 3,
            succeeded: 2,
            failed: 1,
        };
        assert_eq!(streams.counts(), counts);
    }

    /// A GOAWAY closes the streams after its last one, which have failed, also if they are old. (RFC 9113
    /// section 6.8)
    #[test]
    fn a_go_away_excludes_streams() {
        for last in [0, 1, 2, 3, 4, 5, 2047, 2049, 2050, 2051, u32::MAX / 2] {
            let mut streams = OpenStreams::default();
            let mut expected = StreamCounts::default();
            for stream in (1..=2051).step_by(2) {
                streams.open(stream);
                expected.started += 1;
                if stream == 3 {
                    streams.reset(3);
                }
                expected.failed += u64::from(stream == 3 || stream > last);
            }
            assert_eq!(streams.older.keys().copied().collect::<Vec<_>>(), [1]);
            for _ in 0..2 {
                streams.exclude_after(last);
                assert_eq!(streams.counts(), expected, "after {last}");
            }
            assert_eq!(streams.is_open(1), last >= 1);
            assert_eq!(streams.is_open(2049), last >= 2049);
        }
    }

    /// A stream that stays open while many others come and go is closed once, too, and what is kept
    /// stays small.
    #[test]
    fn a_long_stream_among_many_short_ones() {
        let mut streams = OpenStreams::default();
        streams.open(1);
        streams.open(5);
        for stream in (7..20_001).step_by(2) {
            streams.open(stream);
            streams.end_client(stream);
            streams.end_server(stream);
        }
        assert_eq!(streams.take_closed(), 9_997);
        assert!(streams.recent.len() <= RECENT);
        assert_eq!(streams.older.keys().copied().collect::<Vec<_>>(), [1, 5]);
        streams.end_server(3);
        streams.end_server(1);
        streams.end_client(1);
        streams.reset(5);
        streams.reset(5);
        assert_eq!(streams.take_closed(), 2);
        assert!(streams.older.is_empty());
    }
}
