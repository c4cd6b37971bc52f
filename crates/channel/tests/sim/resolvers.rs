//! What a channel passes to its resolver, and what the resolver reports.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt};
use trunkline_channel::{ChannelEvent, Observer};
use trunkline_connector::{Connected, Connector, DirectConnector};
use trunkline_endpoint::{Address, Endpoint};
use trunkline_resolver::{
    CredentialsKind, DnsOptions, LookupOutcome, ManualResolver, Resolution, ResolveError,
    ResolveErrorKind, Resolver, ResolverEvent, ResolverFactory, ResolverOptions, StreamFactory,
};
use trunkline_runtime::{BoxFuture, Lock};
use trunkline_sim::Sim;
use trunkline_sim::dns::{Behaviour, Data};
use trunkline_status::Code;
use trunkline_target::Target;

use crate::policy::{TEST_POLICY, TestPolicyFactory};
use crate::world::{address, builder, unary};

fn list(host: u8) -> Resolution {
    Resolution::new([Endpoint::new([address(host)])])
}

/// A connector that counts its attempts.
#[derive(Debug)]
struct CountingConnector {
    inner: DirectConnector,
    attempts: Arc<AtomicUsize>,
}

impl Connector for CountingConnector {
    fn connect(&self, address: &Address) -> BoxFuture<io::Result<Connected>> {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        self.inner.connect(address)
    }
}

/// The options of a resolver carry the channel's authority, connector and kind of credentials. The
/// connector works: a resolver can reach a server of its own with it.
#[test]
fn a_resolver_gets_the_options_of_its_channel() {
    let sim = Sim::new(1);
    let _backend = sim.backend(address(1));
    let streams = Arc::new(Lock::new(Vec::new()));
    let log = Arc::clone(&streams);
    let names = ManualResolver::with_initial("fleet", list(1)).with_on_build(move |_, options| {
        assert_eq!(options.authority.as_deref(), Some("channel.test"));
        assert_eq!(options.credentials, CredentialsKind::Plaintext);
        assert!(options.disable_service_config);
        assert!(options.metrics.is_some(), "the last events are kept");
        log.lock()
            .push(options.connector.connect(&Address::from(address(1))));
    });
    let attempts = Arc::new(AtomicUsize::new(0));
    let channel = builder(&sim, "fleet:///any")
        .resolver(names)
        .connector(CountingConnector {
            inner: DirectConnector::new(sim.runtime()),
            attempts: Arc::clone(&attempts),
        })
        .authority("channel.test")
        .disable_service_config()
        .build()
        .expect("a channel");
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        let stream = streams.lock().pop().expect("one build");
        stream.await.expect("a stream to host 1");
    });
    assert_eq!(
        attempts.load(Ordering::Relaxed),
        2,
        "the channel's and ours"
    );
}

/// Records what the resolver reports.
#[derive(Clone, Debug, Default)]
struct Lookups(Arc<Lock<Vec<ResolverEvent>>>);

impl Observer for Lookups {
    fn observe(&self, event: &ChannelEvent, _: Instant) {
        if let ChannelEvent::Resolver(event) = event {
            self.0.lock().push(event.clone());
        }
    }
}

/// The observer receives each lookup of the DNS resolver, with its duration and what it found.
#[test]
fn lookups_reach_the_observer() {
    let sim = Sim::new(1);
    let _backend = sim.backend(address(1));
    let mut server_address = address(53);
    server_address.set_port(53);
    let server = sim.dns_server(server_address);
    server.behave_by_default(Behaviour {
        drop: true,
        ..Behaviour::default()
    });
    let lookups = Lookups::default();
    let channel = builder(&sim, "dns:///greeter.test:50051")
        .dns(DnsOptions::default().with_servers(vec![server_address]))
        .observer(lookups.clone())
        .build()
        .expect("a channel");
    sim.run(async {
        unary(&channel, b"hello")
            .await
            .expect(Code::Unavailable, &["greeter.test"]);
        server.behave_by_default(Behaviour::default());
        server.insert("greeter.test", 60, Data::A([198, 51, 100, 1].into()));
        sim.sleep(Duration::from_secs(30)).await;
        unary(&channel, b"hello").await.expect_ok();
    });
    let events = lookups.0.lock();
    let [first, failed, second, found] = &events[..] else {
        panic!("not two lookups: {events:?}")
    };
    let started = ResolverEvent::LookupStarted {
        name: "greeter.test".into(),
    };
    assert_eq!((first, second), (&started, &started));
    let outcome = |event: &ResolverEvent| match event {
        ResolverEvent::LookupEnded {
            elapsed, outcome, ..
        } => (*elapsed, *outcome),
        other => panic!("not an end: {other:?}"),
    };
    let (elapsed, outcome_of_first) = outcome(failed);
    assert!(elapsed >= Duration::from_secs(1), "{elapsed:?}");
    assert_eq!(
        outcome_of_first,
        LookupOutcome::Failed(ResolveErrorKind::Unavailable)
    );
    let (elapsed, outcome_of_second) = outcome(found);
    assert!(elapsed < Duration::from_secs(1), "{elapsed:?}");
    assert_eq!(outcome_of_second, LookupOutcome::Complete);
}

/// A resolver that resolves when it is asked to, and does not wake the channel for that.
#[derive(Debug)]
struct OnRequest {
    /// True at first.
    is_due: bool,
    /// The number of resolutions.
    count: Arc<AtomicUsize>,
}

impl Resolver for OnRequest {
    fn poll_resolution(&mut self, _: &mut Context<'_>) -> Poll<Resolution> {
        if !std::mem::take(&mut self.is_due) {
            return Poll::Pending;
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(list(1))
    }

    fn resolve_now(&mut self) {
        self.is_due = true;
    }
}

/// Makes an [`OnRequest`].
#[derive(Debug)]
struct OnRequestFactory(Arc<AtomicUsize>);

impl ResolverFactory for OnRequestFactory {
    fn scheme(&self) -> &str {
        "fleet"
    }

    fn build(&self, _: &Target, _: &ResolverOptions) -> Result<Box<dyn Resolver>, ResolveError> {
        Ok(Box::new(OnRequest {
            is_due: true,
            count: Arc::clone(&self.0),
        }))
    }
}

/// The channel polls its resolver after a request for a new resolution, whatever brought that about:
/// here a time of the policy, when nothing else happens.
#[test]
fn a_resolver_is_polled_after_a_request() {
    let sim = Sim::new(1);
    let _backend = sim.backend(address(1));
    let count = Arc::new(AtomicUsize::new(0));
    let channel = builder(&sim, "fleet:///any")
        .resolver(OnRequestFactory(Arc::clone(&count)))
        .policy(TestPolicyFactory::with_request_after(Duration::from_secs(
            5,
        )))
        .default_service_config(TEST_POLICY)
        .build()
        .expect("a channel");
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        assert_eq!(count.load(Ordering::Relaxed), 1);
        sim.sleep(Duration::from_secs(6)).await;
        assert_eq!(count.load(Ordering::Relaxed), 2);
    });
}

/// A stream of resolutions resolves a channel: calls move to the list of each item. After its end
/// the last list stays in use.
#[test]
fn a_stream_resolves_a_channel() {
    let sim = Sim::new(1);
    let _backends = [1, 2].map(|host| sim.backend(address(host)));
    let (send, receive) = async_channel::unbounded();
    let fleet = StreamFactory::new("fleet", move |_, _| receive.clone());
    let channel = builder(&sim, "fleet:///any")
        .resolver(fleet)
        .build()
        .expect("a channel");
    sim.run(async {
        send.send(list(1)).await.expect("a resolver");
        assert_eq!(unary(&channel, b"hello").await.expect_ok().host(), 1);
        send.send(list(2)).await.expect("a resolver");
        sim.sleep(Duration::from_secs(1)).await;
        assert_eq!(unary(&channel, b"hello").await.expect_ok().host(), 2);
        drop(send);
        sim.sleep(Duration::from_secs(60)).await;
        assert_eq!(unary(&channel, b"hello").await.expect_ok().host(), 2);
    });
}

/// A stream that ends without a resolution fails calls at once, with a reason that names the target.
#[test]
fn a_stream_without_a_resolution_fails_calls() {
    let sim = Sim::new(1);
    let fleet = StreamFactory::new("fleet", |_, _| stream::empty());
    let channel = builder(&sim, "fleet:///any")
        .resolver(fleet)
        .build()
        .expect("a channel");
    let result = sim.run(unary(&channel, b"hello"));
    result.expect(
        Code::Unavailable,
        &["fleet:///any", "ended before its first item"],
    );
}

/// A resolver that is always ready does not hold up the other tasks of its thread: here the channel
/// has a long list of resolutions, and another task runs before the end of it.
#[test]
fn a_resolver_that_is_always_ready_yields() {
    let sim = Sim::new(1);
    let _backend = sim.backend(address(1));
    let (returned, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&returned);
    let channel = builder(&sim, "fleet:///any")
        .resolver(StreamFactory::new("fleet", move |_, _| {
            let counted = Arc::clone(&counted);
            let lists = stream::repeat_with(|| list(1)).take(10_000);
            lists.inspect(move |_| {
                counted.fetch_add(1, Ordering::Relaxed);
            })
        }))
        .build()
        .expect("a channel");
    let (at_first, at_run) = (Arc::clone(&seen), Arc::clone(&returned));
    sim.run(async {
        channel.connect().expect("a channel that starts");
        sim.spawn("other", async move {
            at_first.store(at_run.load(Ordering::Relaxed), Ordering::Relaxed);
        });
        unary(&channel, b"hello").await.expect_ok();
    });
    assert_eq!(returned.load(Ordering::Relaxed), 10_000);
    let seen = seen.load(Ordering::Relaxed);
    assert!(seen < 1_000, "the other task ran after {seen} resolutions");
}
