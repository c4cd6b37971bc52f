//! What the schemes `dns` and `srv` report about their lookups.

#![cfg(feature = "dns")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use support::world::World;
use trunkline_dns::ClientConfig;
use trunkline_resolver::{
    DnsOptions, LookupOutcome, ResolveErrorKind, Resolver, ResolverEvent, ResolverMetrics,
    ResolverRegistry, Verdict,
};
use trunkline_target::{Schemes, Target};
use trunkline_testkit::dns::{Rcode, Reply, Type};

const SERVER: &str = "192.0.2.53:53";

/// Keeps every event.
#[derive(Debug, Default)]
struct Events(Mutex<Vec<ResolverEvent>>);

impl ResolverMetrics for Events {
    fn record(&self, event: &ResolverEvent) {
        self.0.lock().unwrap().push(event.clone());
    }
}

impl Events {
    /// Returns the events since the last call.
    fn take(&self) -> Vec<ResolverEvent> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

fn build(world: &World, events: &Arc<Events>, target: &str) -> Box<dyn Resolver> {
    let mut options = DnsOptions::default();
    options.client = ClientConfig::with_servers(vec![SERVER.parse().unwrap()]);
    options.pacing.jitter = 0.0;
    options.pacing.backoff.jitter = 0.0;
    let registry = ResolverRegistry::empty().with_dns(options);
    let schemes = ["dns", "srv"];
    let target = Target::parse_with(target, Schemes::new(&schemes, "dns")).unwrap();
    let factory = registry.get(target.scheme()).expect("registered");
    let metrics = Arc::clone(events) as Arc<dyn ResolverMetrics>;
    let options = world.options().with_metrics(metrics);
    factory.build(&target, &options).expect("a valid target")
}

fn started(name: &str) -> ResolverEvent {
    ResolverEvent::LookupStarted { name: name.into() }
}

fn ended(name: &str, millis: u64, outcome: LookupOutcome) -> ResolverEvent {
    ResolverEvent::LookupEnded {
        name: name.into(),
        elapsed: Duration::from_millis(millis),
        outcome,
    }
}

/// Every lookup is reported: that of the first resolution, a refresh, and a retry after a failure,
/// each with its duration and what it found.
#[test]
fn every_lookup_has_a_start_and_an_end() {
    let (world, events) = (World::new(), Arc::new(Events::default()));
    let v4 = || Reply::addresses(300, [[192, 0, 2, 1].into()]);
    let none = || Reply::rcode(Rcode::SERVFAIL);
    world.set(SERVER, "db.test", Type::A, v4());
    world.set(SERVER, "db.test", Type::AAAA, Reply::addresses(300, []));
    let mut resolver = build(&world, &events, "dns:///db.test.:5000");
    assert_eq!(
        events.take(),
        [],
        "nothing is looked up before the first poll"
    );
    world.next(&mut resolver).expect("a resolution");
    resolver.handle_verdict(Verdict::Accepted);
    let complete = ended("db.test.", 1, LookupOutcome::Complete);
    assert_eq!(events.take(), [started("db.test."), complete]);

    for family in [Type::A, Type::AAAA] {
        world.set(SERVER, "db.test", family, none());
    }
    let refreshed = world.next(&mut resolver).expect("a refresh");
    refreshed.endpoints.expect_err("no server answers");
    let taken = events.take();
    let [first, ResolverEvent::LookupEnded { outcome, .. }] = &taken[..] else {
        panic!("not a start and an end: {taken:?}")
    };
    assert_eq!(first, &started("db.test."));
    let failed = LookupOutcome::Failed(ResolveErrorKind::Unavailable);
    assert_eq!(outcome, &failed);

    world.set(SERVER, "db.test", Type::A, v4());
    world.next(&mut resolver).expect("a retry");
    let taken = events.take();
    let [_, ResolverEvent::LookupEnded { outcome, .. }] = &taken[..] else {
        panic!("not a start and an end: {taken:?}")
    };
    assert_eq!(outcome, &LookupOutcome::Partial);
}

/// A resolver that is dropped during a lookup reports that, and one that is dropped between lookups
/// reports nothing.
#[test]
fn a_lookup_that_is_cut_off_has_an_end() {
    let (world, events) = (World::new(), Arc::new(Events::default()));
    let mut resolver = build(&world, &events, "srv:///_grpc._tcp.db.test");
    let limit = Duration::from_millis(250);
    assert!(world.next_within(limit, &mut resolver).is_none());
    drop(resolver);
    let name = "_grpc._tcp.db.test";
    let cancelled = ended(name, 250, LookupOutcome::Cancelled);
    assert_eq!(events.take(), [started(name), cancelled]);
    drop(build(&world, &events, "srv:///_grpc._tcp.db.test"));
    assert_eq!(events.take(), []);
}

/// An IP literal is no lookup.
#[test]
fn a_literal_is_no_lookup() {
    let (world, events) = (World::new(), Arc::new(Events::default()));
    let mut resolver = build(&world, &events, "dns:///192.0.2.1:5000");
    world.next(&mut resolver).expect("a resolution");
    assert_eq!(events.take(), []);
}
