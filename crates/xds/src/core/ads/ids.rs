//! Ids of the things that a client and its shell talk about.

use std::fmt;

/// A link: a channel to one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub(super) u32);

/// A stream over a link. No id is used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    pub(super) link: LinkId,
    pub(super) number: u64,
}

impl StreamId {
    /// Returns the link that the stream runs over.
    #[must_use]
    pub fn link(self) -> LinkId {
        self.link
    }
}

/// A watch of one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchId(pub(super) u64);

/// A delivery to one watcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId {
    pub(super) watch: WatchId,
    pub(super) number: u64,
}

impl DeliveryId {
    /// Returns the watch that the delivery is for.
    #[must_use]
    pub fn watch(self) -> WatchId {
        self.watch
    }
}

impl fmt::Display for LinkId {
    /// Prints the number of the link.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for StreamId {
    /// Prints the number of the link and the number of the stream on it: `0.2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.link, self.number)
    }
}

impl fmt::Display for WatchId {
    /// Prints the number of the watch.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
