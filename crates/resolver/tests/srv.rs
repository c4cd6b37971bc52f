//! The scheme `srv` in virtual time: dual-stack endpoints from SRV records.
//!
//! Source: [RFC 2782](https://www.rfc-editor.org/rfc/rfc2782).

#![cfg(feature = "dns")]

mod support;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use support::printed;
use support::world::World;
use trunkline_dns::ClientConfig;
use trunkline_endpoint::{PriorityGroup, Weight};
use trunkline_resolver::{
    DnsOptions, LookupReport, Resolution, ResolveErrorKind, Resolver, ResolverFactory, SrvFactory,
    Verdict,
};
use trunkline_target::Target;
use trunkline_testkit::dns::{Data, Rcode, Reply, Type};

const SERVER: &str = "192.0.2.53:53";
const SERVICE: &str = "_grpc._tcp.db.test";

fn options() -> DnsOptions {
    let mut options = DnsOptions::default();
    options.client = ClientConfig::with_servers(vec![SERVER.parse().unwrap()]);
    options.pacing.jitter = 0.0;
    options.pacing.backoff.jitter = 0.0;
    options
}

fn build(world: &World, options: DnsOptions) -> Box<dyn Resolver> {
    let target = Target::parse(&format!("srv:///{SERVICE}.")).expect("valid target");
    let factory = SrvFactory::new(options);
    factory
        .build(&target, &world.options())
        .expect("usable target")
}

/// Sets the SRV records of the service, each as (priority, weight, port, host).
fn set_records(world: &World, ttl_secs: u32, records: &[(u16, u16, u16, &str)]) {
    let data = records
        .iter()
        .map(|(priority, weight, port, host)| Data::Srv {
            priority: *priority,
            weight: *weight,
            port: *port,
            target: (*host).to_owned(),
        });
    world.set(SERVER, SERVICE, Type::SRV, Reply::data(ttl_secs, data));
}

/// Sets one address of each family for a host; both end with this number.
fn set_host(world: &World, host: &str, last: u8) {
    let v4 = Ipv4Addr::new(192, 0, 2, last);
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into());
    world.set(SERVER, host, Type::A, Reply::a(300, [v4]));
    world.set(SERVER, host, Type::AAAA, Reply::aaaa(300, [v6]));
}

fn fail_host(world: &World, host: &str, reply: &Reply) {
    world.set(SERVER, host, Type::A, reply.clone());
    world.set(SERVER, host, Type::AAAA, reply.clone());
}

fn world() -> World {
    let world = World::new();
    set_records(
        &world,
        300,
        &[(1, 10, 5001, "b1.test"), (1, 20, 5002, "b2.test")],
    );
    set_host(&world, "b1.test", 1);
    set_host(&world, "b2.test", 2);
    world
}

fn accept(world: &World, resolver: &mut Box<dyn Resolver>) -> Resolution {
    let resolution = world.next(resolver).expect("a resolution within an hour");
    resolver.handle_verdict(Verdict::Accepted);
    resolution
}

fn report(resolution: &Resolution) -> &LookupReport {
    resolution
        .attributes
        .get::<LookupReport>()
        .expect("a report")
}

const FIRST: [&str; 2] = ["[2001:db8::1]:5001", "192.0.2.1:5001"];
const SECOND: [&str; 2] = ["[2001:db8::2]:5002", "192.0.2.2:5002"];

/// Each record is one endpoint, in the server's order, with all addresses of its host at its port. Its
/// weight and priority are attributes that cause no reconnect.
#[test]
fn dual_stack_endpoints() {
    let world = world();
    let mut resolver = build(&world, options());
    let resolution = accept(&world, &mut resolver);
    assert_eq!(printed(&resolution), [FIRST, SECOND]);
    let endpoints = resolution.endpoints.as_ref().unwrap();
    let [first, second] = &**endpoints else {
        panic!("two endpoints")
    };
    assert_eq!(first.attributes().get::<Weight>(), Some(&10));
    assert_eq!(second.attributes().get::<Weight>(), Some(&20));
    assert_eq!(first.attributes().get::<PriorityGroup>(), Some(&1));
    assert!(first.attributes().same_connection(second.attributes()));
    assert!(report(&resolution).complete && !report(&resolution).partial);
    assert_eq!(report(&resolution).server, Some(SERVER.parse().unwrap()));
    assert_eq!(world.total(), 5);
    assert!(
        world.elapsed() < 0.003,
        "hosts are looked up at the same time"
    );
}

/// Each endpoint has the weight of its SRV record as an attribute, which policies read. A weight of 0 is
/// passed on as it is.
///
/// Source: [RFC 2782](https://www.rfc-editor.org/rfc/rfc2782), gRFC A113.
#[test]
fn endpoints_have_weights() {
    let world = world();
    set_records(
        &world,
        300,
        &[(1, 65_535, 5001, "b1.test"), (1, 0, 5002, "b2.test")],
    );
    let mut resolver = build(&world, options());
    let resolution = accept(&world, &mut resolver);
    let endpoints = resolution.endpoints.as_ref().unwrap().iter();
    let weights: Vec<_> = endpoints
        .map(|endpoint| endpoint.attributes().get::<Weight>().copied())
        .collect();
    assert_eq!(weights, [Some(65_535), Some(0)]);
}

/// "A client MUST attempt to contact the target host with the lowest-numbered priority it can reach":
/// the hosts of all priorities are endpoints, the lowest first. A record that is there twice counts
/// once, with the lower priority.
#[test]
fn priorities() {
    let world = world();
    set_records(
        &world,
        300,
        &[
            (5, 0, 5002, "b2.test"),
            (1, 0, 5001, "b1.test"),
            (5, 7, 5001, "B1.test"),
        ],
    );
    let mut resolver = build(&world, options());
    let resolution = accept(&world, &mut resolver);
    assert_eq!(printed(&resolution), [FIRST, SECOND]);
    let endpoints = resolution.endpoints.as_ref().unwrap().iter();
    let attributes = endpoints.map(|endpoint| {
        let attributes = endpoint.attributes();
        (
            attributes.get::<PriorityGroup>().copied(),
            attributes.get::<Weight>().copied(),
        )
    });
    let attributes: Vec<_> = attributes.collect();
    assert_eq!(attributes, [(Some(1), Some(0)), (Some(5), Some(0))]);
}

/// The reserve is not delivered before a host of the lowest priority: its lookup was only faster.
#[test]
fn early_delivery_waits_for_the_lowest_priority() {
    let world = world();
    let records = [(1, 0, 5001, "b1.test"), (5, 0, 5002, "b2.test")];
    set_records(&world, 300, &records);
    let late = Duration::from_millis(400);
    let v4 = Ipv4Addr::new(192, 0, 2, 1);
    world.set(SERVER, "b1.test", Type::A, Reply::a(300, [v4]).after(late));
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let slow = Reply::aaaa(300, [v6]).after(late);
    world.set(SERVER, "b1.test", Type::AAAA, slow);
    let mut resolver = build(&world, options());
    let first = accept(&world, &mut resolver);
    assert_eq!(printed(&first), [FIRST, SECOND]);
    assert!(report(&first).complete);

    // A host of the lowest priority that does not exist is not waited for.
    let records = [
        (1, 0, 5001, "b1.test"),
        (5, 0, 5002, "b2.test"),
        (9, 0, 5003, "b3.test"),
    ];
    set_records(&world, 300, &records);
    world.remove(SERVER, "b1.test");
    let v4 = Ipv4Addr::new(192, 0, 2, 3);
    world.set(SERVER, "b3.test", Type::A, Reply::a(300, [v4]).after(late));
    world.set(SERVER, "b3.test", Type::AAAA, Reply::no_data());
    let mut resolver = build(&world, options());
    let early = accept(&world, &mut resolver);
    assert_eq!(printed(&early), [SECOND]);
    assert!(!report(&early).complete);
    let whole = accept(&world, &mut resolver);
    assert_eq!(printed(&whole), [&SECOND[..], &["192.0.2.3:5003"]]);
}

/// Two ports of one host are two endpoints.
#[test]
fn two_ports() {
    let world = world();
    set_records(
        &world,
        300,
        &[(1, 0, 5001, "b1.test"), (1, 0, 5002, "b1.test")],
    );
    let mut resolver = build(&world, options());
    assert_eq!(
        printed(&accept(&world, &mut resolver)),
        [FIRST, ["[2001:db8::1]:5002", "192.0.2.1:5002"]]
    );
}

/// A name without SRV records, a name that does not exist, and the target "." are authoritative errors.
#[test]
fn no_service() {
    fn check(reply: Reply, expected: ResolveErrorKind) {
        let world = World::new();
        world.set(SERVER, SERVICE, Type::SRV, reply);
        let mut resolver = build(&world, options());
        let error = accept(&world, &mut resolver).endpoints.unwrap_err();
        assert_eq!(error.kind(), expected, "{error}");
        assert!(error.to_string().contains(SERVICE), "{error}");
    }
    let absent = Data::Srv {
        priority: 0,
        weight: 0,
        port: 0,
        target: ".".to_owned(),
    };
    check(Reply::nxdomain(), ResolveErrorKind::NotFound);
    check(Reply::no_data(), ResolveErrorKind::NoData);
    check(Reply::data(300, [absent]), ResolveErrorKind::NoData);
    check(Reply::rcode(Rcode::SERVFAIL), ResolveErrorKind::Unavailable);
}

/// Nothing can connect to port 0: such a record is no endpoint. Where there is no other, the error names it, and it is temporary.
#[test]
fn port_0() {
    let world = world();
    let records = [(0, 0, 0, "b1.test"), (1, 0, 5002, "b2.test")];
    set_records(&world, 300, &records);
    let mut resolver = build(&world, options());
    let resolution = accept(&world, &mut resolver);
    assert_eq!(printed(&resolution), [SECOND]);
    let note = &resolution.resolution_note;
    assert!(
        note.contains("port 0") && note.contains("b1.test"),
        "{note}"
    );

    set_records(&world, 300, &records[..1]);
    let mut resolver = build(&world, options());
    let error = accept(&world, &mut resolver).endpoints.unwrap_err();
    assert_eq!(error.kind(), ResolveErrorKind::Unavailable);
    assert!(error.to_string().contains("port 0"), "{error}");
    assert_eq!(error.name(), Some("_grpc._tcp.db.test."));
}

/// A host that does not exist has no endpoint. If no host is left, the resolution is an error, which is
/// authoritative only if every host is known to have no address.
#[test]
fn hosts_without_addresses() {
    let world = world();
    world.remove(SERVER, "b1.test");
    let mut resolver = build(&world, options());
    let resolution = accept(&world, &mut resolver);
    assert_eq!(printed(&resolution), [SECOND]);
    assert!(!report(&resolution).partial);
    assert!(
        resolution.resolution_note.contains("b1.test"),
        "{}",
        resolution.resolution_note
    );

    world.remove(SERVER, "b2.test");
    let mut resolver = build(&world, options());
    let error = accept(&world, &mut resolver).endpoints.unwrap_err();
    assert_eq!(error.kind(), ResolveErrorKind::NoData);
    assert!(error.to_string().contains("2 hosts"), "{error}");

    fail_host(&world, "b2.test", &Reply::rcode(Rcode::SERVFAIL));
    let mut resolver = build(&world, options());
    let error = accept(&world, &mut resolver).endpoints.unwrap_err();
    assert_eq!(error.kind(), ResolveErrorKind::Unavailable);
    assert!(error.to_string().contains("b2.test"), "{error}");
    assert_eq!(error.name(), Some("_grpc._tcp.db.test."));
    assert_eq!(error.server(), Some(SERVER.parse().unwrap()));
    assert!(!error.summary().contains(SERVER), "{}", error.summary());
}

/// On a refresh, a host or a family whose lookup fails temporarily keeps its addresses. A host that
/// does not exist any more, or has no SRV record any more, loses its endpoint.
#[test]
fn refresh_keeps_what_failed_softly() {
    let world = world();
    let mut resolver = build(&world, options());
    accept(&world, &mut resolver);
    fail_host(&world, "b1.test", &Reply::rcode(Rcode::SERVFAIL));
    world.set(SERVER, "b2.test", Type::AAAA, Reply::silence());
    let resolution = accept(&world, &mut resolver);
    assert_eq!(printed(&resolution), [FIRST, SECOND]);
    assert!(report(&resolution).partial);

    world.remove(SERVER, "b1.test");
    set_host(&world, "b2.test", 2);
    assert_eq!(printed(&accept(&world, &mut resolver)), [SECOND]);

    set_host(&world, "b1.test", 1);
    set_records(&world, 300, &[(1, 0, 5001, "b1.test")]);
    assert_eq!(printed(&accept(&world, &mut resolver)), [FIRST]);
}

/// A temporary failure to look up the records is reported, and the addresses of the hosts are kept.
/// After an authoritative one they are not used again.
#[test]
fn failed_refresh() {
    let world = world();
    let mut resolver = build(&world, options());
    accept(&world, &mut resolver);
    world.set(SERVER, SERVICE, Type::SRV, Reply::rcode(Rcode::SERVFAIL));
    let error = accept(&world, &mut resolver).endpoints.unwrap_err();
    assert!(!error.is_authoritative());

    set_records(
        &world,
        300,
        &[(1, 0, 5001, "b1.test"), (1, 0, 5002, "b2.test")],
    );
    fail_host(&world, "b1.test", &Reply::rcode(Rcode::SERVFAIL));
    assert_eq!(printed(&accept(&world, &mut resolver)), [FIRST, SECOND]);

    world.set(SERVER, SERVICE, Type::SRV, Reply::nxdomain());
    let error = accept(&world, &mut resolver).endpoints.unwrap_err();
    assert!(error.is_authoritative());
    set_records(
        &world,
        300,
        &[(1, 0, 5001, "b1.test"), (1, 0, 5002, "b2.test")],
    );
    assert_eq!(printed(&accept(&world, &mut resolver)), [SECOND]);
}

/// While the channel has no list, hosts whose addresses are known wait 50 ms for the others.
#[test]
fn slow_host() {
    let world = world();
    let late = Duration::from_millis(400);
    let v4 = Ipv4Addr::new(192, 0, 2, 2);
    world.set(SERVER, "b2.test", Type::A, Reply::a(300, [v4]).after(late));
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
    world.set(
        SERVER,
        "b2.test",
        Type::AAAA,
        Reply::aaaa(300, [v6]).after(late),
    );
    let mut resolver = build(&world, options());
    let early = accept(&world, &mut resolver);
    assert_eq!(printed(&early), [FIRST]);
    assert!(!report(&early).complete);
    assert!(world.elapsed() < 0.06, "{}", world.elapsed());
    let whole = accept(&world, &mut resolver);
    assert_eq!(printed(&whole), [FIRST, SECOND]);
    assert!(report(&whole).complete);
}

/// The next lookup is due when the shortest TTL of SRV and address records expires.
#[test]
fn refresh_by_ttl() {
    fn check(records_ttl_secs: u32, address_ttl_secs: u32, expected: f64) {
        let world = world();
        set_records(&world, records_ttl_secs, &[(1, 0, 5001, "b1.test")]);
        let v4 = Ipv4Addr::new(192, 0, 2, 1);
        world.set(SERVER, "b1.test", Type::A, Reply::a(address_ttl_secs, [v4]));
        let mut resolver = build(&world, options());
        accept(&world, &mut resolver);
        let before = world.elapsed();
        accept(&world, &mut resolver);
        let gap = world.elapsed() - before;
        assert!((gap - expected).abs() < 0.02, "{gap} instead of {expected}");
    }
    check(300, 60, 60.0);
    check(60, 300, 60.0);
    check(1, 1, 30.0);
}

/// The whole resolution ends within the resolving timeout.
#[test]
fn timeout() {
    let world = world();
    world.set(SERVER, SERVICE, Type::SRV, Reply::silence());
    let options = options().with_resolving_timeout(Duration::from_secs(3));
    let mut resolver = build(&world, options);
    let error = accept(&world, &mut resolver).endpoints.unwrap_err();
    assert!(!error.is_authoritative());
    assert!(world.elapsed() <= 3.1, "{}", world.elapsed());
}

/// At most 64 hosts are looked up at the same time, and all are found.
#[test]
fn many_hosts() {
    let world = World::new();
    let data = (0..80).map(|n| Data::Srv {
        priority: 0,
        weight: 0,
        port: 5000,
        target: format!("b{n}.test"),
    });
    let mut reply = Reply::data(300, data);
    reply.oversize = true;
    world.set(SERVER, SERVICE, Type::SRV, reply);
    for last in 0..80 {
        let host = format!("b{last}.test");
        set_host(&world, &host, last);
        let late = Reply::no_data().after(Duration::from_millis(20));
        world.set(SERVER, &host, Type::AAAA, late);
    }
    let mut resolver = build(&world, options());
    let quiet = world.next_within(Duration::from_millis(10), &mut resolver);
    assert!(quiet.is_none());
    assert_eq!(world.total(), 1 + 64 * 2);
    assert_eq!(printed(&accept(&world, &mut resolver)).len(), 80);
}
