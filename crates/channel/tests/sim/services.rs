//! Targets of the scheme `srv`: the priorities and weights of SRV records decide which hosts get the
//! calls, and how many.
//!
//! Source: [RFC 2782](https://www.rfc-editor.org/rfc/rfc2782).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use trunkline_channel::{Channel, ChannelBuilder};
use trunkline_resolver::{AddressFamilies, DnsOptions};
use trunkline_sim::Sim;
use trunkline_sim::dns::{Data, DnsServer};

use crate::world::{ROUND_ROBIN, address, builder, unary};

const SERVICE: &str = "_grpc._tcp.greeter.test";

/// A simulation with a DNS server on host 53.
struct Service {
    sim: Sim,
    dns: DnsServer,
}

impl Service {
    /// Creates a service with these hosts, each with its priority and weight.
    fn new(records: &[(u8, u16, u16)]) -> Self {
        let sim = Sim::new(1);
        let mut server = address(53);
        server.set_port(53);
        let dns = sim.dns_server(server);
        let service = Self { sim, dns };
        for &(host, priority, weight) in records {
            service.insert(host, priority, weight);
        }
        service
    }

    /// Adds a host, with a TTL of 5 s.
    fn insert(&self, host: u8, priority: u16, weight: u16) {
        let IpAddr::V4(ip) = address(host).ip() else {
            panic!("an IPv4 address")
        };
        let target = format!("host{host}.greeter.test");
        self.dns.insert(&target, 5, Data::A(ip));
        let record = Data::Srv {
            priority,
            weight,
            port: address(host).port(),
            target,
        };
        self.dns.insert(SERVICE, 5, record);
    }

    fn builder(&self) -> ChannelBuilder {
        let mut server = address(53);
        server.set_port(53);
        let mut options = DnsOptions::default().with_servers(vec![server]);
        options.families = AddressFamilies::Ipv4Only;
        options.pacing.min_interval = Duration::from_secs(5);
        builder(&self.sim, format!("srv:///{SERVICE}")).dns(options)
    }

    fn channel(&self) -> Channel {
        self.builder().build().expect("a channel")
    }

    /// Makes a call, lets all connections come up, makes `calls` calls more, which must succeed, and
    /// returns how many of them each host answered.
    async fn shares(&self, channel: &Channel, calls: usize) -> BTreeMap<u8, usize> {
        unary(channel, b"hello").await.expect_ok();
        self.sim.sleep(Duration::from_secs(1)).await;
        let mut shares = BTreeMap::new();
        for _ in 0..calls {
            let host = unary(channel, b"hello").await.expect_ok().host();
            *shares.entry(host).or_default() += 1;
        }
        shares
    }
}

/// Checks that each share is the expected one, up to four calls.
#[track_caller]
fn check_shares(found: &BTreeMap<u8, usize>, expected: &[(u8, usize)]) {
    let hosts: Vec<u8> = found.keys().copied().collect();
    let right: Vec<u8> = expected.iter().map(|(host, _)| *host).collect();
    assert_eq!(hosts, right, "{found:?}");
    for (host, calls) in expected {
        assert!(found[host].abs_diff(*calls) <= 4, "{found:?}");
    }
}

/// "The weight field specifies a relative weight for entries with the same priority. Larger weights
/// SHOULD be given a proportionately higher probability of being selected." Hosts of a higher
/// priority number get no call and no connection.
#[test]
fn calls_are_shared_by_weight() {
    let service = Service::new(&[(1, 10, 70), (2, 10, 20), (3, 10, 10), (4, 20, 100)]);
    let backends = [1, 2, 3, 4].map(|host| service.sim.backend(address(host)));
    let channel = service.channel();
    service.sim.run(async {
        let shares = service.shares(&channel, 1_000).await;
        check_shares(&shares, &[(1, 700), (2, 200), (3, 100)]);
    });
    assert_eq!(backends.map(|backend| backend.accepts()), [1, 1, 1, 0]);
}

/// "In the presence of records containing weights greater than 0, records with weight 0 should have
/// a very small chance of being selected." Where all have weight 0, all get the same share.
#[test]
fn weight_0() {
    let service = Service::new(&[(1, 0, 99), (2, 0, 0)]);
    let _backends = [1, 2, 3].map(|host| service.sim.backend(address(host)));
    let channel = service.channel();
    service.sim.run(async {
        let shares = service.shares(&channel, 1_000).await;
        check_shares(&shares, &[(1, 990), (2, 10)]);
    });
    let service = Service::new(&[(1, 0, 0), (2, 0, 0)]);
    let _backends = [1, 2].map(|host| service.sim.backend(address(host)));
    let channel = service.channel();
    service.sim.run(async {
        let shares = service.shares(&channel, 1_000).await;
        check_shares(&shares, &[(1, 500), (2, 500)]);
    });
}

/// "A client MUST attempt to contact the target host with the lowest-numbered priority it can
/// reach": the reserve takes over when all hosts of the first priority fail, and no call fails. When
/// one of them is back, it has the calls again.
#[test]
fn the_reserve_takes_over_and_gives_back() {
    let service = Service::new(&[(1, 10, 1), (2, 10, 1), (3, 20, 1)]);
    let sim = &service.sim;
    let [first, second, _third] = [1, 2, 3].map(|host| sim.backend(address(host)));
    let channel = service.channel();
    sim.run(async {
        let shares = service.shares(&channel, 100).await;
        check_shares(&shares, &[(1, 50), (2, 50)]);
        first.stop_gracefully();
        let shares = service.shares(&channel, 100).await;
        check_shares(&shares, &[(2, 100)]);
        second.stop_gracefully();
        let shares = service.shares(&channel, 100).await;
        check_shares(&shares, &[(3, 100)]);
        second.restart();
        sim.sleep(Duration::from_secs(150)).await;
        let shares = service.shares(&channel, 100).await;
        check_shares(&shares, &[(2, 100)]);
    });
}

/// A new weight in DNS changes the shares without a new connection.
#[test]
fn a_new_weight() {
    let service = Service::new(&[(1, 10, 1), (2, 10, 1)]);
    let backends = [1, 2].map(|host| service.sim.backend(address(host)));
    let channel = service.channel();
    service.sim.run(async {
        let shares = service.shares(&channel, 100).await;
        check_shares(&shares, &[(1, 50), (2, 50)]);
        service.dns.remove(SERVICE);
        service.insert(1, 10, 3);
        service.insert(2, 10, 1);
        service.sim.sleep(Duration::from_secs(12)).await;
        let shares = service.shares(&channel, 100).await;
        check_shares(&shares, &[(1, 75), (2, 25)]);
    });
    assert_eq!(backends.map(|backend| backend.accepts()), [1, 1]);
}

/// A policy that the application, or the service config, chooses works inside the priority that is in
/// use: round_robin ignores the weights, pick_first uses one host.
#[test]
fn the_chosen_policy_works_in_the_priority_in_use() {
    let records = [(1, 10, 90), (2, 10, 10), (3, 20, 100)];
    let check = |configure: fn(ChannelBuilder) -> ChannelBuilder, hosts: usize| {
        let service = Service::new(&records);
        let sim = &service.sim;
        let [first, second, _third] = [1, 2, 3].map(|host| sim.backend(address(host)));
        let channel = configure(service.builder()).build().expect("a channel");
        sim.run(async {
            let shares = service.shares(&channel, 100).await;
            assert_eq!(shares.len(), hosts, "{shares:?}");
            assert!(!shares.contains_key(&3), "{shares:?}");
            let even = 100 / hosts;
            assert!(shares.values().all(|calls| *calls == even), "{shares:?}");
            first.stop_gracefully();
            second.stop_gracefully();
            let shares = service.shares(&channel, 100).await;
            assert_eq!(shares, BTreeMap::from([(3, 100)]));
        });
    };
    check(|builder| builder.load_balancing("round_robin"), 2);
    check(|builder| builder.default_service_config(ROUND_ROBIN), 2);
    check(|builder| builder.load_balancing("pick_first"), 1);
}
