//! Answers that are kept for as long as their TTL says.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::wire::Found;
use crate::{Name, RecordType};

/// For how long a failure is kept (RFC 9520 section 3.2 asks for 1 s at least).
const FAILURE: Duration = Duration::from_secs(1);
/// Octets of the whole cache, so that few large answers cost no more than many small ones.
const MAX_OCTETS: usize = 32 << 20;
/// Octets of an entry without its names and records, more or less.
const ENTRY: usize = 256;

/// An answer with the end of its life.
#[derive(Clone, Debug)]
pub struct Cached {
    pub(crate) finding: CachedFinding,
    pub(crate) server: SocketAddr,
    pub(crate) expires: Instant,
}

#[derive(Clone, Debug)]
pub(crate) enum CachedFinding {
    Found(Arc<Found>),
    NoData,
    NotFound,
    Failed,
}

impl Cached {
    pub(crate) fn failure(server: SocketAddr, now: Instant) -> Self {
        Self {
            finding: CachedFinding::Failed,
            server,
            expires: now + FAILURE,
        }
    }
}

type Key = (Name, RecordType);

fn octets((name, _): &Key, what: &Cached) -> usize {
    let found = match &what.finding {
        CachedFinding::Found(found) => found.canonical.wire().len() + found.records.octets(),
        _ => 0,
    };
    ENTRY + name.wire().len() + found
}

/// The keys of all types of a name.
fn all_types(name: &Name) -> RangeInclusive<Key> {
    (name.clone(), RecordType::FIRST)..=(name.clone(), RecordType::LAST)
}

/// A bounded cache; without entries it keeps nothing.
#[derive(Debug, Default)]
pub(super) struct Cache {
    /// By name, in any letters, and type; NXDOMAIN is kept under the type that was asked.
    entries: BTreeMap<Key, Cached>,
    octets: usize,
}

impl Cache {
    pub(super) fn get(
        &self,
        name: &Name,
        record_type: RecordType,
        now: Instant,
    ) -> Option<&Cached> {
        let mut entries = self
            .entries
            .range(all_types(name))
            .filter(|(_, entry)| entry.expires > now);
        let own = entries.clone().find(|((_, of), _)| *of == record_type);
        // That the name does not exist was said of another type, and holds for all.
        let none = || entries.find(|(_, entry)| matches!(entry.finding, CachedFinding::NotFound));
        own.or_else(none).map(|(_, entry)| entry)
    }

    pub(super) fn insert(
        &mut self,
        name: &Name,
        record_type: RecordType,
        mut what: Cached,
        bound: usize,
        now: Instant,
    ) {
        if what.expires <= now || bound == 0 {
            return;
        }
        let key = (name.clone(), record_type);
        self.agree(name, &mut what, now);
        self.octets += octets(&key, &what);
        if let Some(old) = self.entries.get(&key) {
            self.octets -= octets(&key, old);
        }
        self.entries.insert(key, what);
        if self.entries.len() > bound || self.octets > MAX_OCTETS {
            self.make_room(bound, now);
        }
    }

    /// Some servers say that a name does not exist where it has no records of the type that was
    /// asked for (RFC 4074 section 4.2). A name with records exists.
    fn agree(&mut self, name: &Name, what: &mut Cached, now: Instant) {
        let mut others = self.entries.range_mut(all_types(name));
        match what.finding {
            CachedFinding::Found(_) => {
                for (_, other) in others {
                    if matches!(other.finding, CachedFinding::NotFound) {
                        other.finding = CachedFinding::NoData;
                    }
                }
            }
            CachedFinding::NotFound => {
                let is_found = |other: &Cached| {
                    other.expires > now && matches!(other.finding, CachedFinding::Found(_))
                };
                if others.any(|(_, other)| is_found(other)) {
                    what.finding = CachedFinding::NoData;
                }
            }
            CachedFinding::NoData | CachedFinding::Failed => {}
        }
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.octets = 0;
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Drops what is over, then what ends soonest, down to seven eighths: so that the search for
    /// it is paid for by many insertions.
    fn make_room(&mut self, bound: usize, now: Instant) {
        self.entries.retain(|_, entry| entry.expires > now);
        self.octets = self.sum();
        let mut ends: Vec<_> = self.entries.values().map(|entry| entry.expires).collect();
        ends.sort_unstable();
        let keep = (bound - bound / 8).min(ends.len());
        let keep = match self.octets > MAX_OCTETS {
            true => keep / 2,
            false => keep,
        };
        let drop = ends.len() - keep;
        if drop > 0 {
            let last = ends[drop - 1];
            let mut left = drop;
            self.entries.retain(|_, entry| {
                let go = left > 0 && entry.expires <= last;
                left -= usize::from(go);
                !go
            });
        }
        self.octets = self.sum();
    }

    fn sum(&self) -> usize {
        let entries = self.entries.iter();
        entries.map(|(key, what)| octets(key, what)).sum()
    }
}
