//! A race keeps its rules, whatever events it gets and in whatever order.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::{Duration, Instant};

use trunkline_connect::{
    AddressQuery, AttemptDelay, AttemptId, ConnectOutcome, Family, OnFailure, Race, RaceEnd,
    RaceOptions, RaceOutput, RoundTrip, SourceAddress, SourceProbe,
};

use crate::input::Input;

const QUERIES: [AddressQuery; 3] = [AddressQuery::All, AddressQuery::Aaaa, AddressQuery::A];

/// A race starts no address twice, and gives up only after it started every address. Two starts are
/// at least the minimum gap apart. While attempts are in flight and none has failed or timed out,
/// two starts are at least the attempt delay apart. At most one attempt wins, and every other one
/// is cancelled once. The end is the last output. A race in progress always waits for an answer, an
/// attempt or a deadline. Without further events from outside it ends.
pub fn race(data: &[u8]) {
    let mut input = Input::new(data);
    let mut referee = Referee::new(&mut input);
    referee.drain();
    while !input.is_empty() {
        referee.step(&mut input);
    }
    referee.run_out();
}

/// A race, and the model that checks its outputs.
struct Referee {
    race: Race,
    options: RaceOptions,
    now: Instant,
    /// The addresses that the race was given, without those that were removed before their start.
    given: BTreeSet<SocketAddr>,
    open: BTreeSet<AddressQuery>,
    started: BTreeSet<SocketAddr>,
    in_flight: BTreeSet<AttemptId>,
    cancelled: BTreeMap<AttemptId, ConnectOutcome>,
    /// How many failures have not yet been used to start an attempt early.
    failures: usize,
    /// The first attempt that was reported as connected while it was in flight.
    winner: Option<AttemptId>,
    /// Whether an attempt has won or the race was aborted: then no attempt may start.
    decided: bool,
    last_start: Option<Instant>,
    end: Option<RaceEnd>,
}

impl Referee {
    fn new(input: &mut Input<'_>) -> Self {
        let now = beginning();
        let options = options(input);
        let asked = input.below(8);
        let open = QUERIES
            .into_iter()
            .filter(|query| asked >> *query as u8 & 1 == 1);
        let open: BTreeSet<AddressQuery> = open.collect();
        let queries: Vec<AddressQuery> = open.iter().copied().collect();
        Self {
            race: Race::awaiting(&queries, options.clone(), now),
            options,
            now,
            given: BTreeSet::new(),
            open,
            started: BTreeSet::new(),
            in_flight: BTreeSet::new(),
            cancelled: BTreeMap::new(),
            failures: 0,
            winner: None,
            decided: false,
            last_start: None,
            end: None,
        }
    }

    /// Passes an event to the race, or lets time pass.
    fn step(&mut self, input: &mut Input<'_>) {
        let action = input.below(9);
        match action {
            0 => self.answer(input),
            1 => {
                let query = QUERIES[usize::from(input.below(3))];
                self.open.remove(&query);
                self.race.handle_no_addresses(query, self.now);
            }
            2 => {
                let gone = [address(input), address(input)];
                let twins = gone.map(canonical);
                self.given
                    .retain(|one| self.started.contains(one) || !twins.contains(one));
                self.race.handle_removed(&gone, self.now);
            }
            // The race ignores a report about an attempt that has ended.
            3 => self.connected(input),
            4 => self.failed(input),
            5 => {
                if let Some(id) = self.attempt(input) {
                    self.race.handle_progress(id, self.now);
                }
            }
            6 => {
                self.drain();
                self.now += Duration::from_millis(2 * u64::from(input.below(u8::MAX)));
            }
            7 => {
                self.drain();
                if let Some(at) = self.race.poll_timeout() {
                    assert!(at > self.now, "the deadline has passed already");
                    self.now = at;
                }
            }
            _ if input.below(32) == 31 => {
                self.decided = true;
                self.race.handle_abort(self.now);
            }
            _ => self.drain(),
        }
    }

    fn answer(&mut self, input: &mut Input<'_>) {
        let query = QUERIES[usize::from(input.below(3))];
        let count = input.below(8);
        let list: Vec<SocketAddr> = (0..count).map(|_| address(input)).collect();
        self.open.remove(&query);
        self.given.extend(list.iter().copied().map(canonical));
        self.race.handle_addresses(query, list, &Probe, self.now);
    }

    fn connected(&mut self, input: &mut Input<'_>) {
        let Some(id) = self.attempt(input) else {
            return;
        };
        if !self.decided && self.in_flight.remove(&id) {
            self.winner = Some(id);
            self.decided = true;
        }
        self.race.handle_connected(id, self.now);
    }

    fn failed(&mut self, input: &mut Input<'_>) {
        let Some(id) = self.attempt(input) else {
            return;
        };
        if !self.decided && self.in_flight.remove(&id) {
            self.failures += 1;
        }
        let kinds = [
            io::ErrorKind::ConnectionRefused,
            io::ErrorKind::NetworkUnreachable,
            io::ErrorKind::TimedOut,
            io::ErrorKind::InvalidInput,
        ];
        let kind = kinds[usize::from(input.below(4))];
        self.race.handle_failure(id, kind.into(), self.now);
    }

    /// Returns an attempt that is in flight or was cancelled: a shell may report an attempt after
    /// the race has cancelled it.
    fn attempt(&self, input: &mut Input<'_>) -> Option<AttemptId> {
        let known = self.in_flight.iter().chain(self.cancelled.keys());
        let known: Vec<AttemptId> = known.copied().collect();
        let count = u8::try_from(known.len()).unwrap_or(u8::MAX);
        (count > 0).then(|| known[usize::from(input.below(count))])
    }

    fn drain(&mut self) {
        while let Some(output) = self.race.poll_output(self.now) {
            assert_eq!(self.end, None, "{output:?} after the end");
            match output {
                RaceOutput::Start { id, address } => self.on_start(id, address),
                RaceOutput::Cancel { id } => self.on_cancel(id),
                RaceOutput::Ended(end) => self.on_end(end),
            }
        }
        let waits = !self.in_flight.is_empty()
            || !self.open.is_empty()
            || self.race.poll_timeout().is_some();
        assert!(self.end.is_some() || waits, "stuck");
    }

    fn on_start(&mut self, id: AttemptId, address: SocketAddr) {
        assert!(!self.decided, "a start after the win");
        assert_eq!(id.index(), self.started.len(), "ids count the starts");
        assert!(
            self.given.contains(&address),
            "an address that the race was not given"
        );
        assert!(self.started.insert(address), "started twice");
        if let Some(last) = self.last_start {
            let passed = self.now - last;
            let before = self.race.report().attempts().nth(id.index() - 1);
            let before = before.expect("the attempt before");
            let delay = if self.options.dynamic_delay {
                AttemptDelay::ABSOLUTE_MIN.min(self.options.attempt_delay)
            } else {
                self.options.attempt_delay
            };
            // An attempt that failed at the instant of its start, without an answer of a host, has
            // sent no packet.
            let sent_nothing = before.end == Some(before.start)
                && matches!(
                    before.outcome,
                    Some(ConnectOutcome::Unreachable | ConnectOutcome::Failed)
                );
            if !sent_nothing {
                let gap = self.options.min_gap.min(self.options.attempt_delay.get());
                assert!(passed >= gap, "within the gap");
            }
            if !self.in_flight.is_empty() && self.failures == 0 {
                assert!(
                    passed >= delay.get(),
                    "within the delay, and nothing failed"
                );
            }
        }
        self.failures = self.failures.saturating_sub(1);
        self.last_start = Some(self.now);
        self.in_flight.insert(id);
        let cap = self.options.max_in_flight.max(1);
        assert!(self.in_flight.len() <= cap, "too many at once");
    }

    fn on_cancel(&mut self, id: AttemptId) {
        assert!(
            self.in_flight.remove(&id),
            "cancelled, and was not in flight"
        );
        let attempt = self.race.report().attempts().nth(id.index());
        let outcome = attempt.and_then(|attempt| attempt.outcome);
        let outcome = outcome.expect("a cancelled attempt has ended");
        assert!(
            matches!(
                outcome,
                ConnectOutcome::Cancelled | ConnectOutcome::TimedOut
            ),
            "{outcome}"
        );
        if outcome == ConnectOutcome::TimedOut {
            self.failures += 1;
        }
        let twice = self.cancelled.insert(id, outcome);
        assert_eq!(twice, None, "cancelled twice");
    }

    fn on_end(&mut self, end: RaceEnd) {
        self.end = Some(end);
        assert!(self.in_flight.is_empty(), "not all losers were cancelled");
        match end {
            RaceEnd::Won(id) => assert_eq!(self.winner, Some(id)),
            RaceEnd::Exhausted => {
                assert!(self.open.is_empty() && !self.decided, "too early");
                assert_eq!(self.given, self.started, "an address was forgotten");
            }
            _ => assert_eq!(self.winner, None, "a success was lost"),
        }
        assert_eq!(self.race.poll_timeout(), None, "a deadline after the end");
        let report = self.race.report();
        for (index, attempt) in report.attempts().enumerate() {
            let outcome = attempt.outcome.expect("every attempt has ended");
            let won = matches!(end, RaceEnd::Won(id) if id.index() == index);
            assert_eq!(outcome == ConnectOutcome::Connected, won);
            assert!(
                attempt.end >= Some(attempt.start),
                "an end before its start"
            );
        }
        let untried: BTreeSet<SocketAddr> = report.untried().collect();
        assert!(untried.is_disjoint(&self.started), "tried and untried");
    }

    /// Lets only time pass, and fails the attempts that hang as the system does, until the race
    /// ends.
    fn run_out(&mut self) {
        for query in std::mem::take(&mut self.open) {
            self.race.handle_no_addresses(query, self.now);
        }
        self.drain();
        // Each turn ends an attempt, starts one, or ends the race.
        for _ in 0..4 * self.given.len() + 4 {
            if self.end.is_some() {
                return;
            }
            match self.race.poll_timeout() {
                Some(at) => {
                    assert!(at > self.now, "the deadline has passed already");
                    self.now = at;
                }
                None => {
                    let id = *self.in_flight.first().expect("stuck");
                    self.in_flight.remove(&id);
                    self.failures += 1;
                    let error = io::ErrorKind::TimedOut.into();
                    self.race.handle_failure(id, error, self.now);
                }
            }
            self.drain();
        }
        assert!(self.end.is_some(), "no end");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "any instant will do, and there is no other way to make one"
)]
fn beginning() -> Instant {
    Instant::now()
}

fn options(input: &mut Input<'_>) -> RaceOptions {
    let millis = |input: &mut Input<'_>, unit: u64| {
        Duration::from_millis(unit * u64::from(input.below(u8::MAX)))
    };
    let flags = input.below(64);
    let mut options = RaceOptions::default();
    options.attempt_delay = AttemptDelay::below_recommended(millis(input, 4));
    options.resolution_delay = millis(input, 1);
    options.dynamic_delay = flags & 1 != 0;
    options.interleave = flags & 2 == 0;
    options.on_failure = match flags & 4 {
        0 => OnFailure::Any,
        _ => OnFailure::Newest,
    };
    options.min_gap = match flags & 8 {
        0 => Duration::ZERO,
        _ => millis(input, 1),
    };
    options.attempt_timeout = (flags & 16 != 0).then(|| millis(input, 10));
    options.timeout = (flags & 32 != 0).then(|| millis(input, 40));
    options.prefer = [None, Some(Family::V4), Some(Family::V6)][usize::from(input.below(3))];
    options.first_family_count = usize::from(input.below(4));
    options.max_in_flight = usize::from(input.below(8));
    options
}

/// Returns one of few addresses, so that duplicates are common: IPv4, IPv6, IPv4-mapped IPv6, or
/// link-local IPv6 with a scope.
fn address(input: &mut Input<'_>) -> SocketAddr {
    let host = input.below(64);
    let v4 = Ipv4Addr::new(192, 0, 2, host / 4);
    let last = u16::from(host / 4);
    match host % 4 {
        0 => SocketAddr::from((v4, 443)),
        1 => SocketAddr::from((v4.to_ipv6_mapped(), 443)),
        2 => SocketAddr::from((Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last), 443)),
        _ => {
            let ip = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
            SocketAddrV6::new(ip, 443, 0, u32::from(last)).into()
        }
    }
}

/// Returns the address with IPv4-mapped IPv6 as IPv4: the race takes both for the same address.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(ip) => SocketAddr::from((ip, v6.port())),
            None => address,
        },
        SocketAddr::V4(_) => address,
    }
}

/// A probe by the last byte of the address: some addresses have no route, some a round-trip time.
struct Probe;

impl SourceProbe for Probe {
    fn source(&self, destination: SocketAddr) -> Option<SourceAddress> {
        (last_byte(destination) % 4 != 3).then(|| SourceAddress::new(destination.ip()))
    }

    fn round_trip(&self, destination: SocketAddr) -> Option<RoundTrip> {
        let millis = 20 * u64::from(last_byte(destination));
        (millis % 3 != 0).then(|| RoundTrip::new(Duration::from_millis(millis)))
    }
}

fn last_byte(address: SocketAddr) -> u8 {
    match address {
        SocketAddr::V4(v4) => v4.ip().octets()[3],
        SocketAddr::V6(v6) => v6.ip().octets()[15],
    }
}
