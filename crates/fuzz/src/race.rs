//! Races: whatever happens to one, in whatever order, it keeps its rules.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::{Duration, Instant};

use trunkline_connect::{
    AddressQuery, AttemptDelay, AttemptId, ConnectOutcome, Family, OnFailure, Race, RaceEnd,
    RaceOptions, RaceOutput, RoundTrip, SourceAddress, SourceProbe,
};

use crate::actions::Actions;

const QUERIES: [AddressQuery; 3] = [AddressQuery::All, AddressQuery::Aaaa, AddressQuery::A];

/// No address is started twice and none is forgotten; no two starts are closer than the gap, nor
/// than the delay where no attempt has failed or was cancelled; at most one wins; every loser is
/// cancelled once; nothing comes after the end; while a race runs there is something to wait for;
/// and once nobody interferes it comes to an end.
pub fn race(data: &[u8]) {
    let mut actions = Actions::new(data);
    let mut referee = Referee::new(&mut actions);
    referee.drain();
    while !actions.is_empty() {
        referee.step(&mut actions);
    }
    referee.run_out();
}

/// What an onlooker knows about a race.
struct Referee {
    race: Race,
    options: RaceOptions,
    now: Instant,
    /// Every address that the race was told of, less those removed before they were started.
    told: BTreeSet<SocketAddr>,
    open: BTreeSet<AddressQuery>,
    started: BTreeSet<SocketAddr>,
    in_flight: BTreeSet<AttemptId>,
    cancelled: BTreeMap<AttemptId, ConnectOutcome>,
    /// Failures, each of which may bring one start forward.
    failures: usize,
    /// The first that was told to have succeeded while it was in flight.
    winner: Option<AttemptId>,
    /// Whether one has won or the race was aborted: nothing may be started after that.
    decided: bool,
    last_start: Option<Instant>,
    end: Option<RaceEnd>,
}

impl Referee {
    fn new(actions: &mut Actions<'_>) -> Self {
        let now = beginning();
        let options = options(actions);
        let asked = actions.below(8);
        let open = QUERIES
            .into_iter()
            .filter(|query| asked >> *query as u8 & 1 == 1);
        let open: BTreeSet<AddressQuery> = open.collect();
        let queries: Vec<AddressQuery> = open.iter().copied().collect();
        Self {
            race: Race::awaiting(&queries, options.clone(), now),
            options,
            now,
            told: BTreeSet::new(),
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

    /// Something happens, or some time passes.
    fn step(&mut self, actions: &mut Actions<'_>) {
        let action = actions.below(9);
        match action {
            0 => self.answer(actions),
            1 => {
                let query = QUERIES[usize::from(actions.below(3))];
                self.open.remove(&query);
                self.race.handle_no_addresses(query, self.now);
            }
            2 => {
                let gone = [address(actions), address(actions)];
                let twins = gone.map(canonical);
                self.told
                    .retain(|one| self.started.contains(one) || !twins.contains(one));
                self.race.handle_removed(&gone, self.now);
            }
            // What is told of an attempt that has ended, or was never started, is of no account.
            3 => self.connected(actions),
            4 => self.failed(actions),
            5 => {
                if let Some(id) = self.attempt(actions) {
                    self.race.handle_progress(id, self.now);
                }
            }
            6 => {
                self.drain();
                self.now += Duration::from_millis(2 * u64::from(actions.below(u8::MAX)));
            }
            7 => {
                self.drain();
                if let Some(at) = self.race.poll_timeout() {
                    assert!(at > self.now, "a time to wait for that has passed");
                    self.now = at;
                }
            }
            _ if actions.below(32) == 31 => {
                self.decided = true;
                self.race.handle_abort(self.now);
            }
            _ => self.drain(),
        }
    }

    fn answer(&mut self, actions: &mut Actions<'_>) {
        let query = QUERIES[usize::from(actions.below(3))];
        let count = actions.below(8);
        let list: Vec<SocketAddr> = (0..count).map(|_| address(actions)).collect();
        self.open.remove(&query);
        self.told.extend(list.iter().copied().map(canonical));
        self.race.handle_addresses(query, list, &Probe, self.now);
    }

    fn connected(&mut self, actions: &mut Actions<'_>) {
        let Some(id) = self.attempt(actions) else {
            return;
        };
        if !self.decided && self.in_flight.remove(&id) {
            self.winner = Some(id);
            self.decided = true;
        }
        self.race.handle_connected(id, self.now);
    }

    fn failed(&mut self, actions: &mut Actions<'_>) {
        let Some(id) = self.attempt(actions) else {
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
        let kind = kinds[usize::from(actions.below(4))];
        self.race.handle_failure(id, kind.into(), self.now);
    }

    /// An attempt that runs, or one that was cancelled, as a shell may be late.
    fn attempt(&self, actions: &mut Actions<'_>) -> Option<AttemptId> {
        let known = self.in_flight.iter().chain(self.cancelled.keys());
        let known: Vec<AttemptId> = known.copied().collect();
        let count = u8::try_from(known.len()).unwrap_or(u8::MAX);
        (count > 0).then(|| known[usize::from(actions.below(count))])
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
        assert!(self.told.contains(&address), "an address that nobody gave");
        assert!(self.started.insert(address), "started twice");
        if let Some(last) = self.last_start {
            let passed = self.now - last;
            let before = self.race.report().attempts().nth(id.index() - 1);
            let before = before.expect("the attempt before");
            let delay = match self.options.dynamic_delay {
                true => AttemptDelay::ABSOLUTE_MIN.min(self.options.attempt_delay),
                false => self.options.attempt_delay,
            };
            // One that failed at the instant of its start has sent nothing.
            if before.end != Some(before.start) {
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
                assert_eq!(self.told, self.started, "an address was forgotten");
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

    /// Nothing more happens but time, and the system gives up what hangs.
    fn run_out(&mut self) {
        for query in std::mem::take(&mut self.open) {
            self.race.handle_no_addresses(query, self.now);
        }
        self.drain();
        // Each turn ends an attempt, starts one, or ends the race.
        for _ in 0..4 * self.told.len() + 4 {
            if self.end.is_some() {
                return;
            }
            match self.race.poll_timeout() {
                Some(at) => {
                    assert!(at > self.now, "a time to wait for that has passed");
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
    reason = "any instant does; there is no other way to make one"
)]
fn beginning() -> Instant {
    Instant::now()
}

fn options(actions: &mut Actions<'_>) -> RaceOptions {
    let millis = |actions: &mut Actions<'_>, unit: u64| {
        Duration::from_millis(unit * u64::from(actions.below(u8::MAX)))
    };
    let flags = actions.below(64);
    let mut options = RaceOptions::default();
    options.attempt_delay = AttemptDelay::below_recommended(millis(actions, 4));
    options.resolution_delay = millis(actions, 1);
    options.dynamic_delay = flags & 1 != 0;
    options.interleave = flags & 2 == 0;
    options.on_failure = match flags & 4 {
        0 => OnFailure::Any,
        _ => OnFailure::Newest,
    };
    options.min_gap = match flags & 8 {
        0 => Duration::ZERO,
        _ => millis(actions, 1),
    };
    options.attempt_timeout = (flags & 16 != 0).then(|| millis(actions, 10));
    options.timeout = (flags & 32 != 0).then(|| millis(actions, 40));
    options.prefer = [None, Some(Family::V4), Some(Family::V6)][usize::from(actions.below(3))];
    options.first_family_count = usize::from(actions.below(4));
    options.max_in_flight = usize::from(actions.below(8));
    options
}

/// One of few, so that duplicates are common; IPv4, IPv6, IPv4 in IPv6, and link-local with a scope.
fn address(actions: &mut Actions<'_>) -> SocketAddr {
    let host = actions.below(64);
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

/// IPv4 in IPv6 is IPv4: its twin is the same address.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(ip) => SocketAddr::from((ip, v6.port())),
            None => address,
        },
        SocketAddr::V4(_) => address,
    }
}

/// By the last octet: some addresses have no route, some a round-trip time.
struct Probe;

impl SourceProbe for Probe {
    fn source(&self, destination: SocketAddr) -> Option<SourceAddress> {
        (last_octet(destination) % 4 != 3).then(|| SourceAddress::new(destination.ip()))
    }

    fn round_trip(&self, destination: SocketAddr) -> Option<RoundTrip> {
        let millis = 20 * u64::from(last_octet(destination));
        (millis % 3 != 0).then(|| RoundTrip::new(Duration::from_millis(millis)))
    }
}

fn last_octet(address: SocketAddr) -> u8 {
    match address {
        SocketAddr::V4(v4) => v4.ip().octets()[3],
        SocketAddr::V6(v6) => v6.ip().octets()[15],
    }
}
