//! What observers and traces receive of calls, as values that tests compare.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue};
use trunkline_channel::{
    AttemptEnded, AttemptSent, AttemptStarted, CallEnded, CallStarted, CallTrace, ChannelEvent,
    Direction, MessageFact, Observer, SentTo,
};
use trunkline_runtime::{Lock, PeerAddr, Runtime};
use trunkline_sim::Sim;
use trunkline_status::Code;

/// The header that a [`FactLog`] with traces adds to each attempt: the number of the attempt.
pub(crate) const SPAN: &str = "x-span";

/// One fact of a call. Times are from the start of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) at: Duration,
    pub(crate) path: String,
    pub(crate) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    CallStarted,
    /// How long the call waited.
    ResolutionDelayed(Duration),
    AttemptStarted(Start),
    /// The number of the attempt, and how long it waited.
    PickDelayed(u32, Duration),
    /// The number of the attempt.
    Inject(u32),
    /// The number of the attempt, the other end, and how long it waited.
    AttemptSent(u32, End, Duration),
    Message(MessageFact),
    AttemptEnded(AttemptEnd),
    CallEnded(CallEnd),
}

/// The start of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) number: u32,
    pub(crate) previous: u32,
    pub(crate) is_transparent: bool,
    pub(crate) is_hedged: bool,
}

/// The other end of an attempt: the number of the host, and that of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) host: u8,
    pub(crate) connection: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AttemptEnd {
    pub(crate) start: Start,
    pub(crate) started_at: Duration,
    pub(crate) code: Code,
    pub(crate) sent: Option<End>,
    pub(crate) was_sent: bool,
    pub(crate) was_dropped: bool,
    pub(crate) latency: Duration,
    /// The messages that were sent and received.
    pub(crate) messages: (u64, u64),
    /// Their bytes, with the prefixes.
    pub(crate) bytes: (u64, u64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallEnd {
    pub(crate) code: Code,
    pub(crate) latency: Duration,
    /// The attempts that were sent.
    pub(crate) attempts: u32,
    pub(crate) retries: u32,
    pub(crate) transparent_retries: u32,
    pub(crate) hedges: u32,
    pub(crate) retry_delay: Duration,
}

impl fmt::Display for Fact {
    /// Prints the time in milliseconds, and the fact without its path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.at.as_millis())?;
        match &self.what {
            What::CallStarted => f.write_str("call"),
            What::ResolutionDelayed(waited) => write!(f, "resolved after {}", waited.as_millis()),
            What::AttemptStarted(start) => {
                write!(f, "{} starts, {} before", start.number, start.previous)?;
                if start.is_transparent {
                    f.write_str(", transparent")?;
                }
                if start.is_hedged {
                    f.write_str(", hedged")?;
                }
                Ok(())
            }
            What::PickDelayed(number, waited) => {
                write!(f, "{number} picked after {}", waited.as_millis())
            }
            What::Inject(number) => write!(f, "{number} gets headers"),
            What::AttemptSent(number, end, waited) => {
                write!(f, "{number} sent to {end} after {}", waited.as_millis())
            }
            What::Message(message) => {
                let verb = match message.direction {
                    Direction::Sent => "sends",
                    Direction::Received => "receives",
                };
                let MessageFact {
                    number,
                    sequence,
                    bytes,
                    is_compressed,
                    ..
                } = message;
                write!(f, "{number} {verb} message {sequence}, {bytes} bytes")?;
                if *is_compressed {
                    f.write_str(", compressed")?;
                }
                Ok(())
            }
            What::AttemptEnded(end) => {
                let AttemptEnd { start, code, .. } = end;
                let latency = end.latency.as_millis();
                write!(f, "{} ends with {code} after {latency}", start.number)?;
                match &end.sent {
                    None => f.write_str(", unsent"),
                    Some(end) => write!(f, " at {end}"),
                }?;
                if end.was_dropped {
                    f.write_str(", dropped")?;
                }
                if end.messages != (0, 0) {
                    write!(f, ", {:?} messages, {:?} bytes", end.messages, end.bytes)?;
                }
                Ok(())
            }
            What::CallEnded(end) => {
                write!(f, "call ends with {} after ", end.code)?;
                write!(f, "{}, {} sent", end.latency.as_millis(), end.attempts)?;
                for (count, name) in [
                    (end.retries, "retries"),
                    (end.transparent_retries, "transparent"),
                    (end.hedges, "hedges"),
                ] {
                    if count > 0 {
                        write!(f, ", {count} {name}")?;
                    }
                }
                if !end.retry_delay.is_zero() {
                    write!(f, ", {} idle", end.retry_delay.as_millis())?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.connection)
    }
}

impl End {
    fn of(to: &SentTo<'_>) -> Self {
        let PeerAddr::Ip(SocketAddr::V4(peer)) = to.peer else {
            panic!("no host: {}", to.peer)
        };
        Self {
            host: peer.ip().octets()[3],
            connection: to.connection.to_string(),
        }
    }
}

impl Start {
    fn of(attempt: &AttemptStarted<'_>) -> Self {
        Self {
            number: attempt.number,
            previous: attempt.previous_attempts,
            is_transparent: attempt.is_transparent_retry,
            is_hedged: attempt.is_hedged,
        }
    }
}

/// The facts of a channel's calls, in their order: those that the observer receives, and those that
/// its traces receive.
#[derive(Clone, Debug)]
pub(crate) struct FactLog {
    runtime: Arc<dyn Runtime>,
    start: Instant,
    pub(crate) observed: Arc<Lock<Vec<Fact>>>,
    /// `None` if no call is traced.
    pub(crate) traced: Option<Arc<Lock<Vec<Fact>>>>,
}

impl FactLog {
    /// Returns a log of an observer that traces no call.
    pub(crate) fn untraced(sim: &Sim) -> Self {
        let runtime = sim.runtime();
        Self {
            start: runtime.now(),
            runtime,
            observed: Arc::default(),
            traced: None,
        }
    }

    /// Returns a log of an observer that traces each call.
    pub(crate) fn new(sim: &Sim) -> Self {
        Self {
            traced: Some(Arc::default()),
            ..Self::untraced(sim)
        }
    }

    /// Takes the facts that the observer received, as texts.
    pub(crate) fn take_observed(&self) -> Vec<String> {
        texts(&self.observed)
    }

    /// Takes the facts that the traces received, as texts.
    pub(crate) fn take_traced(&self) -> Vec<String> {
        self.traced.as_deref().map(texts).unwrap_or_default()
    }

    fn since_start(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.start)
    }

    fn add(&self, log: &Lock<Vec<Fact>>, path: &str, what: What) {
        let at = self.since_start(self.runtime.now());
        let path = path.to_owned();
        log.lock().push(Fact { at, path, what });
    }

    fn end_of_attempt(&self, attempt: &AttemptEnded<'_>) -> What {
        let outcome = &attempt.outcome;
        if let Some(sent) = &attempt.sent {
            assert_eq!(attempt.picked, Some(sent.subchannel));
        }
        What::AttemptEnded(AttemptEnd {
            start: Start::of(&attempt.started),
            started_at: self.since_start(attempt.started.at),
            code: outcome.status.code(),
            sent: attempt.sent.as_ref().map(End::of),
            was_sent: outcome.was_sent,
            was_dropped: outcome.was_dropped,
            latency: attempt.latency,
            messages: (outcome.messages_sent, outcome.messages_received),
            bytes: (outcome.bytes_sent, outcome.bytes_received),
        })
    }
}

fn texts(log: &Lock<Vec<Fact>>) -> Vec<String> {
    let facts = std::mem::take(&mut *log.lock());
    facts.iter().map(Fact::to_string).collect()
}

fn sent(attempt: &AttemptSent<'_>) -> What {
    What::AttemptSent(attempt.number, End::of(&attempt.to), attempt.waited)
}

fn end_of_call(call: &CallEnded<'_>) -> What {
    What::CallEnded(CallEnd {
        code: call.status.code(),
        latency: call.latency,
        attempts: call.attempts,
        retries: call.retries,
        transparent_retries: call.transparent_retries,
        hedges: call.hedges,
        retry_delay: call.retry_delay,
    })
}

impl Observer for FactLog {
    fn observe(&self, _: &ChannelEvent, _: Instant) {}

    fn call_started(&self, call: &CallStarted<'_>) {
        self.add(&self.observed, call.path, What::CallStarted);
    }

    fn trace_call(&self, call: &CallStarted<'_>) -> Option<Box<dyn CallTrace>> {
        let facts = Arc::clone(self.traced.as_ref()?);
        self.add(&facts, call.path, What::CallStarted);
        Some(Box::new(Trace {
            log: self.clone(),
            path: call.path.to_owned(),
            facts,
        }))
    }

    fn attempt_started(&self, attempt: &AttemptStarted<'_>) {
        let what = What::AttemptStarted(Start::of(attempt));
        self.add(&self.observed, attempt.path, what);
    }

    fn attempt_sent(&self, attempt: &AttemptSent<'_>) {
        self.add(&self.observed, attempt.path, sent(attempt));
    }

    fn attempt_ended(&self, attempt: &AttemptEnded<'_>) {
        let what = self.end_of_attempt(attempt);
        self.add(&self.observed, attempt.started.path, what);
    }

    fn call_ended(&self, call: &CallEnded<'_>) {
        self.add(&self.observed, call.path, end_of_call(call));
    }
}

/// The trace of one call.
#[derive(Debug)]
struct Trace {
    log: FactLog,
    path: String,
    facts: Arc<Lock<Vec<Fact>>>,
}

impl Trace {
    fn add(&self, what: What) {
        self.log.add(&self.facts, &self.path, what);
    }
}

impl CallTrace for Trace {
    fn resolution_delayed(&self, waited: Duration, _: Instant) {
        self.add(What::ResolutionDelayed(waited));
    }

    fn attempt_started(&self, attempt: &AttemptStarted<'_>) {
        self.add(What::AttemptStarted(Start::of(attempt)));
    }

    fn pick_delayed(&self, number: u32, waited: Duration, _: Instant) {
        self.add(What::PickDelayed(number, waited));
    }

    fn inject(&self, number: u32, headers: &mut HeaderMap) {
        headers.insert(SPAN, HeaderValue::from(number));
        self.add(What::Inject(number));
    }

    fn attempt_sent(&self, attempt: &AttemptSent<'_>) {
        self.add(sent(attempt));
    }

    fn message(&self, message: &MessageFact) {
        self.add(What::Message(*message));
    }

    fn attempt_ended(&self, attempt: &AttemptEnded<'_>) {
        self.add(self.log.end_of_attempt(attempt));
    }

    fn call_ended(&self, call: &CallEnded<'_>) {
        self.add(end_of_call(call));
    }
}

/// The start of a call shows no values of its metadata, which can hold tokens.
#[test]
fn the_start_of_a_call_shows_no_token() {
    #[derive(Clone, Debug, Default)]
    struct Printed(Arc<Lock<String>>);
    impl Observer for Printed {
        fn call_started(&self, call: &CallStarted<'_>) {
            *self.0.lock() = format!("{call:?}");
        }
    }
    let sim = Sim::new(1);
    let printed = Printed::default();
    let target = format!("ipv4:{}", crate::world::address(1));
    let channel = crate::world::builder(&sim, target).observer(printed.clone());
    let channel = channel.build().expect("a channel");
    let mut request = crate::world::request(http_body_util::Full::new(bytes::Bytes::new()));
    let token = HeaderValue::from_static("Bearer secret-token");
    request.headers_mut().insert("authorization", token);
    let _ = sim.run(crate::world::call(&channel, request));
    let text = printed.0.lock().clone();
    assert!(text.contains("/test.Echo/Say"), "{text}");
    assert!(!text.contains("secret-token"), "{text}");
}

/// The tags of the facts that an observer and its traces received.
type Tags = Arc<Lock<Vec<(&'static str, u64)>>>;

/// Sets a tag, and keeps those that it gets back.
#[derive(Clone, Debug)]
struct Tagging {
    tag: u64,
    seen: Tags,
}

impl Tagging {
    fn new(tag: u64) -> Self {
        let seen = Tags::default();
        Self { tag, seen }
    }

    fn see(&self, fact: &'static str, tag: u64) {
        self.seen.lock().push((fact, tag));
    }
}

impl Observer for Tagging {
    fn call_started(&self, call: &CallStarted<'_>) {
        call.set_tag(self.tag);
    }

    fn trace_call(&self, _: &CallStarted<'_>) -> Option<Box<dyn CallTrace>> {
        Some(Box::new(self.clone()))
    }

    fn attempt_started(&self, attempt: &AttemptStarted<'_>) {
        self.see("attempt started", attempt.tag);
    }

    fn attempt_sent(&self, attempt: &AttemptSent<'_>) {
        self.see("attempt sent", attempt.tag);
    }

    fn attempt_ended(&self, attempt: &AttemptEnded<'_>) {
        self.see("attempt ended", attempt.started.tag);
    }

    fn call_ended(&self, call: &CallEnded<'_>) {
        self.see("call ended", call.tag);
    }
}

impl CallTrace for Tagging {
    fn attempt_started(&self, attempt: &AttemptStarted<'_>) {
        self.see("trace: attempt started", attempt.tag);
    }

    fn attempt_sent(&self, attempt: &AttemptSent<'_>) {
        self.see("trace: attempt sent", attempt.tag);
    }

    fn attempt_ended(&self, attempt: &AttemptEnded<'_>) {
        self.see("trace: attempt ended", attempt.started.tag);
    }

    fn call_ended(&self, call: &CallEnded<'_>) {
        self.see("trace: call ended", call.tag);
    }
}

/// Each observer gets back its own tag in all later facts of a call. The facts of traces have none.
#[test]
fn each_observer_gets_back_its_own_tag() {
    let sim = Sim::new(1);
    crate::world::serve(&sim, 1, h2::server::Builder::new(), crate::world::echo);
    let observers = [Tagging::new(7), Tagging::new(0), Tagging::new(u64::MAX)];
    let target = format!("ipv4:{}", crate::world::address(1));
    let mut builder = crate::world::builder(&sim, target);
    for observer in &observers {
        builder = builder.observer(observer.clone());
    }
    let channel = builder.build().expect("a channel");
    sim.run(async {
        for _ in 0..2 {
            let request = crate::world::request(http_body_util::Full::new(bytes::Bytes::new()));
            crate::world::call(&channel, request).await.expect_ok();
        }
    });
    for observer in observers {
        let tag = observer.tag;
        let one_call = [
            ("attempt started", tag),
            ("trace: attempt started", 0),
            ("attempt sent", tag),
            ("trace: attempt sent", 0),
            ("attempt ended", tag),
            ("trace: attempt ended", 0),
            ("call ended", tag),
            ("trace: call ended", 0),
        ];
        assert_eq!(*observer.seen.lock(), [one_call, one_call].concat());
    }
}
