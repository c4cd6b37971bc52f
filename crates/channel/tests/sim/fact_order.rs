//! The facts of a call are in order and exactly once, however the call and its attempts end.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join_all, select};
use h2::Reason;
use http::Request;
use http_body_util::{BodyExt, Either, Full};
use tower_service::Service;
use trunkline_backoff::Rng;
use trunkline_channel::{BearerToken, Channel, Direction, WaitForReady};
use trunkline_endpoint::Endpoint;
use trunkline_resolver::{ManualResolver, Resolution};
use trunkline_sim::{Backend, BackendOptions, CallReply, ConnectFate, Sim};

use crate::bodies::frames;
use crate::facts::{AttemptEnd, End, Fact, FactLog, Start, What};
use crate::hedging::HEDGING;
use crate::retries::RETRY;
use crate::world::{ROUND_ROBIN, address, builder, with_timeout};

const HOSTS: [u8; 3] = [1, 2, 3];

/// A message of five bytes, with its prefix.
const HELLO: &[u8] = b"\0\0\0\0\x05hello";

/// Where a call is dropped.
#[derive(Clone, Copy, Debug)]
enum Drop {
    BeforeFirstPoll,
    After(Duration),
    AfterHead,
    AfterFirstData,
    Never,
}

/// A channel to three backends with few streams, and the calls of one run.
struct World {
    sim: Sim,
    rng: Rng,
    backends: [Backend; 3],
    names: ManualResolver,
    channel: Channel,
    log: FactLog,
    calls: usize,
}

/// One call of a run.
struct Plan {
    number: usize,
    drop: Drop,
    timeout: &'static str,
    is_streaming: bool,
    waits_for_ready: bool,
}

fn endpoints(hosts: &[u8]) -> Resolution {
    let endpoints = hosts.iter().map(|host| Endpoint::new([address(*host)]));
    Resolution::new(endpoints.collect::<Vec<_>>())
}

impl World {
    fn new(seed: u64) -> Self {
        let sim = Sim::new(seed);
        let backends = HOSTS.map(|host| sim.backend(address(host)));
        for backend in &backends {
            backend.set_options(BackendOptions::default().with_max_concurrent_streams(2));
        }
        let names = ManualResolver::new("fleet");
        let log = FactLog::new(&sim);
        let configs = [RETRY, HEDGING, ROUND_ROBIN, "{}"];
        let scaling = r#"{"connectionScaling": {"maxConnectionsPerSubchannel": 2}, "#;
        let config = configs[usize::try_from(seed % 4).expect("a small number")];
        let config = match config.strip_prefix('{') {
            Some(rest) if rest.len() > 1 => format!("{scaling}{rest}"),
            _ => config.to_owned(),
        };
        let mut builder = builder(&sim, "fleet:///x")
            .resolver(names.clone())
            .default_service_config(config)
            .observer(log.clone());
        if seed.is_multiple_of(3) {
            builder = builder.call_credentials(BearerToken::new("abc").allow_plaintext());
        }
        Self {
            channel: builder.build().expect("a channel"),
            sim,
            rng: Rng::from_seed(seed),
            backends,
            names,
            log,
            calls: 0,
        }
    }

    /// Returns a random number below `sides`.
    fn roll(&mut self, sides: u64) -> u64 {
        self.rng.next_seed() % sides
    }

    /// Makes one random change.
    fn change_something(&mut self) {
        let at = usize::try_from(self.roll(3)).expect("a small number");
        let host = address(HOSTS[at]);
        match self.roll(12) {
            0 => self.backends[at].kill(),
            1 => self.backends[at].stop_gracefully(),
            2 | 3 => self.backends[at].restart(),
            4 => self.sim.net().set_fate(host, ConnectFate::Refuse),
            5 | 6 => self.sim.net().set_fate(host, ConnectFate::Ordinary),
            7 => drop(self.names.update(endpoints(&HOSTS[at..]))),
            _ => {
                let delay = Duration::from_millis(self.roll(900));
                let reply = match self.roll(7) {
                    0 => CallReply::Never,
                    1 | 2 => CallReply::ResetStream(Reason::REFUSED_STREAM.into()),
                    3 => CallReply::GoAway,
                    4 => CallReply::DropConnection,
                    5 => CallReply::Status {
                        code: 14,
                        message: "scripted".into(),
                    },
                    _ => CallReply::Echo,
                };
                self.backends[at].push_reply(reply.after(delay));
            }
        }
    }

    fn next_call(&mut self) -> Plan {
        self.calls += 1;
        Plan {
            number: self.calls,
            drop: match self.roll(8) {
                0 => Drop::BeforeFirstPoll,
                1 | 2 => Drop::After(Duration::from_millis(self.roll(700))),
                3 => Drop::AfterHead,
                4 => Drop::AfterFirstData,
                _ => Drop::Never,
            },
            timeout: ["0n", "20m", "600m", "5S"][usize::try_from(self.roll(4)).expect("small")],
            is_streaming: self.roll(2) == 0,
            waits_for_ready: self.roll(3) == 0,
        }
    }

    /// Makes a call, and drops it where the plan has it.
    async fn make(&self, plan: &Plan) {
        let hello = Bytes::from_static(HELLO);
        let body = if plan.is_streaming {
            let pieces = [hello.slice(..3), hello.slice(3..), hello];
            let pieces = pieces.map(|piece| Ok(http_body::Frame::data(piece)));
            Either::Left(frames(pieces.into()))
        } else {
            let body = Full::new(hello).map_err(|never| match never {});
            Either::Right(body)
        };
        let request = Request::post(format!("/test.Echo/Say{}", plan.number));
        let request = request.body(body).expect("a valid request");
        let mut request = with_timeout(request, plan.timeout);
        if plan.waits_for_ready {
            request.extensions_mut().insert(WaitForReady(true));
        }
        let calling = self.channel.clone().call(request);
        let reading = async {
            let Ok(response) = calling.await;
            let mut body = response.into_body();
            let frames = match plan.drop {
                Drop::AfterHead => 0,
                Drop::AfterFirstData => 1,
                _ => usize::MAX,
            };
            for _ in 0..frames {
                if body.frame().await.is_none() {
                    return;
                }
            }
        };
        match plan.drop {
            Drop::BeforeFirstPoll => drop(reading),
            Drop::After(time) => {
                select(pin!(reading), pin!(self.sim.sleep(time))).await;
            }
            _ => reading.await,
        }
    }
}

/// What a test knows of one attempt that has not ended.
struct OpenAttempt {
    start: Start,
    started_at: Duration,
    is_injected: bool,
    is_pick_delayed: bool,
    sent: Option<End>,
    /// The messages that were sent and received.
    messages: (u64, u64),
}

/// Checks the facts of one call.
#[track_caller]
fn check(facts: &[&Fact], is_traced: bool) {
    let text = || {
        let texts = facts.iter().map(|fact| format!("\n    {fact}"));
        texts.collect::<String>()
    };
    let (first, last) = (facts[0], facts[facts.len() - 1]);
    assert_eq!(first.what, What::CallStarted, "{}", text());
    let What::CallEnded(end) = &last.what else {
        panic!("the call does not end: {}", text())
    };
    assert_eq!(end.latency, last.at - first.at, "{}", text());
    let mut open = BTreeMap::<u32, OpenAttempt>::new();
    let (mut started, mut sent, mut is_resolved) = (0, 0, false);
    let (mut retries, mut transparent, mut hedges) = (0, 0, 0);
    let (mut idle_since, mut idle) = (None, Duration::ZERO);
    for fact in &facts[1..facts.len() - 1] {
        let attempt = |number: &u32| open.get(number).unwrap_or_else(|| panic!("{}", text()));
        match &fact.what {
            What::CallStarted | What::CallEnded(_) => panic!("twice: {}", text()),
            What::ResolutionDelayed(waited) => {
                assert!(!is_resolved && started == 0, "{}", text());
                assert!(*waited <= fact.at - first.at, "{}", text());
                is_resolved = true;
            }
            What::AttemptStarted(start) => {
                started += 1;
                assert_eq!(start.number, started, "{}", text());
                match start {
                    _ if start.is_transparent => transparent += 1,
                    _ if started == 1 => {}
                    _ if start.is_hedged => hedges += 1,
                    _ => retries += 1,
                }
                if let Some(since) = idle_since.take() {
                    idle += fact.at - since;
                }
                let attempt = OpenAttempt {
                    start: *start,
                    started_at: fact.at,
                    is_injected: false,
                    is_pick_delayed: false,
                    sent: None,
                    messages: (0, 0),
                };
                open.insert(start.number, attempt);
            }
            What::PickDelayed(number, waited) => {
                assert_eq!(*waited, fact.at - attempt(number).started_at, "{}", text());
                let attempt = open.get_mut(number).expect("an attempt");
                assert!(
                    !attempt.is_pick_delayed && attempt.sent.is_none(),
                    "{}",
                    text()
                );
                attempt.is_pick_delayed = true;
            }
            What::Inject(number) => {
                assert!(attempt(number).sent.is_none(), "{}", text());
                open.get_mut(number).expect("an attempt").is_injected = true;
            }
            What::AttemptSent(number, to, waited) => {
                let own = attempt(number);
                assert!(
                    own.sent.is_none() && own.is_injected == is_traced,
                    "{}",
                    text()
                );
                assert_eq!(*waited, fact.at - own.started_at, "{}", text());
                open.get_mut(number).expect("an attempt").sent = Some(to.clone());
                sent += 1;
            }
            What::Message(message) => {
                assert!(attempt(&message.number).sent.is_some(), "{}", text());
                let attempt = open.get_mut(&message.number).expect("an attempt");
                let count = match message.direction {
                    Direction::Sent => &mut attempt.messages.0,
                    Direction::Received => &mut attempt.messages.1,
                };
                assert_eq!((message.sequence, message.bytes), (*count, 5), "{}", text());
                *count += 1;
            }
            What::AttemptEnded(end) => {
                let attempt = open.remove(&end.start.number);
                let attempt = attempt.unwrap_or_else(|| panic!("{}", text()));
                check_end(&attempt, end, fact.at, is_traced, &text);
                if open.is_empty() {
                    idle_since = Some(fact.at);
                }
            }
        }
    }
    assert!(open.is_empty(), "{}", text());
    assert_eq!(
        (
            end.attempts,
            end.retries,
            end.transparent_retries,
            end.hedges
        ),
        (sent, retries, transparent, hedges),
        "{}",
        text()
    );
    assert_eq!(end.retry_delay, idle, "{}", text());
}

/// Checks the end of one attempt.
#[track_caller]
fn check_end(
    attempt: &OpenAttempt,
    end: &AttemptEnd,
    at: Duration,
    is_traced: bool,
    text: &dyn Fn() -> String,
) {
    let expected = AttemptEnd {
        start: attempt.start,
        started_at: attempt.started_at,
        code: end.code,
        sent: attempt.sent.clone(),
        was_sent: attempt.sent.is_some(),
        was_dropped: end.was_dropped,
        latency: at - attempt.started_at,
        messages: if is_traced {
            attempt.messages
        } else {
            end.messages
        },
        bytes: end.bytes,
    };
    assert_eq!(*end, expected, "{}", text());
    assert!(end.bytes.0 <= end.messages.0 * 10, "{}", text());
    assert!(end.bytes.1 <= end.messages.1 * 10 + 4, "{}", text());
}

/// Each call that starts ends once, and so does each of its attempts, before it. An attempt has another
/// end exactly if it was sent. The totals of the call are those of its attempts. A trace receives
/// what the observer receives.
#[test]
fn facts_are_in_order_and_exactly_once() {
    let mut seen = BTreeSet::new();
    for seed in 0..100 {
        let mut world = World::new(seed);
        for round in 0..12 {
            if round == 1 {
                world.names.update(endpoints(&HOSTS));
            }
            world.change_something();
            let count = world.roll(9);
            let plans: Vec<Plan> = (0..count).map(|_| world.next_call()).collect();
            let pause = Duration::from_millis(world.roll(300));
            world.sim.run(async {
                join_all(plans.iter().map(|plan| world.make(plan))).await;
                world.sim.sleep(pause).await;
            });
        }
        let observed = std::mem::take(&mut *world.log.observed.lock());
        let traced = world.log.traced.as_ref().expect("a trace");
        let traced = std::mem::take(&mut *traced.lock());
        let by_path = |facts| {
            let mut calls = BTreeMap::<&str, Vec<&Fact>>::new();
            for fact in facts {
                let fact: &Fact = fact;
                calls.entry(&fact.path).or_default().push(fact);
            }
            calls
        };
        let (observed, traced) = (by_path(&observed), by_path(&traced));
        assert!(observed.len() > 20, "seed {seed}: {} calls", observed.len());
        assert_eq!(observed.len(), traced.len(), "seed {seed}");
        for (path, facts) in &traced {
            check(facts, true);
            check(&observed[path], false);
            let is_shared = |fact: &&&Fact| {
                let of_trace = matches!(
                    fact.what,
                    What::ResolutionDelayed(_)
                        | What::PickDelayed(..)
                        | What::Inject(_)
                        | What::Message(_)
                );
                !of_trace
            };
            let shared: Vec<&Fact> = facts.iter().filter(is_shared).copied().collect();
            assert_eq!(shared, observed[path], "seed {seed}");
            seen.extend(facts.iter().flat_map(|fact| kinds(fact)));
        }
    }
    let expected = BTreeSet::from([
        "a dropped attempt",
        "a hedge",
        "a message that was received",
        "a pick that was delayed",
        "a resolution that was delayed",
        "a retry",
        "a transparent retry",
        "a wait in line",
        "an attempt that was never sent",
        "another connection",
    ]);
    assert_eq!(seen, expected, "what the runs show");
}

/// Returns what is rare of a fact, so that the test sees that it occurs.
fn kinds(fact: &Fact) -> Vec<&'static str> {
    match &fact.what {
        What::ResolutionDelayed(_) => vec!["a resolution that was delayed"],
        What::PickDelayed(..) => vec!["a pick that was delayed"],
        What::Message(message) if message.direction == Direction::Received => {
            vec!["a message that was received"]
        }
        What::AttemptSent(_, to, waited) => {
            let mut kinds = Vec::new();
            if *waited > Duration::from_millis(300) {
                kinds.push("a wait in line");
            }
            if to.connection != "1" {
                kinds.push("another connection");
            }
            kinds
        }
        What::AttemptEnded(end) if end.sent.is_none() => vec!["an attempt that was never sent"],
        What::AttemptEnded(end) if end.was_dropped => vec!["a dropped attempt"],
        What::CallEnded(end) => {
            let counts = [
                (end.retries, "a retry"),
                (end.transparent_retries, "a transparent retry"),
                (end.hedges, "a hedge"),
            ];
            let counts = counts.into_iter().filter(|(count, _)| *count > 0);
            counts.map(|(_, kind)| kind).collect()
        }
        _ => Vec::new(),
    }
}
