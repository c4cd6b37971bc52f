//! Updates in virtual time over a simulated network.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use trunkline::{Channel, Endpoint, ManualResolver, Resolution};
use trunkline_benches::allocations::allocations;
use trunkline_benches::clock::nanoseconds;
use trunkline_benches::contest::Contest;
use trunkline_benches::driver::Driver;
use trunkline_benches::policies::now;
use trunkline_benches::results::{Results, Side};
use trunkline_benches::runs::Run;
use trunkline_sim::{Backend, Sim};

const CPU: &str = "CPU time of an update, simulated";
const ALLOCATIONS: &str = "allocations of an update, simulated";
const POLICY: &str = "round_robin alone";
const CHANNEL: &str = "channel, connections and backends";
const SIDES: [(&str, Side); 2] = [(POLICY, Side::Floor), (CHANNEL, Side::Ours)];

/// How long a channel has for an update, in virtual time.
const SETTLED: Duration = Duration::from_secs(2);

/// What an update replaces.
#[derive(Clone, Copy)]
enum Replaced {
    None,
    One,
    Hundredth,
    All,
}

const CASES: [(&str, Replaced); 4] = [
    ("the same list again", Replaced::None),
    ("one endpoint replaced", Replaced::One),
    ("1 % replaced", Replaced::Hundredth),
    ("all replaced", Replaced::All),
];

/// Returns the figures of all cases.
pub(crate) fn measure(is_whole: bool) -> Vec<Contest> {
    let (count, rounds) = if is_whole { (10_000, 5) } else { (100, 1) };
    let (mut cpu, mut made) = (Contest::new(CPU, &SIDES), Contest::new(ALLOCATIONS, &SIDES));
    for (case, replaced) in CASES {
        let mut lists = Lists::new(count);
        let mut policy = Policy::new(&lists);
        let mut channel = World::new(&lists);
        let (mut times, mut counts) = (vec![Vec::new(), Vec::new()], vec![Vec::new(), Vec::new()]);
        // The first update of a channel does what no other does.
        for round in 0..=rounds {
            let list = lists.next(replaced);
            let costs = [policy.update(&list), channel.update(&list)];
            channel.check(&list);
            if round == 0 && is_whole {
                continue;
            }
            for (at, (time, count)) in costs.into_iter().enumerate() {
                times[at].push(time / 1e6);
                counts[at].push(count as f64);
            }
        }
        cpu.add(case, times);
        made.add(case, counts);
    }
    vec![cpu, made]
}

/// Adds the tables.
pub(crate) fn report(run: &Run, results: &mut Results) {
    let title = "An update of 10,000 endpoints, simulated: CPU time in milliseconds";
    results
        .tables
        .push(run.contest(CPU).table_of_figures(title, 2));
    let title = "An update of 10,000 endpoints, simulated: allocations";
    let table = run.contest(ALLOCATIONS).table_of_figures(title, 0);
    results.tables.push(table);
}

/// The lists of endpoints. The hosts are twice as many as a list has, so that all can be replaced.
struct Lists {
    count: u32,
    /// The number of the host of each endpoint.
    hosts: Vec<u32>,
    /// The hosts that are in no list, in the order in which they are used next.
    spare: std::collections::VecDeque<u32>,
    /// The endpoint that is replaced next.
    next: usize,
}

impl Lists {
    fn new(count: u32) -> Self {
        Self {
            count,
            hosts: (0..count).collect(),
            spare: (count..2 * count).collect(),
            next: 0,
        }
    }

    fn all_hosts(&self) -> impl Iterator<Item = SocketAddr> {
        (0..2 * self.count).map(host)
    }

    /// Replaces endpoints, and returns the list.
    fn next(&mut self, replaced: Replaced) -> Arc<[Endpoint]> {
        let length = self.hosts.len();
        let many = match replaced {
            Replaced::None => 0,
            Replaced::One => 1,
            Replaced::Hundredth => length / 100,
            Replaced::All => length,
        };
        for _ in 0..many {
            let new = self.spare.pop_front().expect("as many hosts again");
            self.spare
                .push_back(std::mem::replace(&mut self.hosts[self.next], new));
            self.next = (self.next + 1) % length;
        }
        self.list()
    }

    fn list(&self) -> Arc<[Endpoint]> {
        self.hosts
            .iter()
            .map(|at| Endpoint::new([host(*at)]))
            .collect()
    }
}

fn host(at: u32) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::from(0x0a00_0001 + at), 50051))
}

/// Returns the nanoseconds and the allocations of some work.
fn cost(work: impl FnOnce()) -> (f64, u64) {
    let mut time = 0.0;
    let count = allocations(|| time = nanoseconds(work));
    (time, count)
}

/// round_robin without a channel, whose subchannels connect at once.
struct Policy(Driver);

impl Policy {
    fn new(lists: &Lists) -> Self {
        let config = json!([{"round_robin": {}}]);
        let mut driver = Driver::new(&config, 1).expect("a policy of the standard registry");
        driver.update(lists.list(), now());
        driver.connect_all(now());
        Self(driver)
    }

    fn update(&mut self, list: &Arc<[Endpoint]>) -> (f64, u64) {
        let (list, now) = (Arc::clone(list), now());
        cost(|| {
            self.0.update(list, now);
            self.0.connect_all(now);
        })
    }
}

/// A channel in a simulated network.
struct World {
    sim: Sim,
    resolver: ManualResolver,
    channel: Channel,
    /// A backend at each host.
    _backends: Vec<Backend>,
}

impl World {
    fn new(lists: &Lists) -> Self {
        let sim = Sim::new(1);
        let backends = lists.all_hosts().map(|host| sim.backend(host)).collect();
        let first = Resolution::new(lists.list());
        let resolver = ManualResolver::with_initial("fleet", first);
        let channel = Channel::builder("fleet:///any")
            .plaintext()
            .resolver(resolver.clone())
            .load_balancing("round_robin")
            .runtime(sim.runtime())
            .build()
            .expect("a channel");
        sim.run(async {
            channel.connect().expect("a runtime");
            sim.sleep(SETTLED).await;
        });
        Self {
            sim,
            resolver,
            channel,
            _backends: backends,
        }
    }

    fn update(&mut self, list: &Arc<[Endpoint]>) -> (f64, u64) {
        let resolution = Resolution::new(Arc::clone(list));
        cost(|| {
            self.sim.run(async {
                self.resolver.update(resolution).await;
                self.sim.sleep(SETTLED).await;
            });
        })
    }

    /// Checks that the connections are those of the list.
    fn check(&self, list: &[Endpoint]) {
        let inspection = self.sim.run(self.channel.inspect());
        let connected = inspection.subchannels.items.iter();
        let connected = connected.filter(|subchannel| !subchannel.connections.is_empty());
        assert_eq!(connected.count(), list.len(), "connections");
    }
}
