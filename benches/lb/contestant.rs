//! What is measured: the pickers of our policies, the floor, and tower's balancer.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use arc_swap::ArcSwap;
use futures_util::FutureExt;
use http::HeaderMap;
use tower::Service;
use tower::balance::p2c::Balance;
use tower::discover::ServiceList;
use tower::load::{CompleteOnResponse, PendingRequests};
use trunkline_lb::{AttemptOutcome, Pick, PickRequest, Picker, SubchannelId};
use trunkline_status::{Code, Status};

/// Something that chooses a backend for each call.
pub(crate) trait Contestant: Sync {
    /// Makes a pick for each of `calls`, and replaces its content by what is needed at its end.
    fn pick(&self, requests: &[HeaderMap], calls: &mut [Option<SubchannelId>]);

    /// Ends the calls that were picked; does nothing if nothing depends on their ends.
    fn end(&self, _calls: &[Option<SubchannelId>]) {}

    /// Whether `end` does something.
    fn has_ends(&self) -> bool {
        false
    }
}

/// The least that a balancer with a list that can be replaced needs: a load of the list, and one
/// counter that all threads share.
pub(crate) struct Floor {
    list: ArcSwap<Vec<SubchannelId>>,
    next: AtomicUsize,
}

impl Floor {
    pub(crate) fn new(list: Vec<SubchannelId>) -> Self {
        Self {
            list: ArcSwap::from_pointee(list),
            next: AtomicUsize::new(0),
        }
    }
}

impl Contestant for Floor {
    fn pick(&self, requests: &[HeaderMap], calls: &mut [Option<SubchannelId>]) {
        for (call, metadata) in calls.iter_mut().zip(requests.iter().cycle()) {
            black_box(PickRequest::new("/shop.Orders/Get", metadata));
            let list = self.list.load();
            let turn = self.next.fetch_add(1, Ordering::Relaxed);
            *call = Some(list[turn % list.len()]);
        }
    }
}

/// A picker behind an `ArcSwap`, as a channel's snapshot is.
pub(crate) struct Published {
    picker: ArcSwap<Arc<dyn Picker>>,
    /// The header list that ends each call.
    trailers: HeaderMap,
    /// When each call ends.
    start: Instant,
}

impl Published {
    pub(crate) fn new(picker: Arc<dyn Picker>, trailers: HeaderMap, start: Instant) -> Self {
        Self {
            picker: ArcSwap::from_pointee(picker),
            trailers,
            start,
        }
    }
}

impl Contestant for Published {
    fn pick(&self, requests: &[HeaderMap], calls: &mut [Option<SubchannelId>]) {
        for (call, metadata) in calls.iter_mut().zip(requests.iter().cycle()) {
            let request = PickRequest::new("/shop.Orders/Get", metadata);
            *call = match self.picker.load().pick(black_box(&request)) {
                Pick::Subchannel(id) | Pick::SubchannelAndExitIdle(id) => Some(id),
                _ => None,
            };
        }
    }

    fn end(&self, calls: &[Option<SubchannelId>]) {
        let picker = self.picker.load();
        let Some(tracker) = picker.tracker() else {
            return;
        };
        let status = Status::new(Code::Ok, "");
        let outcome = AttemptOutcome::new(&status)
            .with_trailers(&self.trailers)
            .with_ended_at(self.start)
            .with_headers(true)
            .with_sent(true);
        for id in calls.iter().flatten() {
            tracker.attempt_ended(*id, &outcome);
        }
    }

    fn has_ends(&self) -> bool {
        self.picker.load().tracker().is_some()
    }
}

/// tower's balancer: the less loaded of two random services, by requests in flight. It needs `&mut
/// self`, so that threads which share one need a lock.
pub(crate) struct P2c {
    balance: Mutex<Balance<ServiceList<Vec<Backend>>, ()>>,
}

type Backend = PendingRequests<Answer, CompleteOnResponse>;

/// A service that answers at once, with its number.
pub(crate) struct Answer(SubchannelId);

impl Service<()> for Answer {
    type Response = SubchannelId;
    type Error = Infallible;
    type Future = Ready<Result<SubchannelId, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        ready(Ok(self.0))
    }
}

impl P2c {
    pub(crate) fn new(list: Vec<SubchannelId>) -> Self {
        let services = list.into_iter().map(|id| {
            let completion = CompleteOnResponse::default();
            PendingRequests::new(Answer(id), completion)
        });
        let list = ServiceList::new(services.collect::<Vec<Backend>>());
        Self {
            balance: Mutex::new(Balance::new(list)),
        }
    }
}

impl Contestant for P2c {
    fn pick(&self, _: &[HeaderMap], calls: &mut [Option<SubchannelId>]) {
        let context = &mut Context::from_waker(Waker::noop());
        for call in calls {
            let mut balance = self.balance.lock().expect("a thread that did not panic");
            let is_ready = balance.poll_ready(context);
            assert!(matches!(is_ready, Poll::Ready(Ok(()))));
            let answer = balance.call(()).now_or_never();
            *call = answer.and_then(Result::ok);
        }
    }
}
