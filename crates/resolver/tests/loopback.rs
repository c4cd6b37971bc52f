//! The schemes `dns` and `srv` over real sockets, on async-std. No test waits for a fixed time: each
//! waits for the next resolution.

#![cfg(feature = "dns")]

mod support;

use std::future::poll_fn;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_std::future::timeout;
use async_std::task::block_on;
use support::printed;
use trunkline_dns::ClientConfig;
use trunkline_resolver::{
    DnsOptions, LookupReport, Resolution, ResolveErrorKind, Resolver, ResolverOptions,
    ResolverRegistry, Verdict,
};
use trunkline_runtime::AsyncStd;
use trunkline_target::Target;
use trunkline_testkit::closed::ClosedUdp;
use trunkline_testkit::dns::{Data, DnsServer, Rcode, Reply, Transport, Type};

/// Longer than any test takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

fn server() -> DnsServer {
    DnsServer::start().expect("a port on 127.0.0.1")
}

/// Returns options with these servers, without the configuration of this machine. One family waits for the
/// other as long as a busy machine may need.
fn options(servers: &[SocketAddr]) -> DnsOptions {
    let mut options = DnsOptions::default().with_resolution_delay(LIMIT);
    options.client = ClientConfig::with_servers(servers.to_vec());
    options
}

fn build(target: &str, options: DnsOptions) -> Box<dyn Resolver> {
    let target = Target::parse(target).expect("valid target");
    let registry = ResolverRegistry::empty().with_dns(options);
    let factory = registry.get(target.scheme()).expect("dns or srv");
    factory
        .build(&target, &ResolverOptions::new(Arc::new(AsyncStd::new())))
        .expect("usable target")
}

/// Waits for the next resolution and accepts it.
fn accept(resolver: &mut Box<dyn Resolver>) -> Resolution {
    let next = timeout(LIMIT, poll_fn(|cx| resolver.poll_resolution(cx)));
    let resolution = block_on(next).expect("a resolution within the limit");
    resolver.handle_verdict(Verdict::Accepted);
    resolution
}

fn set_both(server: &DnsServer, name: &str, ttl_secs: u32, last: u8) {
    server.set(
        name,
        Type::A,
        Reply::a(ttl_secs, [Ipv4Addr::new(127, 0, 0, last)]),
    );
    server.set(
        name,
        Type::AAAA,
        Reply::aaaa(ttl_secs, [Ipv6Addr::LOCALHOST]),
    );
}

/// Addresses of both families are found over UDP.
#[test]
fn both_families() {
    let server = server();
    set_both(&server, "db.test", 300, 1);
    let mut resolver = build("dns:///db.test.:5000", options(&[server.address()]));
    let mut found = printed(&accept(&mut resolver)).concat();
    found.sort();
    assert_eq!(found, ["127.0.0.1:5000", "[::1]:5000"]);
    assert_eq!(server.count("db.test", Type::A, Transport::Udp), 1);
    assert_eq!(server.count("db.test", Type::AAAA, Transport::Udp), 1);
}

/// Of more than 1,000 addresses, 1,000 are used. The report and the note show that there are more,
/// also for one host of a service.
#[test]
fn more_addresses_than_are_used() {
    let server = server();
    let many = (0..1500_u16).map(|at| Ipv4Addr::from([127, 1, (at >> 8) as u8, at as u8]).into());
    server.set("db.test", Type::A, Reply::addresses(300, many));
    let srv = Data::Srv {
        priority: 0,
        weight: 1,
        port: 5000,
        target: "db.test".into(),
    };
    server.set("srv.test", Type::SRV, Reply::data(300, [srv]));
    for target in ["dns:///db.test.:5000", "srv:///srv.test."] {
        let mut resolver = build(target, options(&[server.address()]));
        let resolution = accept(&mut resolver);
        assert_eq!(printed(&resolution).concat().len(), 1000, "{target}");
        let report = resolution.attributes.get::<LookupReport>();
        assert!(report.expect("a report").partial, "{target}");
        let note = &resolution.resolution_note;
        assert!(note.contains("more addresses than"), "{note}");
    }
}

/// An answer that does not fit into a datagram (200 addresses) is fetched over TCP.
#[test]
fn truncated() {
    let server = server();
    let many = (0..200).map(|last| Ipv4Addr::new(127, 1, 0, last).into());
    server.set("db.test", Type::A, Reply::addresses(300, many));
    let mut resolver = build("dns:///db.test.:5000", options(&[server.address()]));
    assert_eq!(printed(&accept(&mut resolver)).len(), 200);
    assert_eq!(server.count("db.test", Type::A, Transport::Udp), 1);
    assert_eq!(server.count("db.test", Type::A, Transport::Tcp), 1);
}

/// A name that does not exist and a server that fails have different kinds of error, and both name the
/// server.
#[test]
fn errors() {
    let server = server();
    for record_type in [Type::A, Type::AAAA] {
        server.set("bad.test", record_type, Reply::rcode(Rcode::SERVFAIL));
    }
    for (target, expected) in [
        ("dns:///gone.test.", ResolveErrorKind::NotFound),
        ("dns:///bad.test.", ResolveErrorKind::Unavailable),
        ("srv:///_grpc._tcp.gone.test.", ResolveErrorKind::NotFound),
    ] {
        let mut resolver = build(target, options(&[server.address()]));
        let error = accept(&mut resolver).endpoints.expect_err("no endpoints");
        assert_eq!(error.kind(), expected, "{error}");
        let text = error.to_string();
        assert!(text.contains(&server.address().to_string()), "{text}");
    }
}

/// A family whose answer is late does not delay the other; a later resolution has both.
#[test]
fn late_family() {
    let server = server();
    set_both(&server, "db.test", 300, 1);
    let late = Reply::aaaa(300, [Ipv6Addr::LOCALHOST]).held();
    server.set("db.test", Type::AAAA, late);
    let options = options(&[server.address()]).with_resolution_delay(Duration::from_millis(50));
    let mut resolver = build("dns:///db.test.:5000", options);
    assert_eq!(printed(&accept(&mut resolver)), [["127.0.0.1:5000"]]);
    assert!(server.release("db.test", Type::AAAA) > 0);
    let whole = accept(&mut resolver);
    assert_eq!(printed(&whole).len(), 2);
    let report = whole.attributes.get::<LookupReport>().expect("a report");
    assert!(report.complete && !report.partial, "{report:?}");
}

/// New backends are found without a request when the TTL expires.
#[test]
fn refresh() {
    let server = server();
    server.set("db.test", Type::AAAA, Reply::no_data());
    let mut options = options(&[server.address()]);
    options.pacing.min_interval = Duration::from_millis(20);
    let mut resolver = build("dns:///db.test.:5000", options);
    for last in 1..=3 {
        let reply = Reply::a(0, [Ipv4Addr::new(127, 0, 0, last)]);
        server.set("db.test", Type::A, reply);
        let expected = format!("127.0.0.{last}:5000");
        assert_eq!(printed(&accept(&mut resolver)).concat(), [expected]);
    }
}

/// SRV records become dual-stack endpoints.
#[test]
fn service() {
    let server = server();
    let record = |port, host: &str| Data::Srv {
        priority: 0,
        weight: 1,
        port,
        target: host.to_owned(),
    };
    let records = [record(5001, "b1.test"), record(5002, "b2.test")];
    server.set("_grpc._tcp.db.test", Type::SRV, Reply::data(300, records));
    set_both(&server, "b1.test", 300, 1);
    set_both(&server, "b2.test", 300, 2);
    let mut resolver = build("srv:///_grpc._tcp.db.test.", options(&[server.address()]));
    let mut found = printed(&accept(&mut resolver));
    found.iter_mut().for_each(|addresses| addresses.sort());
    assert_eq!(
        found,
        [
            ["127.0.0.1:5001", "[::1]:5001"],
            ["127.0.0.2:5002", "[::1]:5002"]
        ]
    );
}

/// The server in the target may be a name, and one of its addresses may refuse connections.
#[test]
fn server_by_name() {
    let server = server();
    set_both(&server, "db.test", 300, 1);
    let port = server.address().port();
    let target = format!("dns://localhost:{port}/db.test.:5000");
    let mut resolver = build(&target, options(&[]));
    let resolution = accept(&mut resolver);
    assert_eq!(printed(&resolution).len(), 2);
    let report = resolution
        .attributes
        .get::<LookupReport>()
        .expect("a report");
    assert_eq!(report.server, Some(server.address()));
}

/// A server that refuses is skipped at once.
#[test]
fn dead_first_server() {
    let (dead, server) = (ClosedUdp::new().expect("a port"), server());
    set_both(&server, "db.test", 300, 1);
    let servers = [dead.address(), server.address()];
    let mut resolver = build("dns:///db.test.:5000", options(&servers));
    assert_eq!(printed(&accept(&mut resolver)).len(), 2);
}
