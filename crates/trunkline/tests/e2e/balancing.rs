//! How calls are spread over backends.

use std::time::Duration;

use trunkline_testkit::backend::Backend;
use trunkline_testkit::dns::{Data, DnsServer, Reply, Type};

use crate::world::{backend, builder, calls, channel, dns, greet};

/// The longest delay between the addresses of an endpoint: a machine that is busy for less gets no second
/// connection.
const ATTEMPT_DELAY: Duration = Duration::from_secs(2);

/// Sets SRV records for the backends, and an address of each family for each of them.
pub(crate) fn serve(server: &DnsServer, name: &str, backends: &[&Backend]) {
    let records = backends.iter().map(|backend| Data::Srv {
        priority: 0,
        weight: 1,
        port: backend.port(),
        target: format!("{}.test", backend.name()),
    });
    server.set(name, Type::SRV, Reply::data(1, records));
    for backend in backends {
        let host = format!("{}.test", backend.name());
        server.set(&host, Type::A, Reply::a(1, [[127, 0, 0, 1].into()]));
        let ipv6 = match backend.address_v6() {
            Some(_) => Reply::aaaa(1, [std::net::Ipv6Addr::LOCALHOST]),
            None => Reply::no_data(),
        };
        server.set(&host, Type::AAAA, ipv6);
    }
}

on_each_runtime! {
    /// round_robin gives each of three backends the same number of calls, give or take one.
    async fn round_robin_shares_equally(runtime) {
        let (mut a, mut b, mut c) = (backend("a"), backend("b"), backend("c"));
        let target =
            format!("ipv4:{},{},{}", a.address_v4(), b.address_v4(), c.address_v4());
        let channel = channel(target, &runtime);
        // Calls go to the backends that are connected: wait until all three are.
        while calls([&mut a, &mut b, &mut c]).contains(&0) {
            greet(&channel).await.expect("a reply");
        }
        let before = calls([&mut a, &mut b, &mut c]);
        for _ in 0..300 {
            greet(&channel).await.expect("a reply");
        }
        let after = calls([&mut a, &mut b, &mut c]);
        for (after, before) in after.into_iter().zip(before) {
            assert!((99..=101).contains(&(after - before)), "{after} - {before}");
        }
    }

    /// Without a service config the policy is pick_first, which has one connection.
    async fn pick_first_uses_one_backend(runtime) {
        let (mut a, mut b) = (backend("a"), backend("b"));
        let target = format!("ipv4:{},{}", a.address_v4(), b.address_v4());
        let channel = trunkline::Channel::builder(target)
            .plaintext()
            .runtime(runtime)
            .build()
            .expect("a channel");
        for _ in 0..50 {
            greet(&channel).await.expect("a reply");
        }
        assert_eq!(calls([&mut a, &mut b]), [50, 0]);
    }

    /// With `srv:` the two addresses of a backend are one endpoint: it gets one connection and one
    /// share.
    async fn srv_gives_each_backend_one_share(runtime) {
        let (mut a, mut b) = (backend("a"), backend("b"));
        let server = DnsServer::start().expect("a DNS server");
        serve(&server, "_grpc._tcp.greeter.test", &[&a, &b]);
        let channel = builder("srv:///_grpc._tcp.greeter.test", &runtime)
            .dns(dns(&server))
            .attempt_delay(ATTEMPT_DELAY)
            .build()
            .expect("a channel");
        while calls([&mut a, &mut b]).contains(&0) {
            greet(&channel).await.expect("a reply");
        }
        let before = calls([&mut a, &mut b]);
        for _ in 0..100 {
            greet(&channel).await.expect("a reply");
        }
        let after = calls([&mut a, &mut b]);
        assert_eq!((after[0] - before[0]).abs_diff(after[1] - before[1]) / 2, 0);
        for backend in [&mut a, &mut b] {
            assert_eq!(backend.stats().expect("counters").total().accepts, 1);
        }
    }

    /// A backend that is added to DNS is found when the TTL of the records runs out, while all
    /// connections are healthy; one that is removed gets no more calls.
    async fn backends_come_and_go_by_dns(runtime) {
        let (mut a, mut b) = (backend("a"), backend("b"));
        let server = DnsServer::start().expect("a DNS server");
        serve(&server, "_grpc._tcp.greeter.test", &[&a]);
        let channel = builder("srv:///_grpc._tcp.greeter.test", &runtime)
            .dns(dns(&server))
            .attempt_delay(ATTEMPT_DELAY)
            .build()
            .expect("a channel");
        greet(&channel).await.expect("a reply");
        serve(&server, "_grpc._tcp.greeter.test", &[&a, &b]);
        while calls([&mut b]) == [0] {
            greet(&channel).await.expect("a reply");
        }
        assert_eq!(a.stats().expect("counters").total().closes, 0);
        serve(&server, "_grpc._tcp.greeter.test", &[&b]);
        while a.stats().expect("counters").total().closes == 0 {
            greet(&channel).await.expect("a reply");
        }
        let before = calls([&mut a]);
        for _ in 0..10 {
            greet(&channel).await.expect("a reply");
        }
        assert_eq!(calls([&mut a]), before);
    }

    /// When one of two backends gets SIGTERM under load, no call fails.
    async fn a_drained_backend_costs_no_call(runtime) {
        let (mut a, b) = (backend("a"), backend("b"));
        let target = format!("ipv4:{},{}", a.address_v4(), b.address_v4());
        let channel = channel(target, &runtime);
        while calls([&mut a]) == [0] {
            greet(&channel).await.expect("a reply");
        }
        for round in 0..200 {
            if round == 50 {
                a.sigterm().expect("the process takes the signal");
            }
            for response in futures_util::future::join_all((0..4).map(|_| greet(&channel))).await {
                response.unwrap_or_else(|status| panic!("round {round}: {status}"));
            }
        }
    }

    /// After SIGKILL, only a call that was in flight may fail; later calls go to the other backend.
    async fn a_killed_backend_costs_only_what_it_had(runtime) {
        let (mut a, b) = (backend("a"), backend("b"));
        let target = format!("ipv4:{},{}", a.address_v4(), b.address_v4());
        let channel = channel(target, &runtime);
        while calls([&mut a]) == [0] {
            greet(&channel).await.expect("a reply");
        }
        a.kill().expect("the backend ends");
        let mut failed = 0;
        for _ in 0..200 {
            failed += usize::from(greet(&channel).await.is_err());
        }
        assert!(failed <= 1, "{failed} calls failed, and one at most was under way");
    }
}
