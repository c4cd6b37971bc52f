//! The scheme `dns` in virtual time: endpoints from A and AAAA records, service config from TXT records.
//!
//! Source: [gRPC's naming document](https://github.com/grpc/grpc/blob/master/doc/naming.md),
//! [gRFC A2](https://github.com/grpc/proposal/blob/master/A2-service-configs-in-dns.md).

#![cfg(feature = "dns")]

mod support;

use std::error::Error as _;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use support::world::World;
use support::{printed, rejection};
use trunkline_dns::{ClientConfig, Hosts, LookupError, RecordType, ServerAttempt};
use trunkline_resolver::{
    AddressFamilies, DnsFactory, DnsOptions, LookupReport, Resolution, ResolveError,
    ResolveErrorKind, Resolver, ResolverFactory, ServiceConfigSource, Verdict,
};
use trunkline_target::Target;
use trunkline_testkit::dns::{Data, Rcode, Reply, Type};

const SERVER: &str = "192.0.2.53:53";

fn options() -> DnsOptions {
    let mut options = DnsOptions::default();
    options.client = ClientConfig::with_servers(vec![SERVER.parse().unwrap()]);
    options.pacing.jitter = 0.0;
    options.pacing.backoff.jitter = 0.0;
    options
}

fn build(world: &World, target: &str, options: DnsOptions) -> Box<dyn Resolver> {
    let target = Target::parse(target).expect("valid target");
    let factory = DnsFactory::new(options);
    factory.check(&target).expect("usable target");
    factory
        .build(&target, &world.options())
        .expect("checked target")
}

/// Returns a world whose server knows `db.test`.
fn world(v4: &[u8], v6: &[u16], ttl_secs: u32) -> World {
    let world = World::new();
    set_a(&world, v4, ttl_secs);
    set_aaaa(&world, v6, ttl_secs);
    world
}

fn a(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, last)
}

fn aaaa(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last)
}

fn set_a(world: &World, last: &[u8], ttl_secs: u32) {
    let addresses = last.iter().map(|last| a(*last).into());
    world.set(
        SERVER,
        "db.test",
        Type::A,
        Reply::addresses(ttl_secs, addresses),
    );
}

fn set_aaaa(world: &World, last: &[u16], ttl_secs: u32) {
    let addresses = last.iter().map(|last| aaaa(*last).into());
    world.set(
        SERVER,
        "db.test",
        Type::AAAA,
        Reply::addresses(ttl_secs, addresses),
    );
}

/// Waits for the next resolution and accepts it.
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

fn error(resolution: &Resolution) -> &ResolveError {
    resolution.endpoints.as_ref().expect_err("no endpoints")
}

/// One A and one AAAA query are sent at the same time. Each address is an endpoint, best first by RFC
/// 6724.
#[test]
fn both_families() {
    let world = world(&[1, 2], &[1], 300);
    let mut resolver = build(&world, "dns:///db.test.:5000", options());
    let resolution = accept(&world, &mut resolver);
    assert_eq!(
        printed(&resolution),
        [
            ["[2001:db8::1]:5000"],
            ["192.0.2.1:5000"],
            ["192.0.2.2:5000"]
        ]
    );
    assert_eq!(world.count("db.test", Type::A), 1);
    assert_eq!(world.count("db.test", Type::AAAA), 1);
    assert_eq!(world.elapsed(), 0.001);
    let report = report(&resolution);
    assert!(report.complete && !report.partial, "{report:?}");
    assert_eq!(report.server, Some(SERVER.parse().unwrap()));
}

/// The resolver sends nothing before it is polled. The default port is 443.
#[test]
fn default_port() {
    let world = world(&[1], &[], 300);
    let mut resolver = build(&world, "dns:///db.test.", options());
    assert_eq!(world.total(), 0);
    assert_eq!(printed(&accept(&world, &mut resolver)), [["192.0.2.1:443"]]);
}

/// An option chooses the address families.
#[test]
fn families() {
    fn check(families: AddressFamilies, v4: &[u8], v6: &[u16], expected: &[&str]) {
        let world = world(v4, v6, 300);
        let mut options = options();
        options.families = families;
        let mut resolver = build(&world, "dns:///db.test.:1", options);
        let resolution = accept(&world, &mut resolver);
        assert_eq!(printed(&resolution).concat(), expected, "{families:?}");
        let asked = (
            world.count("db.test", Type::A) > 0,
            world.count("db.test", Type::AAAA) > 0,
        );
        let expected = match families {
            AddressFamilies::Ipv4Only => (true, false),
            AddressFamilies::Ipv6Only => (false, true),
            _ => (true, true),
        };
        assert_eq!(asked, expected, "{families:?}");
    }
    check(AddressFamilies::Ipv4Only, &[1], &[1], &["192.0.2.1:1"]);
    check(AddressFamilies::Ipv6Only, &[1], &[1], &["[2001:db8::1]:1"]);
    check(AddressFamilies::PreferIpv4, &[1], &[1], &["192.0.2.1:1"]);
    check(AddressFamilies::PreferIpv4, &[], &[1], &["[2001:db8::1]:1"]);
    check(
        AddressFamilies::PreferIpv6,
        &[1],
        &[1],
        &["[2001:db8::1]:1"],
    );
    check(AddressFamilies::PreferIpv6, &[1], &[], &["192.0.2.1:1"]);
}

/// A name that does not exist, or has no address, is an authoritative error with the name and the
/// server in its text. The resolver retries after a back-off, and finds addresses that exist by then.
#[test]
fn no_such_name() {
    let world = World::new();
    world.set(SERVER, "other.test", Type::A, Reply::no_data());
    let mut resolver = build(&world, "dns:///db.test.:5000", options());
    let resolution = accept(&world, &mut resolver);
    let failure = error(&resolution);
    assert_eq!(failure.kind(), ResolveErrorKind::NotFound);
    assert!(failure.is_authoritative());
    let text = failure.to_string();
    assert!(text.contains("db.test") && text.contains(SERVER), "{text}");
    let source = failure.source().and_then(|source| source.downcast_ref());
    let lookup: &LookupError = source.expect("the lookup's error");
    assert_eq!(lookup.rcode(), Some(3));
    world.set(SERVER, "db.test", Type::TXT, Reply::no_data());
    let resolution = accept(&world, &mut resolver);
    assert_eq!(
        error(&resolution).kind(),
        ResolveErrorKind::NoData,
        "{:?}",
        resolution.endpoints
    );
    assert!((world.elapsed() - 1.0).abs() < 0.1, "{}", world.elapsed());
    set_a(&world, &[1], 300);
    assert_eq!(
        printed(&accept(&world, &mut resolver)),
        [["192.0.2.1:5000"]]
    );
    assert!((world.elapsed() - 2.6).abs() < 0.1, "{}", world.elapsed());
}

/// A failure of the server is not authoritative.
#[test]
fn server_failure() {
    for rcode in [Rcode::SERVFAIL, Rcode::REFUSED] {
        let world = World::new();
        world.set(SERVER, "db.test", Type::A, Reply::rcode(rcode));
        world.set(SERVER, "db.test", Type::AAAA, Reply::rcode(rcode));
        let mut resolver = build(&world, "dns:///db.test.", options());
        let resolution = accept(&world, &mut resolver);
        let failure = error(&resolution);
        assert_eq!(failure.kind(), ResolveErrorKind::Unavailable);
        assert!(!failure.is_authoritative());
        assert!(failure.to_string().contains(SERVER), "{failure}");
    }
}

/// An error has the name, the server and the source as values, and a summary without the attempts.
#[test]
fn error_facts() {
    let world = World::new();
    world.set(SERVER, "other.test", Type::A, Reply::no_data());
    let mut resolver = build(&world, "dns:///db.test.", options());
    let resolution = accept(&world, &mut resolver);
    let failure = error(&resolution);
    assert_eq!(failure.kind(), ResolveErrorKind::NotFound);
    assert_eq!(failure.name(), Some("db.test."));
    assert_eq!(failure.server(), Some(SERVER.parse().unwrap()));
    assert_eq!(failure.summary(), "the name db.test. does not exist");
    assert!(failure.to_string().contains(SERVER), "{failure}");
    let source = std::error::Error::source(failure).expect("the lookup's error");
    assert!(source.is::<LookupError>());
}

/// If no reply comes, the resolution fails within the resolving timeout.
#[test]
fn silence() {
    let world = World::new();
    world.set(SERVER, "db.test", Type::A, Reply::silence());
    world.set(SERVER, "db.test", Type::AAAA, Reply::silence());
    let options = options().with_resolving_timeout(Duration::from_secs(3));
    let mut resolver = build(&world, "dns:///db.test.", options);
    let resolution = accept(&world, &mut resolver);
    assert!(!error(&resolution).is_authoritative());
    assert!(world.elapsed() <= 3.1, "{}", world.elapsed());
}

/// While the channel has no list, the addresses of one family wait 50 ms for those of the other. A
/// later resolution has both.
///
/// Source: [RFC 8305 section 3](https://www.rfc-editor.org/rfc/rfc8305#section-3).
#[test]
fn resolution_delay() {
    for (late, millis) in [(Type::AAAA, 400), (Type::A, 400)] {
        let world = world(&[1], &[1], 300);
        let late_reply = match late {
            Type::A => Reply::a(300, [a(1)]),
            _ => Reply::aaaa(300, [aaaa(1)]),
        };
        let delay = Duration::from_millis(millis);
        world.set(SERVER, "db.test", late, late_reply.after(delay));
        let mut resolver = build(&world, "dns:///db.test.:1", options());
        let early = accept(&world, &mut resolver);
        let expected = match late {
            Type::A => "[2001:db8::1]:1",
            _ => "192.0.2.1:1",
        };
        assert_eq!(printed(&early), [[expected]]);
        assert!(!report(&early).complete && report(&early).partial);
        assert!(
            (world.elapsed() - 0.051).abs() < 1e-6,
            "{}",
            world.elapsed()
        );
        let whole = accept(&world, &mut resolver);
        assert_eq!(printed(&whole), [["[2001:db8::1]:1"], ["192.0.2.1:1"]]);
        assert!(report(&whole).complete && !report(&whole).partial);
        assert!(
            (world.elapsed() - 0.401).abs() < 1e-6,
            "{}",
            world.elapsed()
        );
    }
}

/// If both families arrive within the delay, there is one resolution and not two.
#[test]
fn within_the_resolution_delay() {
    let world = world(&[1], &[1], 300);
    let reply = Reply::aaaa(300, [aaaa(1)]).after(Duration::from_millis(40));
    world.set(SERVER, "db.test", Type::AAAA, reply);
    let mut resolver = build(&world, "dns:///db.test.:1", options());
    let whole = accept(&world, &mut resolver);
    assert_eq!(printed(&whole).len(), 2);
    assert!(report(&whole).complete);
}

/// A family without a reply does not delay the other, and the answer is marked partial.
#[test]
fn dropped_family() {
    let world = world(&[1], &[], 300);
    world.set(SERVER, "db.test", Type::AAAA, Reply::silence());
    let mut resolver = build(&world, "dns:///db.test.:1", options());
    assert_eq!(printed(&accept(&world, &mut resolver)), [["192.0.2.1:1"]]);
    assert!(world.elapsed() < 0.1);
    let whole = accept(&world, &mut resolver);
    assert_eq!(printed(&whole), [["192.0.2.1:1"]]);
    assert!(report(&whole).complete && report(&whole).partial);
    assert!(
        whole.resolution_note.contains("IPv6"),
        "{}",
        whole.resolution_note
    );
    assert!(world.elapsed() < 5.0, "{}", world.elapsed());
    // The missing family is looked up again after the minimum interval, before the TTL expires.
    set_aaaa(&world, &[1], 300);
    let before = world.elapsed();
    assert_eq!(printed(&accept(&world, &mut resolver)).len(), 2);
    assert!((world.elapsed() - before - 30.0).abs() < 0.1);
}

/// On a refresh a partial or failed answer never removes the missing family.
#[test]
fn partial_refresh_keeps_the_family() {
    for missing in [
        Reply::silence(),
        Reply::rcode(Rcode::SERVFAIL),
        Reply::rcode(Rcode::REFUSED),
    ] {
        let world = world(&[1], &[1], 30);
        let mut resolver = build(&world, "dns:///db.test.:1", options());
        assert_eq!(printed(&accept(&world, &mut resolver)).len(), 2);
        world.set(SERVER, "db.test", Type::AAAA, missing);
        set_a(&world, &[2], 30);
        let refreshed = accept(&world, &mut resolver);
        assert_eq!(
            printed(&refreshed),
            [["[2001:db8::1]:1"], ["192.0.2.2:1"]],
            "IPv4 is new, IPv6 is kept"
        );
        assert!(report(&refreshed).complete && report(&refreshed).partial);
        // An answer without addresses of the family does remove it.
        set_aaaa(&world, &[], 30);
        assert_eq!(printed(&accept(&world, &mut resolver)), [["192.0.2.2:1"]]);
    }
}

/// A temporary failure of a refresh is reported and removes no address. After an authoritative one no
/// address of the old list returns.
#[test]
fn failed_refresh() {
    let world = world(&[1], &[1], 30);
    let mut resolver = build(&world, "dns:///db.test.:1", options());
    accept(&world, &mut resolver);
    for record_type in [Type::A, Type::AAAA] {
        world.set(
            SERVER,
            "db.test",
            record_type,
            Reply::rcode(Rcode::SERVFAIL),
        );
    }
    assert!(!error(&accept(&world, &mut resolver)).is_authoritative());
    set_a(&world, &[2], 30);
    assert_eq!(
        printed(&accept(&world, &mut resolver)),
        [["[2001:db8::1]:1"], ["192.0.2.2:1"]]
    );
    world.remove(SERVER, "db.test");
    assert!(error(&accept(&world, &mut resolver)).is_authoritative());
    set_a(&world, &[3], 30);
    world.set(SERVER, "db.test", Type::AAAA, Reply::rcode(Rcode::SERVFAIL));
    assert_eq!(printed(&accept(&world, &mut resolver)), [["192.0.2.3:1"]]);
}

/// New backends are found when the shortest TTL expires, but not before the minimum interval.
#[test]
fn refresh_by_ttl() {
    fn check(v4_ttl_secs: u32, v6_ttl_secs: u32, expected: f64) {
        let world = World::new();
        set_a(&world, &[1], v4_ttl_secs);
        set_aaaa(&world, &[1], v6_ttl_secs);
        let mut resolver = build(&world, "dns:///db.test.:1", options());
        accept(&world, &mut resolver);
        let before = world.elapsed();
        set_a(&world, &[1, 2], v4_ttl_secs);
        assert_eq!(printed(&accept(&world, &mut resolver)).len(), 3);
        let gap = world.elapsed() - before;
        assert!((gap - expected).abs() < 0.01, "{gap} instead of {expected}");
    }
    check(300, 60, 60.0);
    check(45, 600, 45.0);
    check(5, 300, 30.0);
    check(0, 0, 30.0);
}

/// With refreshing off, the resolver sends no query without a request.
#[test]
fn refresh_off() {
    let world = world(&[1], &[], 5);
    let mut options = options();
    options.pacing.refresh = false;
    let mut resolver = build(&world, "dns:///db.test.:1", options);
    accept(&world, &mut resolver);
    assert!(world.next(&mut resolver).is_none());
    set_a(&world, &[2], 5);
    resolver.resolve_now();
    assert_eq!(printed(&accept(&world, &mut resolver)), [["192.0.2.2:1"]]);
}

/// A hundred requests cause one lookup, after the minimum interval.
#[test]
fn requests() {
    let world = world(&[1], &[], 3000);
    let mut resolver = build(&world, "dns:///db.test.:1", options());
    accept(&world, &mut resolver);
    for _ in 0..100 {
        resolver.resolve_now();
    }
    let before = world.elapsed();
    accept(&world, &mut resolver);
    assert!((world.elapsed() - before - 30.0).abs() < 0.01);
    assert_eq!(world.count("db.test", Type::A), 2);
    let quiet = world.next_within(Duration::from_secs(1000), &mut resolver);
    assert!(quiet.is_none());
}

/// After the channel has rejected a list, the resolver retries with back-off.
#[test]
fn rejected() {
    let world = world(&[1], &[], 300);
    let mut resolver = build(&world, "dns:///db.test.:1", options());
    let mut gaps = Vec::new();
    for _ in 0..4 {
        let before = world.elapsed();
        world.next(&mut resolver).expect("another resolution");
        resolver.handle_verdict(rejection());
        gaps.push((world.elapsed() - before).round());
    }
    assert_eq!(gaps, [0.0, 1.0, 2.0, 3.0]);
}

/// A server address in the target is the server that is queried, and errors name it.
#[test]
fn server_by_address() {
    let world = world(&[1], &[], 300);
    let mut resolver = build(&world, "dns://192.0.2.53/db.test.:1", DnsOptions::default());
    assert_eq!(printed(&accept(&world, &mut resolver)), [["192.0.2.1:1"]]);
    let mut resolver = build(
        &world,
        "dns://192.0.2.53/gone.test.:1",
        DnsOptions::default(),
    );
    let resolution = accept(&world, &mut resolver);
    assert!(error(&resolution).to_string().contains(SERVER));
}

/// A server name in the target is looked up first, with the servers of the configuration, and again
/// when that answer has expired.
#[test]
fn server_by_name() {
    let world = World::new();
    world.set(SERVER, "ns.test", Type::A, Reply::a(20, [a(54)]));
    world.set(SERVER, "ns.test", Type::AAAA, Reply::no_data());
    let reply = || Reply::a(30, [a(1)]);
    world.set("192.0.2.54:1053", "db.test", Type::A, reply());
    let mut resolver = build(&world, "dns://ns.test.:1053/db.test.:1", options());
    let resolution = accept(&world, &mut resolver);
    assert_eq!(printed(&resolution), [["192.0.2.1:1"]]);
    assert_eq!(
        report(&resolution).server,
        Some("192.0.2.54:1053".parse().unwrap())
    );
    world.set(SERVER, "ns.test", Type::A, Reply::a(20, [a(55)]));
    world.set("192.0.2.55:1053", "db.test", Type::A, Reply::a(30, [a(2)]));
    let resolution = accept(&world, &mut resolver);
    assert_eq!(printed(&resolution), [["192.0.2.2:1"]]);
    assert_eq!(world.count("ns.test", Type::A), 2);
}

/// If a server named in the target does not answer, its name is looked up again before its TTL
/// expires: its address may have changed.
#[test]
fn server_moved() {
    let world = World::new();
    world.set(SERVER, "ns.test", Type::A, Reply::a(3600, [a(54)]));
    world.set(SERVER, "ns.test", Type::AAAA, Reply::no_data());
    let mut resolver = build(&world, "dns://ns.test./db.test.:1", options());
    assert!(!error(&accept(&world, &mut resolver)).is_authoritative());
    world.set(SERVER, "ns.test", Type::A, Reply::a(3600, [a(55)]));
    world.set("192.0.2.55:53", "db.test", Type::A, Reply::a(30, [a(2)]));
    assert_eq!(printed(&accept(&world, &mut resolver)), [["192.0.2.2:1"]]);
}

/// The hosts file has precedence over DNS, except if the target names a server.
#[test]
fn hosts_file() {
    let world = world(&[1], &[], 300);
    let mut options = options();
    options.client = options.client.hosts(Hosts::parse(b"127.0.0.9 db.test"));
    let mut resolver = build(&world, "dns:///db.test:1", options.clone());
    assert_eq!(printed(&accept(&world, &mut resolver)), [["127.0.0.9:1"]]);
    assert_eq!(world.total(), 0);
    let mut resolver = build(&world, "dns://192.0.2.53/db.test:1", options);
    assert_eq!(printed(&accept(&world, &mut resolver)), [["192.0.2.1:1"]]);
}

/// If the name of the server does not exist, the error is not authoritative for the target's name.
#[test]
fn server_not_found() {
    let world = World::new();
    world.set(SERVER, "other.test", Type::A, Reply::no_data());
    let mut resolver = build(&world, "dns://ns.test.:1053/db.test.:1", options());
    let resolution = accept(&world, &mut resolver);
    let failure = error(&resolution);
    assert_eq!(failure.kind(), ResolveErrorKind::Unavailable);
    assert!(failure.to_string().contains("ns.test.:1053"), "{failure}");
    assert!(failure.to_string().contains("NXDOMAIN"), "{failure}");
}

/// A resolver that the factory builds again, as after idleness, sends its queries at once.
#[test]
fn built_again() {
    let world = world(&[1], &[], 300);
    let target = Target::parse("dns:///db.test.:1").unwrap();
    let factory = DnsFactory::new(options());
    for asked in 1..=2 {
        let mut resolver = factory.build(&target, &world.options()).unwrap();
        accept(&world, &mut resolver);
        assert_eq!(world.count("db.test", Type::A), asked);
    }
    assert!(world.elapsed() < 1.0);
}

const CONFIG: &str = "_grpc_config.db.test";
const ROUND_ROBIN: &str = r#"grpc_config=[{"serviceConfig":{"a":1}}]"#;

fn texts(texts: &[&str]) -> Reply {
    let record = |text: &&str| Data::Txt(text.as_bytes().chunks(255).map(<[u8]>::to_vec).collect());
    Reply::data(300, texts.iter().map(record))
}

fn with_txt() -> DnsOptions {
    let mut options = options();
    options.txt_service_config = true;
    options
}

/// No service config is looked up if the option is off, if the channel wants none, and for localhost
/// (gRFC A10).
#[test]
fn txt_is_off() {
    fn check(target: &str, dns: DnsOptions, disable: bool) {
        let world = world(&[1], &[], 300);
        world.set(SERVER, CONFIG, Type::TXT, texts(&[ROUND_ROBIN]));
        let target = Target::parse(target).unwrap();
        let mut options = world.options();
        options.disable_service_config = disable;
        let mut resolver = DnsFactory::new(dns).build(&target, &options).unwrap();
        let resolution = accept(&world, &mut resolver);
        assert_eq!(resolution.service_config, ServiceConfigSource::Absent);
        assert!(report(&resolution).complete);
        assert_eq!(world.count(CONFIG, Type::TXT), 0);
        assert_eq!(world.count("_grpc_config.localhost", Type::TXT), 0);
    }
    check("dns:///db.test.:1", options(), false);
    check("dns:///db.test.:1", with_txt(), true);
    check("dns:///localhost:1", with_txt(), false);
}

/// The service config is in the TXT record with the prefix `grpc_config=`. If no choice matches, there
/// is no service config. An invalid list of choices is an error, and the endpoints stay usable.
#[test]
fn txt_choices() {
    fn check(reply: Reply, expected: Result<Option<&str>, &str>) {
        let world = world(&[1], &[], 300);
        world.set(SERVER, CONFIG, Type::TXT, reply);
        let mut resolver = build(&world, "dns:///db.test.:1", with_txt());
        let mut resolution = accept(&world, &mut resolver);
        while !report(&resolution).complete {
            resolution = accept(&world, &mut resolver);
        }
        assert_eq!(printed(&resolution), [["192.0.2.1:1"]]);
        let attempts = &report(&resolution).attempts;
        let asked = |attempt: &ServerAttempt| attempt.record_type == RecordType::Txt;
        assert!(attempts.iter().any(asked), "it is reported: {attempts:?}");
        match (resolution.service_config, expected) {
            (ServiceConfigSource::Absent, Ok(None)) => {}
            (ServiceConfigSource::Json(json), Ok(Some(expected))) => assert_eq!(&*json, expected),
            (ServiceConfigSource::Invalid(error), Err(part)) => {
                let text = error.to_string();
                assert!(text.contains(part) && text.contains(CONFIG), "{text}");
            }
            (config, expected) => panic!("{config:?} instead of {expected:?}"),
        }
    }
    check(texts(&[ROUND_ROBIN]), Ok(Some(r#"{"a":1}"#)));
    check(texts(&["v=spf1 -all", ROUND_ROBIN]), Ok(Some(r#"{"a":1}"#)));
    let long = format!(
        r#"grpc_config=[{{"serviceConfig":{{"b":"{}"}}}}]"#,
        "x".repeat(600)
    );
    let whole = format!(r#"{{"b":"{}"}}"#, "x".repeat(600));
    check(texts(&[&long]), Ok(Some(&whole)));
    let other = r#"grpc_config=[{"clientLanguage":["go"],"serviceConfig":{}}]"#;
    check(texts(&[other]), Ok(None));
    let ours = r#"grpc_config=[{"clientLanguage":["go"],"serviceConfig":{}},{"clientLanguage":["c++","Rust"],"serviceConfig":{"a":2}},{"serviceConfig":{}}]"#;
    check(texts(&[ours]), Ok(Some(r#"{"a":2}"#)));
    check(texts(&["v=spf1 -all"]), Ok(None));
    check(Reply::nxdomain(), Ok(None));
    check(Reply::no_data(), Ok(None));
    check(Reply::rcode(Rcode::SERVFAIL), Ok(None));
    check(Reply::silence(), Ok(None));
    check(texts(&["grpc_config={}"]), Err("expected"));
}

/// The lookup of TXT records never delays the addresses; a later resolution has the service config.
#[test]
fn txt_delays_nothing() {
    let world = world(&[1], &[], 300);
    let late = texts(&[ROUND_ROBIN]).after(Duration::from_millis(700));
    world.set(SERVER, CONFIG, Type::TXT, late);
    let mut resolver = build(&world, "dns:///db.test.:1", with_txt());
    let first = accept(&world, &mut resolver);
    assert_eq!(first.service_config, ServiceConfigSource::Absent);
    assert!(!report(&first).complete);
    assert!(world.elapsed() < 0.002, "{}", world.elapsed());
    let second = accept(&world, &mut resolver);
    assert_eq!(printed(&second), printed(&first));
    assert!(report(&second).complete);
    let json = ServiceConfigSource::Json(r#"{"a":1}"#.into());
    assert_eq!(second.service_config, json);
    assert!(
        (world.elapsed() - 0.701).abs() < 0.001,
        "{}",
        world.elapsed()
    );
    // On a refresh it stays until another one is found, and also if the lookup fails.
    world.set(SERVER, CONFIG, Type::TXT, Reply::silence());
    for _ in 0..3 {
        assert_eq!(accept(&world, &mut resolver).service_config, json);
    }
    world.remove(SERVER, CONFIG);
    for _ in 0..2 {
        accept(&world, &mut resolver);
    }
    let last = accept(&world, &mut resolver);
    assert_eq!(last.service_config, ServiceConfigSource::Absent);

    // A late service config does not bring back endpoints that were removed.
    world.set(
        SERVER,
        CONFIG,
        Type::TXT,
        texts(&[ROUND_ROBIN]).after(Duration::from_millis(100)),
    );
    world.remove(SERVER, "db.test");
    assert!(error(&accept(&world, &mut resolver)).is_authoritative());
    let quiet = world.next_within(Duration::from_millis(150), &mut resolver);
    assert!(quiet.is_none(), "{quiet:?}");
}
