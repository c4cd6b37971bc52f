//! The manual resolver: its updates, the verdicts on them, and its callbacks.

mod support;

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use support::{build, list, poll, printed, ready, rejection};
use trunkline_resolver::{
    ManualResolver, ManualUpdate, Resolution, ResolveError, ResolveErrorKind, Verdict,
};

/// Counts how often it wakes.
#[derive(Default)]
struct WakeCount(AtomicUsize);

impl Wake for WakeCount {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Polls the future of an update once.
fn poll_update(update: &mut ManualUpdate) -> Poll<Vec<Option<Verdict>>> {
    Pin::new(update).poll(&mut Context::from_waker(Waker::noop()))
}

/// A manual resolver that is built later starts with the last resolution.
#[test]
fn manual_replays_the_last_state() {
    let manual = ManualResolver::new("fleet");
    let mut first = build(&manual);
    assert!(poll(&mut first).is_pending());
    manual.update(list(1));
    manual.update(list(2));
    assert_eq!(printed(&ready(&mut first)), [["192.0.2.1:50051"]]);
    assert_eq!(printed(&ready(&mut first)), [["192.0.2.2:50051"]]);
    assert!(poll(&mut first).is_pending());
    drop(first);
    let mut second = build(&manual);
    assert_eq!(printed(&ready(&mut second)), [["192.0.2.2:50051"]]);
    assert_eq!((manual.active(), manual.built()), (1, 2));
    let error = ResolveError::new(ResolveErrorKind::Unavailable, "the fleet is at sea");
    manual.update(Resolution::from_error(error.clone()));
    assert_eq!(ready(&mut second).endpoints.unwrap_err(), error);
}

/// A manual resolver counts requests, keeps the last verdict, and wakes its channels on an update.
#[test]
fn manual_counts_requests_and_wakes() {
    let manual = ManualResolver::with_initial("fleet", list(1));
    let mut resolver = build(&manual);
    ready(&mut resolver);
    assert_eq!(manual.last_verdict(), None);
    resolver.handle_verdict(rejection());
    resolver.resolve_now();
    resolver.resolve_now();
    assert_eq!(manual.last_verdict(), Some(rejection()));
    assert_eq!(manual.requests(), 2);
    let woken = Arc::new(WakeCount::default());
    let waker = Waker::from(Arc::clone(&woken));
    let polled = resolver.poll_resolution(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    manual.update(list(2));
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    drop(resolver);
    assert_eq!(manual.active(), 0);
    manual.update(list(3));
}

/// The future of an update is ready when the channel has given its verdict, and wakes its task then.
#[test]
fn an_update_returns_the_verdict_of_its_channel() {
    let manual = ManualResolver::new("fleet");
    let mut resolver = build(&manual);
    let mut update = manual.update(list(1));
    let woken = Arc::new(WakeCount::default());
    let waker = Waker::from(Arc::clone(&woken));
    let polled = Pin::new(&mut update).poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    ready(&mut resolver);
    assert_eq!(woken.0.load(Ordering::SeqCst), 0);
    resolver.handle_verdict(rejection());
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    assert_eq!(
        poll_update(&mut update),
        Poll::Ready(vec![Some(rejection())])
    );
}

/// With several resolvers an update returns one verdict for each, in the order in which they were
/// built, and is ready when the last one has its verdict.
#[test]
fn an_update_waits_for_all_channels() {
    let manual = ManualResolver::new("fleet");
    let (mut first, mut second) = (build(&manual), build(&manual));
    let mut update = manual.update(list(1));
    ready(&mut second);
    second.handle_verdict(rejection());
    assert!(poll_update(&mut update).is_pending());
    ready(&mut first);
    first.handle_verdict(Verdict::Accepted);
    assert_eq!(
        poll_update(&mut update),
        Poll::Ready(vec![Some(Verdict::Accepted), Some(rejection())])
    );
}

/// Each update has its own verdict, also when several wait in the queue of a resolver.
#[test]
fn each_update_has_its_own_verdict() {
    let manual = ManualResolver::new("fleet");
    let mut resolver = build(&manual);
    let (mut first, mut second) = (manual.update(list(1)), manual.update(list(2)));
    ready(&mut resolver);
    resolver.handle_verdict(rejection());
    assert_eq!(
        poll_update(&mut first),
        Poll::Ready(vec![Some(rejection())])
    );
    assert!(poll_update(&mut second).is_pending());
    ready(&mut resolver);
    resolver.handle_verdict(Verdict::Accepted);
    assert_eq!(
        poll_update(&mut second),
        Poll::Ready(vec![Some(Verdict::Accepted)])
    );
}

/// An update without an active resolver is ready at once, with no verdict. The verdict on it, which
/// a later resolver gets, is that of no update.
#[test]
fn an_update_without_a_channel_is_ready_at_once() {
    let manual = ManualResolver::new("fleet");
    let mut update = manual.update(list(1));
    assert_eq!(poll_update(&mut update), Poll::Ready(vec![]));
    let mut resolver = build(&manual);
    ready(&mut resolver);
    resolver.handle_verdict(Verdict::Accepted);
    assert_eq!(manual.last_verdict(), Some(Verdict::Accepted));
}

/// A resolver that is dropped before its verdict has none: before it returned the resolution, or
/// after that.
#[test]
fn a_dropped_resolver_has_no_verdict() {
    let manual = ManualResolver::new("fleet");
    let (first, mut second) = (build(&manual), build(&manual));
    let mut update = manual.update(list(1));
    drop(first);
    assert!(poll_update(&mut update).is_pending());
    ready(&mut second);
    drop(second);
    assert_eq!(poll_update(&mut update), Poll::Ready(vec![None, None]));
}

/// An update whose future was dropped is like any other.
#[test]
fn the_future_may_be_dropped() {
    let manual = ManualResolver::new("fleet");
    let mut resolver = build(&manual);
    drop(manual.update(list(1)));
    assert_eq!(printed(&ready(&mut resolver)), [["192.0.2.1:50051"]]);
    resolver.handle_verdict(Verdict::Accepted);
    assert_eq!(manual.last_verdict(), Some(Verdict::Accepted));
}

/// Callbacks report a build with its target, each verdict, each request, and the end of a resolver.
#[test]
fn callbacks_report_the_life_of_a_resolver() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let write = |log: &Arc<Mutex<Vec<String>>>| {
        let log = Arc::clone(log);
        move |line: String| log.lock().unwrap().push(line)
    };
    let (build_log, update_log) = (write(&log), write(&log));
    let (request_log, close_log) = (write(&log), write(&log));
    let manual = ManualResolver::with_initial("fleet", list(1))
        .with_on_build(move |target, options| {
            build_log(format!("build {target} {:?}", options.credentials));
        })
        .with_on_update(move |verdict| update_log(format!("update {}", verdict.is_accepted())))
        .with_on_resolve_now(move || request_log("resolve now".to_owned()))
        .with_on_close(move || close_log("close".to_owned()));
    let mut resolver = build(&manual);
    ready(&mut resolver);
    resolver.handle_verdict(Verdict::Accepted);
    manual.update(list(2));
    ready(&mut resolver);
    resolver.handle_verdict(rejection());
    resolver.resolve_now();
    drop(resolver);
    assert_eq!(
        *log.lock().unwrap(),
        [
            "build fleet:///any Plaintext",
            "update true",
            "update false",
            "resolve now",
            "close"
        ]
    );
}

/// A callback may call the manual resolver: an update while a resolver is built reaches it, and one
/// at its end does not.
#[test]
fn callbacks_may_update() {
    let manual = ManualResolver::new("fleet");
    let (at_build, at_close) = (manual.clone(), manual.clone());
    let manual = manual
        .with_on_build(move |_, _| drop(at_build.update(list(at_build.built() as u8))))
        .with_on_close(move || {
            let mut update = at_close.update(list(9));
            assert_eq!(poll_update(&mut update), Poll::Ready(vec![]));
        });
    let mut first = build(&manual);
    assert_eq!(printed(&ready(&mut first)), [["192.0.2.1:50051"]]);
    drop(first);
    let mut second = build(&manual);
    assert_eq!(printed(&ready(&mut second)), [["192.0.2.9:50051"]]);
    assert_eq!(printed(&ready(&mut second)), [["192.0.2.2:50051"]]);
}
