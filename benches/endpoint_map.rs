//! Compares `EndpointMap` and `diff` with a `HashMap` whose key is the sorted addresses.
//!
//! Each endpoint has an IPv4 and an IPv6 address. The time of the `HashMap` includes building the
//! key from the endpoint, as a policy would have to. Only a few maps exist at a time: with
//! thousands, the kernel's memory management would dominate the time.
//!
//! Times are CPU times of the thread; both take turns, in three separate processes. `--json FILE` writes
//! all figures. Without `--bench`, as `cargo test` runs it, everything is done once with few endpoints.

use std::collections::HashMap;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use trunkline_benches::allocations::{CountingAllocator, allocations};
use trunkline_benches::clock::nanoseconds;
use trunkline_benches::contest::Contest;
use trunkline_benches::publish;
use trunkline_benches::results::Side;
use trunkline_benches::runs::{self, Run, is_whole};
use trunkline_benches::turns::{Turns, Work};
use trunkline_endpoint::{Endpoint, EndpointMap, diff};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// The numbers of endpoints, with the rounds that are measured.
const WHOLE: [(usize, usize); 3] = [(10, 25), (1_000, 25), (100_000, 9)];
const SHORT: [(usize, usize); 2] = [(10, 1), (1_000, 1)];

/// The least time of a turn, in nanoseconds.
const LEAST: f64 = 2e6;

const OURS: &str = "ours";
const PEER: &str = "`HashMap`";
const SIDES: [(&str, Side); 2] = [(OURS, Side::Ours), (PEER, Side::Peer)];

const OPERATIONS: [&str; 4] = ["insert", "lookup", "remove", "diff"];
const ALLOCATIONS: &str = "allocations";

/// The most time that each operation may take, as a fraction of the peer's.
const OF_PEER: f64 = 0.5;

fn main() -> ExitCode {
    let run = runs::measure(measure);
    let mut results = run.results("endpoint_map");
    results.notes.push(format!(
        "{} separate runs of {} rounds ({} of 100,000 endpoints); the CPU time of the thread",
        runs::RUNS,
        WHOLE[0].1,
        WHOLE[2].1
    ));
    for operation in OPERATIONS {
        let contest = run.contest(operation);
        let title = format!(
            "{operation}: time an endpoint, as a ratio to the peer's (in brackets: its time)"
        );
        results
            .tables
            .push(contest.table_of_ratios(&title, PEER, "ns"));
        if is_whole() {
            let targets =
                WHOLE.map(|(size, _)| contest.target_of_ratio(&case(size), OURS, PEER, OF_PEER));
            results.targets.extend(targets);
        }
    }
    let mut table = run
        .contest(ALLOCATIONS)
        .table_of_figures("Allocations of a lookup", 0);
    table.hide_spread();
    results.tables.push(table);
    publish::end(&results)
}

fn case(size: usize) -> String {
    format!("{size} endpoints")
}

fn measure() -> Run {
    let mut contests = OPERATIONS.map(|name| Contest::new(name, &SIDES));
    let mut allocated = Contest::new(ALLOCATIONS, &SIDES);
    let sizes = if is_whole() { &WHOLE[..] } else { &SHORT[..] };
    for &(size, rounds) in sizes {
        let turns = if is_whole() {
            Turns {
                rounds,
                least: LEAST,
            }
        } else {
            Turns::ONCE
        };
        let lists = Lists::new(size);
        let works = [lists.insert(), lists.lookup(), lists.remove(), lists.diff()];
        for (contest, mut works) in contests.iter_mut().zip(works) {
            let figures = turns.measure(&mut works).into_iter();
            let each =
                figures.map(|figures| figures.into_iter().map(|of| of / size as f64).collect());
            contest.add(case(size), each.collect());
        }
        let own = allocations(|| _ = black_box(lists.ours.get(&lists.old[0])));
        let peers = allocations(|| _ = black_box(lists.peer.get(&key(&lists.old[0]))));
        allocated.add(case(size), vec![vec![own as f64], vec![peers as f64]]);
    }
    let mut contests = contests.to_vec();
    contests.push(allocated);
    Run {
        contests,
        left_out: Vec::new(),
    }
}

/// What is worked on.
struct Lists {
    /// The endpoints that are stored.
    old: Vec<Endpoint>,
    /// The same endpoints, as other values and in another order.
    asked: Vec<Endpoint>,
    /// A list in which one endpoint in ten is new, and one in ten is gone.
    new: Vec<Endpoint>,
    /// How many maps exist at a time.
    together: usize,
    ours: EndpointMap<usize>,
    peer: Peer,
}

/// The work of both sides.
type Works<'a> = [Work<'a>; 2];

impl Lists {
    fn new(size: usize) -> Self {
        let old: Vec<Endpoint> = (0..size).map(endpoint).collect();
        Self {
            asked: (0..size).map(|n| endpoint(n * 7919 % size)).collect(),
            new: (size / 10..size + size / 10).map(endpoint).collect(),
            together: (1_000 / size).clamp(1, 64),
            ours: our_map(&old),
            peer: peer_map(&old),
            old,
        }
    }

    fn insert(&self) -> Works<'_> {
        [
            repeat(self.together, || (), |()| our_map(&self.old)),
            repeat(self.together, || (), |()| peer_map(&self.old)),
        ]
    }

    fn lookup(&self) -> Works<'_> {
        let own = || {
            let found = self.asked.iter().filter_map(|asked| self.ours.get(asked));
            found.sum::<usize>()
        };
        let peers = || {
            let found = self
                .asked
                .iter()
                .filter_map(|asked| self.peer.get(&key(asked)));
            found.sum::<usize>()
        };
        assert_eq!(own(), peers(), "both find all");
        [
            repeat(self.together, || (), move |()| own()),
            repeat(self.together, || (), move |()| peers()),
        ]
    }

    fn remove(&self) -> Works<'_> {
        let own = |mut map: EndpointMap<usize>| {
            for endpoint in &self.asked {
                black_box(map.remove(endpoint));
            }
            assert!(map.is_empty(), "all are removed");
            map
        };
        let peers = |mut map: Peer| {
            for endpoint in &self.asked {
                black_box(map.remove(&key(endpoint)));
            }
            assert!(map.is_empty(), "all are removed");
            map
        };
        [
            repeat(self.together, || self.ours.clone(), own),
            repeat(self.together, || self.peer.clone(), peers),
        ]
    }

    fn diff(&self) -> Works<'_> {
        [
            repeat(
                self.together,
                || (),
                |()| diff(black_box(&self.old), black_box(&self.new)),
            ),
            repeat(
                self.together,
                || (),
                |()| peer_diff(black_box(&self.old), black_box(&self.new)),
            ),
        ]
    }
}

/// Returns work whose inputs are made, and whose results are dropped, outside of its time. `together` inputs
/// exist at a time, because reading the clock takes as long as a few insertions.
fn repeat<'a, I, R>(
    together: usize,
    mut prepare: impl FnMut() -> I + 'a,
    mut work: impl FnMut(I) -> R + 'a,
) -> Work<'a> {
    Box::new(move |times| {
        let mut left = usize::try_from(times).expect("not so many");
        let mut time = 0.0;
        while left > 0 {
            let count = together.min(left);
            let inputs: Vec<I> = (0..count).map(|_| prepare()).collect();
            let mut results = Vec::with_capacity(count);
            time += nanoseconds(|| {
                for input in inputs {
                    results.push(work(black_box(input)));
                }
            });
            drop(black_box(results));
            left -= count;
        }
        time
    })
}

fn endpoint(n: usize) -> Endpoint {
    let n = n as u32;
    let v4 = SocketAddr::from((Ipv4Addr::from(0x0A00_0000 + n), 50051));
    let groups = [0x2001, 0xDB8, 0, 0, 0, 0, (n >> 16) as u16, n as u16];
    Endpoint::new([v4, SocketAddr::from((groups, 50051))])
}

fn key(endpoint: &Endpoint) -> Vec<SocketAddr> {
    // Reserves the exact capacity, which `filter_map` does not know.
    let mut key = Vec::with_capacity(endpoint.addresses().len());
    key.extend(endpoint.addresses().iter().filter_map(|a| a.socket_addr()));
    key.sort_unstable();
    key
}

type Peer = HashMap<Vec<SocketAddr>, usize>;

fn peer_map(endpoints: &[Endpoint]) -> Peer {
    let mut map = Peer::new();
    for (n, endpoint) in endpoints.iter().enumerate() {
        map.insert(key(endpoint), n);
    }
    map
}

fn our_map(endpoints: &[Endpoint]) -> EndpointMap<usize> {
    let mut map = EndpointMap::new();
    for (n, endpoint) in endpoints.iter().enumerate() {
        map.insert(endpoint.clone(), n);
    }
    map
}

/// Computes the added, removed and kept endpoints with a `HashMap`, the usual way.
fn peer_diff(old: &[Endpoint], new: &[Endpoint]) -> [Vec<usize>; 3] {
    let mut map = peer_map(old);
    let (mut added, mut kept) = (Vec::new(), Vec::new());
    for (n, endpoint) in new.iter().enumerate() {
        match map.remove(&key(endpoint)) {
            Some(_) => kept.push(n),
            None => added.push(n),
        }
    }
    let removed = map.into_values().collect();
    [added, removed, kept]
}
