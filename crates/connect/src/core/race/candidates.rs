//! The addresses of a race: those that were started, and the order of the others.

use std::collections::{BTreeSet, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use trunkline_endpoint::{Turn, Turns};

use super::attempt::{AttemptId, AttemptRecord};
use super::options::RaceOptions;
use super::query::AddressQuery;
use crate::core::order::Preference;
use crate::{AttemptDelay, Family, SourceProbe};

/// Up to this many addresses, a duplicate is found fastest by comparing with each of them.
const FEW: usize = 16;

/// One address.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) address: SocketAddr,
    query: AddressQuery,
    arrival: u32,
    /// `None` while the address is the only one: asking the probe costs a system call.
    preference: Option<Preference>,
    turn: Turn,
    /// The delay from its start to the next one, where that is not the race's common delay.
    pub(super) delay: Option<AttemptDelay>,
    /// `None` until it is started.
    pub(super) record: Option<AttemptRecord>,
}

impl Candidate {
    /// Returns the sort key of the list.
    fn rank(&self) -> (&Option<Preference>, AddressQuery, u32) {
        (&self.preference, self.query, self.arrival)
    }

    pub(super) fn in_flight(&self) -> bool {
        self.record
            .as_ref()
            .is_some_and(|record| record.ended.is_none())
    }
}

/// All addresses of a race: first those that were started, in the order of their start, then those
/// that wait, in the order in which they will be started. An attempt's id is its index here.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    list: Vec<Candidate>,
    started: usize,
    arrivals: u32,
}

impl Candidates {
    pub(super) fn started(&self) -> &[Candidate] {
        &self.list[..self.started]
    }

    pub(super) fn waiting(&self) -> &[Candidate] {
        &self.list[self.started..]
    }

    pub(super) fn record_mut(&mut self, id: AttemptId) -> Option<&mut AttemptRecord> {
        self.list.get_mut(id.index())?.record.as_mut()
    }

    /// Marks the first address that waits as started.
    pub(super) fn start(&mut self, now: Instant) -> Option<(AttemptId, SocketAddr)> {
        let id = AttemptId(u32::try_from(self.started).ok()?);
        let next = self.list.get_mut(self.started)?;
        next.record = Some(AttemptRecord::new(now));
        self.started += 1;
        Some((id, next.address))
    }

    /// Adds addresses, and sorts those that wait into the order that they would have if all
    /// addresses had been there from the start. Returns true when one of them was new.
    pub(super) fn merge(
        &mut self,
        query: AddressQuery,
        addresses: impl IntoIterator<Item = SocketAddr>,
        probe: &(impl SourceProbe + ?Sized),
        options: &RaceOptions,
    ) -> bool {
        let addresses = addresses.into_iter();
        let known = self.list.len();
        self.list.reserve_exact(addresses.size_hint().0);
        let mut seen = AddressSet::default();
        for address in addresses {
            let address = canonical(address);
            if !seen.insert(address, &self.list) {
                continue;
            }
            let round_trip = if options.dynamic_delay {
                probe.round_trip(address)
            } else {
                None
            };
            self.list.push(Candidate {
                address,
                query,
                arrival: self.arrivals,
                preference: None,
                turn: Turn::default(),
                delay: round_trip.map(|known| known.attempt_delay()),
                record: None,
            });
            self.arrivals += 1;
        }
        let new = self.list.len() > known;
        if new && self.list.len() > 1 {
            self.arrange(probe, options);
        }
        new
    }

    /// Removes addresses that wait. Those that were started stay.
    pub(super) fn remove(&mut self, addresses: &[SocketAddr]) {
        let gone: BTreeSet<SocketAddr> = addresses.iter().map(|&one| canonical(one)).collect();
        self.list
            .retain(|candidate| candidate.record.is_some() || !gone.contains(&candidate.address));
    }

    /// Sorts the addresses that wait, and interleaves their families. Addresses that were started
    /// count too: they have used up the turns that they would have in the whole list.
    fn arrange(&mut self, probe: &(impl SourceProbe + ?Sized), options: &RaceOptions) {
        for candidate in self.list.iter_mut().filter(|one| one.preference.is_none()) {
            let family = Family::from(candidate.address);
            let is_other_family = options.prefer.is_some_and(|preferred| preferred != family);
            candidate.preference = Some(Preference::of(candidate.address, is_other_family, probe));
        }
        let (started, waiting) = self.list.split_at_mut(self.started);
        waiting.sort_unstable_by(|a, b| a.rank().cmp(&b.rank()));
        if !options.interleave {
            return;
        }
        let mut taken: Vec<&Candidate> = started.iter().collect();
        taken.sort_unstable_by(|a, b| a.rank().cmp(&b.rank()));
        let mut taken = taken.into_iter().peekable();
        let mut turns = Turns::new(options.first_family_count);
        for candidate in waiting.iter_mut() {
            while let Some(earlier) = taken.next_if(|one| one.rank() < candidate.rank()) {
                turns.take(earlier.address.into());
            }
            candidate.turn = turns.take(candidate.address.into());
        }
        waiting.sort_unstable_by_key(|candidate| candidate.turn);
    }
}

/// The addresses of a list, to find duplicates in linear time. A short list needs no set.
#[derive(Default)]
struct AddressSet(HashSet<SocketAddr>);

impl AddressSet {
    /// Inserts an address; returns true when it is new. `list` holds all addresses that were
    /// inserted before.
    fn insert(&mut self, address: SocketAddr, list: &[Candidate]) -> bool {
        if list.len() < FEW {
            return list.iter().all(|candidate| candidate.address != address);
        }
        if self.0.is_empty() {
            self.0
                .extend(list.iter().map(|candidate| candidate.address));
        }
        self.0.insert(address)
    }
}

/// Returns an IPv4-mapped IPv6 address as IPv4, because the same address must not be tried twice.
/// Scope ids are kept.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
        IpAddr::V6(_) => address,
    }
}
