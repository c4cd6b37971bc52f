//! The picture of shares: what each policy makes of the same three backends.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::fmt::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use trunkline_backoff::Rng;
use trunkline_benches::driver::Driver;
use trunkline_benches::policies::now;
use trunkline_endpoint::{Address, Endpoint};
use trunkline_lb::{AttemptOutcome, LoadReport, Pick, PickRequest, Picker, SubchannelId};
use trunkline_status::{Code, Status};

use crate::chart::{self, COLOURS};

/// The backends, with the time that each needs for a call.
const BACKENDS: [(&str, Duration); 3] = [
    ("A, one address", Duration::from_millis(5)),
    ("B, two addresses", Duration::from_millis(5)),
    ("C, four times slower", Duration::from_millis(20)),
];
/// How many calls arrive in a second, at random.
const RATE: f64 = 90.0;
/// How many users make them.
const USERS: usize = 1000;
/// How long the calls last, and when they begin to count: weights need some seconds.
const END: Duration = Duration::from_secs(240);
const COUNTED: Duration = Duration::from_secs(60);

/// The policies of the picture, with the config of each.
fn policies() -> [(&'static str, Value); 6] {
    let within = json!([{"round_robin": {}}]);
    [
        ("pick_first", json!({"pick_first": {}})),
        ("round_robin", json!({"round_robin": {}})),
        ("weighted_round_robin", json!({"weighted_round_robin": {}})),
        ("least_request", json!({"least_request_experimental": {}})),
        (
            "ring_hash",
            json!({"ring_hash_experimental": {"requestHashHeader": "x-user"}}),
        ),
        (
            "random_subsetting of 2",
            json!({"random_subsetting_experimental": {"subsetSize": 2, "childPolicy": within}}),
        ),
    ]
}

/// What one policy makes of the backends.
struct Outcome {
    name: &'static str,
    /// The share of each backend in the calls.
    shares: [f64; BACKENDS.len()],
    /// The time that 99 % of the calls do not exceed.
    slow: Duration,
}

/// Draws the shares.
pub(crate) fn draw() -> String {
    let outcomes: Vec<Outcome> = policies()
        .into_iter()
        .map(|(name, config)| Scenario::new(&json!([config])).run(name))
        .collect();
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = bars(&mut text, &outcomes);
    text
}

fn bars(text: &mut String, outcomes: &[Outcome]) -> fmt::Result {
    const LEFT: f64 = 170.0;
    const WIDTH: f64 = 480.0;
    const ROW: f64 = 30.0;
    const TOP: f64 = 62.0;
    let bottom = TOP + ROW * outcomes.len() as f64;
    let title = format!("Shares of three backends in {RATE} calls a second");
    chart::open(text, &title, LEFT + WIDTH + 110.0, bottom + 14.0)?;
    for (index, (name, _)) in BACKENDS.iter().enumerate() {
        let x = LEFT + 165.0 * index as f64;
        writeln!(
            text,
            "<rect x=\"{x}\" y=\"34\" width=\"12\" height=\"12\" fill=\"{}\"/>\
             <text x=\"{}\" y=\"44\">{name}</text>",
            COLOURS[index],
            x + 18.0
        )?;
    }
    writeln!(
        text,
        "<text x=\"{}\" y=\"44\">99 % within</text>",
        LEFT + WIDTH + 12.0
    )?;
    for (row, outcome) in outcomes.iter().enumerate() {
        let top = TOP + ROW * row as f64;
        let line = top + 15.0;
        writeln!(
            text,
            "<text x=\"{}\" y=\"{line}\" text-anchor=\"end\">{}</text>",
            LEFT - 10.0,
            outcome.name
        )?;
        let mut x = LEFT;
        for (share, colour) in outcome.shares.iter().zip(COLOURS) {
            let width = share * WIDTH;
            writeln!(
                text,
                "<rect x=\"{x:.1}\" y=\"{top}\" width=\"{width:.1}\" height=\"20\" fill=\"{colour}\"/>"
            )?;
            if *share > 0.06 {
                writeln!(
                    text,
                    "<text class=\"in\" x=\"{:.1}\" y=\"{line}\" text-anchor=\"middle\">{:.0} %</text>",
                    x + width / 2.0,
                    share * 100.0
                )?;
            }
            x += width;
        }
        writeln!(
            text,
            "<text x=\"{}\" y=\"{line}\">{} ms</text>",
            LEFT + WIDTH + 12.0,
            outcome.slow.as_millis()
        )?;
    }
    writeln!(text, "</svg>")
}

/// A client of the backends, in virtual time. Each backend serves one call after the other.
struct Scenario {
    driver: Driver,
    start: Instant,
    backends: Vec<Backend>,
    /// When a backend ends the call that it serves, with the number of the backend.
    ends: BinaryHeap<Reverse<(Instant, usize)>>,
    counts: [u64; BACKENDS.len()],
    times: Vec<Duration>,
}

/// The calls at one backend.
struct Backend {
    service: Duration,
    calls: VecDeque<Call>,
    /// When calls of the last second ended.
    ended: VecDeque<Instant>,
}

/// A call that is at a backend.
struct Call {
    picker: Arc<dyn Picker>,
    id: SubchannelId,
    arrived: Instant,
}

/// The addresses of each backend: the second has one of each family.
fn endpoints() -> Arc<[Endpoint]> {
    let v4 = |last| SocketAddr::from((IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)), 443));
    let v6 = SocketAddr::from((
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2)),
        443,
    ));
    [
        Endpoint::new([v4(1)]),
        Endpoint::new([v6, v4(2)]),
        Endpoint::new([v4(3)]),
    ]
    .into()
}

impl Scenario {
    fn new(config: &Value) -> Self {
        let start = now();
        let mut driver = Driver::new(config, 1).expect("a policy of the standard registry");
        driver.update(endpoints(), start);
        driver.connect_all(start);
        let backends = BACKENDS.map(|(_, service)| Backend {
            service,
            calls: VecDeque::new(),
            ended: VecDeque::new(),
        });
        Self {
            driver,
            start,
            backends: backends.into(),
            ends: BinaryHeap::new(),
            counts: [0; BACKENDS.len()],
            times: Vec::new(),
        }
    }

    fn run(mut self, name: &'static str) -> Outcome {
        let mut rng = Rng::from_seed(5);
        let mut at = Duration::ZERO;
        while at < END {
            at += Duration::from_secs_f64(-(1.0 - rng.fraction()).ln() / RATE);
            self.advance(self.start + at);
            self.call(rng.below(USERS) as u32, self.start + at);
        }
        self.times.sort();
        let total: u64 = self.counts.iter().sum();
        Outcome {
            name,
            shares: self.counts.map(|count| count as f64 / total as f64),
            slow: self.times[self.times.len() * 99 / 100],
        }
    }

    /// Ends the calls, and wakes the policy, up to `now`.
    fn advance(&mut self, now: Instant) {
        loop {
            let end = self.ends.peek().map(|Reverse((at, _))| *at);
            let timeout = self.driver.poll_timeout();
            let next = end.into_iter().chain(timeout).min();
            let Some(next) = next.filter(|next| *next <= now) else {
                return;
            };
            if timeout == Some(next) {
                self.driver.handle_timeout(next);
            } else if let Some(Reverse((at, backend))) = self.ends.pop() {
                self.end(backend, at);
            }
        }
    }

    fn call(&mut self, user: u32, now: Instant) {
        let name = HeaderName::from_static("x-user");
        let metadata = HeaderMap::from_iter([(name, HeaderValue::from(user))]);
        let request = PickRequest::new("/shop.Orders/Get", &metadata);
        let (picker, id) = loop {
            let picker = self.driver.picker();
            match picker.pick(&request) {
                Pick::Subchannel(id) | Pick::SubchannelAndExitIdle(id) => break (picker, id),
                Pick::ExitIdle => self.driver.exit_idle(now),
                other => panic!("expected a subchannel, found {other:?}"),
            }
            self.driver.connect_all(now);
        };
        let subchannel = self.driver.subchannel(id).expect("it was picked");
        let at = backend(&subchannel.address);
        let backend = &mut self.backends[at];
        if backend.calls.is_empty() {
            self.ends.push(Reverse((now + backend.service, at)));
        }
        backend.calls.push_back(Call {
            picker,
            id,
            arrived: now,
        });
        self.counts[at] += u64::from(now - self.start >= COUNTED);
    }

    /// Ends the call that a backend serves, with a report of its load, and begins the next one.
    fn end(&mut self, at: usize, now: Instant) {
        let backend = &mut self.backends[at];
        let call = backend
            .calls
            .pop_front()
            .expect("a backend ends a call that it serves");
        if !backend.calls.is_empty() {
            self.ends.push(Reverse((now + backend.service, at)));
        }
        if now - self.start >= COUNTED {
            self.times.push(now - call.arrived);
        }
        backend.ended.push_back(now);
        let second = Duration::from_secs(1);
        while backend
            .ended
            .front()
            .is_some_and(|ended| now - *ended > second)
        {
            backend.ended.pop_front();
        }
        let Some(tracker) = call.picker.tracker() else {
            return;
        };
        let calls = backend.ended.len() as f64;
        let report = LoadReport::default()
            .with_qps(calls)
            .with_application_utilization(calls * backend.service.as_secs_f64());
        let mut trailers = HeaderMap::new();
        report.add_to(&mut trailers);
        let status = Status::new(Code::Ok, "");
        let outcome = AttemptOutcome::new(&status)
            .with_trailers(&trailers)
            .with_headers(true)
            .with_latency(now - call.arrived)
            .with_ended_at(now)
            .with_sent(true);
        tracker.attempt_ended(call.id, &outcome);
    }
}

/// Returns the number of the backend with this address.
fn backend(address: &Address) -> usize {
    let by_address: BTreeMap<String, usize> = endpoints()
        .iter()
        .enumerate()
        .flat_map(|(at, endpoint)| {
            let addresses = endpoint.addresses().iter();
            addresses
                .map(move |address| (address.to_string(), at))
                .collect::<Vec<_>>()
        })
        .collect();
    by_address[&address.to_string()]
}
