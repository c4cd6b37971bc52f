//! Callers, which make calls one after the other, and check every reply.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use http::uri::PathAndQuery;
use tonic::Request;
use tonic::client::Grpc;
use tonic_prost::ProstCodec;
use trunkline_benches::protocol::{Case, Measure};
use trunkline_testkit::proto::helloworld::greeter_client::GreeterClient;
use trunkline_testkit::proto::helloworld::{HelloReply, HelloRequest};

use crate::service::Service;
use crate::stack::{Connected, Stack};

/// Far longer than a call takes, so only the cost of setting it is measured.
const TIMEOUT: Duration = Duration::from_secs(20);

const STREAM: &str = "/helloworld.Greeter/SayHelloBidiStream";

/// The times that the calls of one caller took, in nanoseconds; empty if they are not measured.
pub(crate) struct Times {
    times: Option<Vec<u64>>,
}

impl Times {
    fn new(measure: Measure, calls: usize) -> Self {
        Self {
            times: (measure == Measure::Latency).then(|| Vec::with_capacity(calls)),
        }
    }

    /// Returns the time of the start of a call, if it matters.
    fn start(&self) -> Option<Instant> {
        self.times.as_ref().map(|_| now())
    }

    fn end(&mut self, start: Option<Instant>) {
        if let (Some(times), Some(start)) = (&mut self.times, start) {
            let time = now().duration_since(start).as_nanos();
            times.push(u64::try_from(time).unwrap_or(u64::MAX));
        }
    }

    pub(crate) fn into_vec(self) -> Vec<u64> {
        self.times.unwrap_or_default()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures the time that passes"
)]
fn now() -> Instant {
    Instant::now()
}

/// Makes calls with these numbers.
pub(crate) async fn unary<S: Service>(
    mut stub: GreeterClient<S>,
    case: Case,
    caller: usize,
    calls: Range<usize>,
    measure: Measure,
) -> Times {
    let mut times = Times::new(measure, calls.len());
    for call in calls {
        let name = case.text(caller, call);
        let start = times.start();
        let mut request = Request::new(HelloRequest { name: name.clone() });
        if case.timeout {
            request.set_timeout(TIMEOUT);
        }
        let reply = stub.say_hello(request).await.expect("a reply");
        times.end(start);
        assert_eq!(reply.into_inner().message, name);
    }
    times
}

/// Sends this many messages in one stream, which come back.
pub(crate) async fn stream<S: Service>(
    connected: Connected<S>,
    case: Case,
    messages: usize,
    measure: Measure,
) -> Times {
    let mut times = Times::new(measure, messages);
    // What is on its way, in the order of sending.
    let mut sent = VecDeque::with_capacity(case.in_flight);
    let (sender, receiver) = async_channel::bounded(case.in_flight);
    let mut sender = Some(sender);
    let mut numbers = 0..messages;
    let mut send = |sent: &mut VecDeque<_>, times: &Times| {
        let Some(number) = numbers.next() else {
            // The stream of requests ends when its sender is gone.
            sender = None;
            return;
        };
        let Some(sender) = &sender else { return };
        let name = case.text(0, number);
        let start = times.start();
        let message = HelloRequest { name: name.clone() };
        let sending = sender.try_send(message);
        sending.expect("no more messages than have room");
        sent.push_back((name, start));
    };
    for _ in 0..case.in_flight {
        send(&mut sent, &times);
    }
    let mut grpc = Grpc::with_origin(connected.service, connected.origin);
    let ready = grpc.ready().await.map_err(Into::into);
    ready.expect("a channel that is ready");
    let codec: ProstCodec<HelloRequest, HelloReply> = ProstCodec::default();
    let path = PathAndQuery::from_static(STREAM);
    let response = grpc.streaming(Request::new(receiver), path, codec).await;
    let mut replies = response.expect("a stream of replies").into_inner();
    while let Some(reply) = replies.message().await.expect("a good reply") {
        let (name, start) = sent.pop_front().expect("no more replies than messages");
        times.end(start);
        assert_eq!(reply.message, name);
        send(&mut sent, &times);
    }
    assert!(sent.is_empty(), "each message comes back");
    times
}

/// Builds a channel for each call.
pub(crate) async fn cold<S: Stack>(
    stack: S,
    case: Case,
    caller: usize,
    calls: usize,
    measure: Measure,
) -> Times {
    let mut times = Times::new(measure, calls);
    for call in 0..calls {
        let start = times.start();
        let channel = stack.connect(case).await;
        unary(channel.stub(), case, caller, call..call + 1, Measure::Cpu).await;
        // The caller has its reply: the end of the channel is CPU time, but not part of the call's.
        times.end(start);
        drop(channel);
    }
    times
}
