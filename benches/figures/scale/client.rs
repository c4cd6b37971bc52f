//! One client of the service: a policy, the pace of its resolver, and its connection attempts.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use http::HeaderMap;
use serde_json::Value;
use trunkline_backoff::{Backoff, BackoffPolicy, Rng};
use trunkline_benches::driver::{Driver, number};
use trunkline_lb::{AttemptOutcome, LoadReport, Pick, PickRequest, SubchannelId, SubchannelState};
use trunkline_resolver::{Pacer, Pacing, Verdict};
use trunkline_status::{Code, Status};

use super::tally::{SAMPLE, Tally};
use super::world::{END, TTL, World, capacity};

/// How long a handshake takes, and how long it takes until a dial is refused.
const HANDSHAKE: Duration = Duration::from_millis(2);
const REFUSAL: Duration = Duration::from_millis(1);
/// The questions of one resolution: A and AAAA.
const QUESTIONS: u64 = 2;
/// The calls that a client makes whenever the load is measured.
const CALLS: usize = 1_000;

/// What happens to a subchannel at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// Its connection attempt ends.
    Answer(SubchannelId),
    /// Its back-off ends.
    BackoffEnd(SubchannelId),
}

/// A client in virtual time. Clients do not affect each other, so each runs alone.
pub(crate) struct Client<'a> {
    world: &'a World,
    driver: Driver,
    pacer: Pacer,
    rng: Rng,
    /// When virtual time began.
    start: Instant,
    events: BinaryHeap<Reverse<(Duration, Event)>>,
    /// The back-off of each subchannel by index, with the time of its next attempt.
    backoffs: Vec<Option<(SubchannelId, Backoff, Instant)>>,
    /// The trailers of calls, by the capacity of the backend: 1 or 2.
    trailers: [HeaderMap; 2],
}

impl<'a> Client<'a> {
    /// Creates a client that begins to resolve at `at`.
    pub(crate) fn new(
        world: &'a World,
        config: &Value,
        seed: u64,
        start: Instant,
        at: Duration,
    ) -> Self {
        let mut rng = Rng::from_seed(seed);
        let driver = Driver::new(config, rng.next_seed());
        let trailers = [1.0, 2.0].map(|capacity| {
            let mut trailers = HeaderMap::new();
            // A backend of twice the capacity handles twice the calls at the same utilization.
            let report = LoadReport::default().with_application_utilization(0.5);
            report.with_qps(100.0 * capacity).add_to(&mut trailers);
            trailers
        });
        Self {
            world,
            driver: driver.expect("a policy of the standard registry"),
            pacer: Pacer::new(Pacing::default(), rng.next_seed(), start + at),
            rng,
            start,
            events: BinaryHeap::new(),
            backoffs: Vec::new(),
            trailers,
        }
    }

    /// Runs the client to the end.
    pub(crate) fn run(mut self, tally: &mut Tally) {
        let mut now = Duration::ZERO;
        let mut samples = 0;
        loop {
            let since = |at: Instant| at - self.start;
            let sample = SAMPLE * (samples + 1);
            let next = [
                self.events.peek().map(|Reverse((at, _))| *at),
                self.pacer.poll_timeout().map(since),
                self.driver.poll_timeout().map(since),
                self.world.next_stop(now),
                Some(sample),
            ];
            now = next.into_iter().flatten().min().unwrap_or(END).max(now);
            if now >= END {
                return;
            }
            let before = self.driver.ready_count();
            self.stop(now);
            self.resolve(now, tally);
            self.handle_events(now, tally);
            if self
                .driver
                .poll_timeout()
                .is_some_and(|at| at <= self.start + now)
            {
                self.driver.handle_timeout(self.start + now);
            }
            self.dial(now, tally);
            tally.count_connections(now, before, self.driver.ready_count());
            if now == sample {
                self.call(samples as usize, now, tally);
                samples += 1;
            }
        }
    }

    /// Ends the connections to backends that stop now.
    fn stop(&mut self, now: Duration) {
        let is_stop = self
            .world
            .next_stop(now.saturating_sub(Duration::from_nanos(1)));
        if is_stop != Some(now) {
            return;
        }
        let lost = self.driver.subchannels().filter(|subchannel| {
            subchannel.is_ready && !self.world.is_up(number(&subchannel.address), now)
        });
        let lost: Vec<SubchannelId> = lost.map(|subchannel| subchannel.id).collect();
        for id in lost {
            self.driver.set(id, SubchannelState::Idle, self.start + now);
        }
        self.driver.settle(self.start + now);
    }

    /// Resolves the name if that is due.
    fn resolve(&mut self, now: Duration, tally: &mut Tally) {
        if self.driver.take_reresolution() {
            self.pacer.resolve_now();
        }
        if self.pacer.poll_start(self.start + now) {
            tally.count_questions(now, QUESTIONS);
            let answer = self.world.answer(now).clone();
            self.pacer.handle_success(Some(TTL), self.start + now);
            self.driver.update(answer, self.start + now);
            self.pacer
                .handle_verdict(Verdict::Accepted, self.start + now);
        }
    }

    fn handle_events(&mut self, now: Duration, tally: &mut Tally) {
        let mut has_events = false;
        while let Some(Reverse((at, event))) = self.events.peek().copied()
            && at <= now
        {
            self.events.pop();
            has_events = true;
            self.handle_event(event, now, tally);
        }
        if has_events {
            self.driver.settle(self.start + now);
        }
    }

    fn handle_event(&mut self, event: Event, now: Duration, tally: &mut Tally) {
        let (Event::Answer(id) | Event::BackoffEnd(id)) = event;
        let Some(subchannel) = self.driver.subchannel(id) else {
            return;
        };
        let is_up = self.world.is_up(number(&subchannel.address), now);
        let state = match event {
            Event::BackoffEnd(_) => SubchannelState::Idle,
            Event::Answer(_) if is_up => {
                self.backoffs[id.index()] = None;
                SubchannelState::Ready
            }
            Event::Answer(_) => {
                tally.count_failure(now);
                let retry = match &self.backoffs[id.index()] {
                    Some((_, _, next)) => *next - self.start,
                    None => now,
                };
                let retry = retry.max(now);
                self.events.push(Reverse((retry, Event::BackoffEnd(id))));
                SubchannelState::TransientFailure(Status::unavailable("connection refused"))
            }
        };
        self.driver.set(id, state, self.start + now);
    }

    /// Starts the connection attempts that the policy asks for.
    fn dial(&mut self, now: Duration, tally: &mut Tally) {
        let dials = self.driver.take_dials();
        tally.count_dials(now, dials.len());
        for id in dials {
            if self.backoffs.len() <= id.index() {
                self.backoffs.resize_with(id.index() + 1, || None);
            }
            let slot = &mut self.backoffs[id.index()];
            let own = slot.take().filter(|(owner, ..)| *owner == id);
            let seed = self.rng.next_seed();
            let mut backoff = own.map_or_else(
                || Backoff::new(BackoffPolicy::default(), seed),
                |(_, backoff, _)| backoff,
            );
            let next = backoff.next_attempt(self.start + now);
            *slot = Some((id, backoff, next));
            let address = self
                .driver
                .subchannel(id)
                .map(|found| number(&found.address));
            let is_up = address.is_some_and(|backend| self.world.is_up(backend, now));
            let end = now + if is_up { HANDSHAKE } else { REFUSAL };
            self.events.push(Reverse((end, Event::Answer(id))));
        }
    }

    /// Makes calls, to measure the load of the backends. Each ends with a report.
    fn call(&mut self, sample: usize, now: Duration, tally: &mut Tally) {
        let picker = self.driver.picker();
        let tracker = picker.tracker();
        let metadata = HeaderMap::new();
        let request = PickRequest::new("/shop.Orders/Get", &metadata);
        let status = Status::new(Code::Ok, "");
        for _ in 0..CALLS {
            let Pick::Subchannel(id) = picker.pick(&request) else {
                continue;
            };
            let Some(subchannel) = self.driver.subchannel(id) else {
                continue;
            };
            let backend = number(&subchannel.address);
            tally.count_call(sample, backend);
            if let Some(tracker) = tracker {
                let is_large = capacity(backend) > 1.0;
                let outcome = AttemptOutcome::new(&status)
                    .with_trailers(&self.trailers[usize::from(is_large)])
                    .with_headers(true)
                    .with_ended_at(self.start + now)
                    .with_sent(true);
                tracker.attempt_ended(id, &outcome);
            }
        }
    }
}
