//! What holds for every race, checked on thousands of random ones; each can be repeated from the
//! seed that is printed when one fails.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use fastrand::Rng;
use trunkline_connect::{
    AttemptDelay, AttemptId, End, Family, KeepOrder, OnFailure, Outcome, Output, Query, Race,
    RaceOptions, Source, interleave, sort_rfc6724,
};

const RACES: u64 = 5_000;
const QUERIES: [Query; 3] = [Query::All, Query::Aaaa, Query::A];

/// What an onlooker knows about a race.
struct Referee {
    race: Race,
    options: RaceOptions,
    now: Instant,
    /// Every address that the race was ever told of, less those removed.
    told: BTreeSet<SocketAddr>,
    open: BTreeSet<Query>,
    started: BTreeSet<SocketAddr>,
    in_flight: BTreeMap<AttemptId, Instant>,
    cancelled: BTreeSet<AttemptId>,
    /// The first that was told to have succeeded while it was in flight.
    winner: Option<AttemptId>,
    /// Whether it has won or was aborted: what happens to an attempt after that is of no account,
    /// it is to be cancelled all the same.
    decided: bool,
    last_start: Option<Instant>,
    end: Option<End>,
}

impl Referee {
    fn new(rng: &mut Rng) -> Self {
        let now = Instant::now();
        let options = options(rng);
        let open: BTreeSet<Query> = QUERIES.into_iter().filter(|_| rng.bool()).collect();
        let queries: Vec<Query> = open.iter().copied().collect();
        Self {
            race: Race::awaiting(&queries, options.clone(), now),
            options,
            now,
            told: BTreeSet::new(),
            open,
            started: BTreeSet::new(),
            in_flight: BTreeMap::new(),
            cancelled: BTreeSet::new(),
            winner: None,
            decided: false,
            last_start: None,
            end: None,
        }
    }

    /// Something happens, or some time passes.
    fn step(&mut self, rng: &mut Rng) {
        match rng.u8(..8) {
            0 => {
                let query = QUERIES[rng.usize(..3)];
                let count = rng.usize(..6);
                let list: Vec<SocketAddr> = (0..count).map(|_| address(rng)).collect();
                self.open.remove(&query);
                self.told.extend(&list);
                let probe = KeepOrder;
                self.race.handle_addresses(query, list, &probe, self.now);
            }
            1 => {
                let query = QUERIES[rng.usize(..3)];
                self.open.remove(&query);
                self.race.handle_no_addresses(query, self.now);
            }
            2 if rng.u8(..4) == 0 => {
                let gone = [address(rng), address(rng)];
                self.told
                    .retain(|one| self.started.contains(one) || !gone.contains(one));
                self.race.handle_removed(&gone, self.now);
            }
            3 | 4 => {
                // Also of attempts that have ended, as a shell may be late.
                let Some(id) = self.attempt(rng) else { return };
                match rng.u8(..4) {
                    0 => {
                        if !self.decided && self.in_flight.remove(&id).is_some() {
                            self.winner = Some(id);
                            self.decided = true;
                        }
                        self.race.handle_connected(id, self.now);
                    }
                    1 => self.race.handle_progress(id, self.now),
                    _ => {
                        if !self.decided {
                            self.in_flight.remove(&id);
                        }
                        let error = io::ErrorKind::ConnectionRefused.into();
                        self.race.handle_failure(id, error, self.now);
                    }
                }
            }
            5 if rng.u8(..50) == 0 => {
                self.decided = true;
                self.race.handle_abort(self.now);
            }
            6 => {
                self.drain();
                self.now += Duration::from_millis(rng.u64(..400));
            }
            _ => {
                self.drain();
                if let Some(at) = self.race.poll_timeout() {
                    assert!(at > self.now, "a time to wait for that has passed");
                    self.now = at;
                }
            }
        }
        // Several things may happen at one instant before the outputs are asked for.
        if rng.u8(..3) > 0 {
            self.drain();
        }
    }

    fn attempt(&self, rng: &mut Rng) -> Option<AttemptId> {
        let known: Vec<AttemptId> = self
            .in_flight
            .keys()
            .chain(&self.cancelled)
            .copied()
            .collect();
        (!known.is_empty()).then(|| known[rng.usize(..known.len())])
    }

    fn drain(&mut self) {
        while let Some(output) = self.race.poll_output(self.now) {
            assert_eq!(self.end, None, "{output:?} after the end");
            match output {
                Output::Start { id, address } => self.on_start(id, address),
                Output::Cancel { id } => {
                    assert!(self.in_flight.remove(&id).is_some(), "no loser");
                    assert!(self.cancelled.insert(id), "cancelled twice");
                }
                Output::Ended(end) => self.on_end(end),
            }
        }
        // Never stuck.
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
        let failed_at_once = match id.index().checked_sub(1) {
            Some(before) => {
                let before = self.race.report().attempts().nth(before).unwrap();
                before.end == Some(before.start)
            }
            None => true,
        };
        if let Some(last) = self.last_start
            && !failed_at_once
        {
            assert!(self.now - last >= self.options.min_gap, "too early");
        }
        self.last_start = Some(self.now);
        self.in_flight.insert(id, self.now);
        assert!(
            self.in_flight.len() <= self.options.max_in_flight,
            "too many"
        );
    }

    fn on_end(&mut self, end: End) {
        self.end = Some(end);
        assert!(self.in_flight.is_empty(), "not all losers were cancelled");
        match end {
            End::Won(id) => assert_eq!(self.winner, Some(id)),
            End::Exhausted => {
                assert!(self.open.is_empty() && !self.decided);
                assert_eq!(self.told, self.started, "an address was forgotten");
            }
            _ => assert_eq!(self.winner, None),
        }
        assert_eq!(self.race.poll_timeout(), None);
        for attempt in self.race.report().attempts() {
            let won = attempt.outcome == Some(Outcome::Connected);
            assert_eq!(won, self.race.report().winner() == Some(attempt.address));
        }
    }

    /// Nothing more happens but time: the race must come to an end by itself.
    fn let_run_out(&mut self) {
        for query in std::mem::take(&mut self.open) {
            self.race.handle_no_addresses(query, self.now);
        }
        self.drain();
        for _ in 0..1_000 {
            if self.end.is_some() {
                return;
            }
            match self.race.poll_timeout() {
                Some(at) => self.now = at,
                None => {
                    let (&id, _) = self.in_flight.first_key_value().unwrap();
                    self.in_flight.remove(&id);
                    let error = io::ErrorKind::TimedOut.into();
                    self.race.handle_failure(id, error, self.now);
                }
            }
            self.drain();
        }
        panic!("no end");
    }
}

fn options(rng: &mut Rng) -> RaceOptions {
    let mut options = RaceOptions::default();
    options.attempt_delay = AttemptDelay::new(Duration::from_millis(rng.u64(..3_000)));
    options.prefer = [None, Some(Family::V4), Some(Family::V6)][rng.usize(..3)];
    options.interleave = rng.bool();
    options.first_family_count = rng.usize(..3);
    options.on_failure = [OnFailure::Any, OnFailure::Newest][rng.usize(..2)];
    options.min_gap = Duration::from_millis([0, 10, 50][rng.usize(..3)]);
    options.max_in_flight = rng.usize(1..4);
    let limit = |rng: &mut Rng| rng.bool().then(|| Duration::from_millis(rng.u64(..5_000)));
    options.attempt_timeout = limit(rng);
    options.timeout = limit(rng);
    options
}

/// One of few, so that duplicates are common.
fn address(rng: &mut Rng) -> SocketAddr {
    let host = rng.u8(1..12);
    let text = match rng.bool() {
        true => format!("192.0.2.{host}:443"),
        false => format!("[2001:db8::{host:x}]:443"),
    };
    text.parse().unwrap()
}

/// No address is started twice, none forgotten; at most one winner; one cancel for each loser;
/// nothing after the end; never stuck; starts at least the gap apart; never more than the cap.
#[test]
fn every_race_keeps_the_rules() {
    // Won, exhausted, timed out, aborted.
    let mut ends = [0; 4];
    for seed in 0..RACES {
        let mut rng = Rng::with_seed(seed);
        let mut referee = Referee::new(&mut rng);
        let seed = Seed(seed);
        referee.drain();
        for _ in 0..rng.usize(..60) {
            referee.step(&mut rng);
        }
        referee.let_run_out();
        drop(seed);
        ends[match referee.end {
            Some(End::Won(_)) => 0,
            Some(End::Exhausted) => 1,
            Some(End::TimedOut) => 2,
            _ => 3,
        }] += 1;
    }
    assert!(
        ends.iter().all(|&count| count > 100),
        "not all is covered: {ends:?}"
    );
}

/// Says which race it was when one breaks a rule.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("race of seed {}", self.0);
        }
    }
}

/// A race takes any list in the order of `sort_rfc6724` and `interleave`, however it is cut into
/// answers; and that order has every address once, each family in its own order.
#[test]
fn every_list_is_sorted_and_interleaved() {
    for seed in 0..RACES {
        let mut rng = Rng::with_seed(seed);
        let seed = Seed(seed);
        let mut list: Vec<SocketAddr> = Vec::new();
        for _ in 0..rng.usize(..24) {
            let address = address(&mut rng);
            if !list.contains(&address) {
                list.push(address);
            }
        }
        // Addresses with an odd last octet have no route.
        let probe = |to: SocketAddr| {
            let ip = to.ip();
            let last = match ip {
                IpAddr::V4(v4) => v4.octets()[3],
                IpAddr::V6(v6) => v6.octets()[15],
            };
            (last % 2 == 0).then(|| Source::new(ip))
        };
        let mut options = RaceOptions::default();
        options.first_family_count = rng.usize(..4);
        let mut sorted = list.clone();
        sort_rfc6724(&mut sorted, &probe);
        let count = options.first_family_count;
        let expected = interleave(sorted, |&one| Family::from(one), count);

        let now = Instant::now();
        let mut race = Race::awaiting(&[Query::All], options, now);
        for part in list.chunks(rng.usize(1..10)) {
            race.handle_addresses(Query::All, part.iter().copied(), &probe, now);
        }
        assert!(race.report().untried().eq(expected));
        drop(seed);
    }
}
