//! A stream of resolutions as a resolver.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::stream::{self, Empty, Pending, StreamExt};
use support::{build, list, poll, printed, ready, rejection};
use trunkline_resolver::{
    Resolution, ResolveErrorKind, Resolver, StreamFactory, StreamResolver, Verdict,
};

/// Each item is a resolution, in order. The last one stays in use at the end of the stream, whatever
/// the channel requests or rejects.
#[test]
fn each_item_is_a_resolution() {
    let fleet = StreamFactory::new("Fleet", |_, _| stream::iter([list(1), list(2)]));
    let mut resolver = build(&fleet);
    assert_eq!(printed(&ready(&mut resolver)), [["192.0.2.1:50051"]]);
    resolver.handle_verdict(Verdict::Accepted);
    assert_eq!(printed(&ready(&mut resolver)), [["192.0.2.2:50051"]]);
    assert!(poll(&mut resolver).is_pending());
    resolver.handle_verdict(rejection());
    resolver.resolve_now();
    assert!(poll(&mut resolver).is_pending());
}

/// A stream that ends before its first item is one error, which names the target.
#[test]
fn an_empty_stream_is_an_error() {
    let fleet = StreamFactory::new("fleet", |_, _| stream::empty());
    let mut resolver = build(&fleet);
    let error = ready(&mut resolver).endpoints.expect_err("no endpoints");
    assert_eq!(error.kind(), ResolveErrorKind::Unavailable);
    assert_eq!(
        error.to_string(),
        "the stream of resolutions of fleet:///any ended before its first item"
    );
    assert!(poll(&mut resolver).is_pending());
    let empty: Empty<Resolution> = stream::empty();
    let mut resolver: Box<dyn Resolver> = Box::new(StreamResolver::new(empty));
    let error = ready(&mut resolver).endpoints.expect_err("no endpoints");
    assert_eq!(
        error.to_string(),
        "the stream of resolutions ended before its first item"
    );
}

/// A stream without an item yet is pending, and is dropped with its resolver.
#[test]
fn a_stream_is_dropped_with_its_resolver() {
    struct Subscription(Arc<AtomicUsize>);
    impl Drop for Subscription {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let active = Arc::new(AtomicUsize::new(0));
    let subscriptions = Arc::clone(&active);
    let fleet = StreamFactory::new("fleet", move |_, _| {
        subscriptions.fetch_add(1, Ordering::SeqCst);
        let subscription = Subscription(Arc::clone(&subscriptions));
        let pending: Pending<Resolution> = stream::pending();
        pending.inspect(move |_| {
            let _held = &subscription;
        })
    });
    assert_eq!(active.load(Ordering::SeqCst), 0);
    let mut resolver = build(&fleet);
    assert!(poll(&mut resolver).is_pending());
    assert_eq!(active.load(Ordering::SeqCst), 1);
    drop(resolver);
    assert_eq!(active.load(Ordering::SeqCst), 0);
}

/// The closure gets the target and the options of the channel, and makes a stream for each resolver.
#[test]
fn each_resolver_has_a_stream_of_its_own() {
    let built = AtomicUsize::new(0);
    let fleet = StreamFactory::new("fleet", move |target, options| {
        assert_eq!(target.endpoint(), "any");
        assert_eq!(options.authority, None);
        let number = built.fetch_add(1, Ordering::SeqCst);
        stream::iter([list(number as u8)])
    });
    assert_eq!(printed(&ready(&mut build(&fleet))), [["192.0.2.0:50051"]]);
    assert_eq!(printed(&ready(&mut build(&fleet))), [["192.0.2.1:50051"]]);
}
