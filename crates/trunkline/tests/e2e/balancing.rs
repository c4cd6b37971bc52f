//! Which backend gets which calls.

use trunkline_testkit::backend::Backend;
use trunkline_testkit::dns::{Data, DnsServer, Reply, Type};

use crate::world::{backend, builder, calls, channel, dns, greet};

/// Names backends by SRV records, each with an address of each family.
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
    /// round_robin gives each of three backends the same number of calls, one more or less.
    async fn round_robin_shares_equally(runtime) {
        let (mut a, mut b, mut c) = (backend("a"), backend("b"), backend("c"));
        let target =
            format!("ipv4:{},{},{}", a.address_v4(), b.address_v4(), c.address_v4());
        let channel = channel(target, &runtime);
        // Calls go to whoever is connected: wait until all three are.
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

    /// Without a service config there is one connection, as gRPC has it: pick_first.
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

    /// `srv:` knows that two addresses are one backend: each gets one connection and one share.
    async fn srv_gives_each_backend_one_share(runtime) {
        let (mut a, mut b) = (backend("a"), backend("b"));
        let server = DnsServer::start().expect("a DNS server");
        serve(&server, "_grpc._tcp.greeter.test", &[&a, &b]);
        let channel = builder("srv:///_grpc._tcp.greeter.test", &runtime)
            .dns(dns(&server))
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

    /// A backend that appears in DNS is found when the records' TTL runs out, while all
    /// connections are healthy; one that vanishes gets no calls any more.
    async fn backends_come_and_go_by_dns(runtime) {
        let (mut a, mut b) = (backend("a"), backend("b"));
        let server = DnsServer::start().expect("a DNS server");
        serve(&server, "_grpc._tcp.greeter.test", &[&a]);
        let channel = builder("srv:///_grpc._tcp.greeter.test", &runtime)
            .dns(dns(&server))
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

    /// SIGTERM to one of two backends under load: no call fails.
    async fn a_drained_backend_costs_no_call(runtime) {
        let (mut a, b) = (backend("a"), backend("b"));
        let target = format!("ipv4:{},{}", a.address_v4(), b.address_v4());
        let channel = channel(target, &runtime);
        while calls([&mut a]) == [0] {
            greet(&channel).await.expect("a reply");
        }
        for round in 0..200 {
            if round == 50 {
                a.sigterm().expect("a signal");
            }
            for response in futures_util::future::join_all((0..4).map(|_| greet(&channel))).await {
                response.unwrap_or_else(|status| panic!("round {round}: {status}"));
            }
        }
    }

    /// After SIGKILL only calls that were sent already may fail; the next ones go elsewhere.
    async fn a_killed_backend_costs_only_what_it_had(runtime) {
        let (mut a, b) = (backend("a"), backend("b"));
        let target = format!("ipv4:{},{}", a.address_v4(), b.address_v4());
        let channel = channel(target, &runtime);
        while calls([&mut a]) == [0] {
            greet(&channel).await.expect("a reply");
        }
        a.kill().expect("the end");
        let mut failed = 0;
        for _ in 0..200 {
            failed += usize::from(greet(&channel).await.is_err());
        }
        assert!(failed <= 1, "{failed} calls failed, and one at most was under way");
    }
}
