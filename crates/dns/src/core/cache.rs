//! Answers that are kept until their TTL expires.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::wire::Found;
use crate::{Absence, Name, RecordType};

/// The time for which a failure is kept (RFC 9520 section 3.2: at least 1 s).
const FAILURE_TTL: Duration = Duration::from_secs(1);
/// The maximum size of the whole cache in bytes, so that a few large answers take no more memory
/// than many small ones.
const MAX_BYTES: usize = 32 << 20;
/// Bytes of an entry without its names and records, approximately.
const ENTRY_BYTES: usize = 256;

/// An answer, and when it expires.
#[derive(Clone, Debug)]
pub struct Cached {
    pub(crate) finding: CachedFinding,
    pub(crate) server: SocketAddr,
    pub(crate) expires: Instant,
}

#[derive(Clone, Debug)]
pub(crate) enum CachedFinding {
    Found(Arc<Found>),
    NoData(Absence),
    NotFound(Absence),
    Failed,
}

impl Cached {
    pub(crate) fn failure(server: SocketAddr, now: Instant) -> Self {
        Self {
            finding: CachedFinding::Failed,
            server,
            expires: now + FAILURE_TTL,
        }
    }
}

type Key = (Name, RecordType);

/// Returns the approximate bytes of an entry.
fn bytes((name, _): &Key, what: &Cached) -> usize {
    let found = match &what.finding {
        CachedFinding::Found(found) => found.canonical.wire().len() + found.records.bytes(),
        CachedFinding::NoData(absence) | CachedFinding::NotFound(absence) => absence
            .aliases
            .iter()
            .map(|name| size_of::<Name>() + name.wire().len())
            .sum(),
        CachedFinding::Failed => 0,
    };
    ENTRY_BYTES + name.wire().len() + found
}

/// Returns the range of the keys of a name, for all types.
fn all_types(name: &Name) -> RangeInclusive<Key> {
    (name.clone(), RecordType::FIRST)..=(name.clone(), RecordType::LAST)
}

/// A cache whose entries and bytes are bounded; with a bound of 0 entries it keeps nothing.
#[derive(Debug, Default)]
pub(super) struct Cache {
    /// By name, in any letter case, and type. NXDOMAIN is kept under the type that was asked for.
    entries: BTreeMap<Key, Cached>,
    bytes: usize,
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
        // NXDOMAIN is kept under one type, and applies to all types.
        let none =
            || entries.find(|(_, entry)| matches!(entry.finding, CachedFinding::NotFound(_)));
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
        self.correct_not_found(name, &mut what, now);
        self.bytes += bytes(&key, &what);
        if let Some(old) = self.entries.get(&key) {
            self.bytes -= bytes(&key, old);
        }
        self.entries.insert(key, what);
        if self.entries.len() > bound || self.bytes > MAX_BYTES {
            self.make_room(bound, now);
        }
    }

    /// Changes NXDOMAIN to "no data" where the name has records of another type: some servers reply
    /// NXDOMAIN for a type that the name does not have (RFC 4074 section 4.2).
    fn correct_not_found(&mut self, name: &Name, what: &mut Cached, now: Instant) {
        let mut others = self.entries.range_mut(all_types(name));
        match &mut what.finding {
            CachedFinding::Found(_) => {
                for (_, other) in others {
                    if let CachedFinding::NotFound(absence) = &mut other.finding {
                        other.finding = CachedFinding::NoData(std::mem::take(absence));
                    }
                }
            }
            CachedFinding::NotFound(absence) => {
                let is_found = |other: &Cached| {
                    other.expires > now && matches!(other.finding, CachedFinding::Found(_))
                };
                if others.any(|(_, other)| is_found(other)) {
                    what.finding = CachedFinding::NoData(std::mem::take(absence));
                }
            }
            CachedFinding::NoData(_) | CachedFinding::Failed => {}
        }
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Removes expired entries, then those that expire first, until the cache is seven eighths
    /// full. Removing many at a time spreads the cost of the search over many insertions.
    fn make_room(&mut self, bound: usize, now: Instant) {
        self.entries.retain(|_, entry| entry.expires > now);
        self.bytes = self.sum();
        let mut ends: Vec<_> = self.entries.values().map(|entry| entry.expires).collect();
        ends.sort_unstable();
        let keep = (bound - bound / 8).min(ends.len());
        let keep = if self.bytes > MAX_BYTES {
            keep / 2
        } else {
            keep
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
        self.bytes = self.sum();
    }

    fn sum(&self) -> usize {
        let entries = self.entries.iter();
        entries.map(|(key, what)| bytes(key, what)).sum()
    }
}
