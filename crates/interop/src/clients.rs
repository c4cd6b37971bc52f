//! The clients: tonic's stub over a Trunkline channel, on each runtime.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use trunkline::resolver::Pacing;
use trunkline::{
    BackoffPolicy, Channel, ChannelBuilder, ChannelEvent, DnsOptions, Observer, PeerAddr, Proxy,
    Runtime,
};
use trunkline_testkit::proto::helloworld::HelloRequest;
use trunkline_testkit::proto::helloworld::greeter_client::GreeterClient;

use crate::clock::LIMIT;
use crate::wrong::Wrong;

/// The deadline of a call. It is far longer than a call takes, so that a call that waits for a
/// connection does not fail.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

/// How long a resolution waits for the answer of the second family. On a busy machine it comes later than
/// the default of 50 ms.
const BOTH_FAMILIES: Duration = Duration::from_secs(10);

const ROUND_ROBIN: &str = r#"{"loadBalancingConfig":[{"round_robin":{}}]}"#;

/// A runtime and its name.
#[derive(Clone, Debug)]
pub(crate) struct NamedRuntime {
    pub(crate) name: &'static str,
    pub(crate) runtime: Arc<dyn Runtime>,
}

impl NamedRuntime {
    /// Runs a future on the runtime, and waits for its result.
    ///
    /// # Errors
    ///
    /// When there is no result after [`LIMIT`].
    pub(crate) fn wait<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, String> {
        self.start(future)
            .recv_timeout(LIMIT)
            .map_err(|error| format!("no end after {} s: {error}", LIMIT.as_secs()))
    }

    /// Runs a future on the runtime, and returns the receiver of its result.
    pub(crate) fn start<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Receiver<T> {
        let (done, answer) = channel();
        self.runtime.spawn(Box::pin(async move {
            // The receiver may have timed out.
            let _ = done.send(future.await);
        }));
        answer
    }
}

/// Returns all three runtimes; the third one uses `tokio`.
pub(crate) fn runtimes(tokio: &tokio::runtime::Runtime) -> [NamedRuntime; 3] {
    let tokio = trunkline::Tokio::with_handle(tokio.handle().clone());
    let named = |name, runtime| NamedRuntime { name, runtime };
    [
        named("async-std", Arc::new(trunkline::AsyncStd::new())),
        named("smol", Arc::new(trunkline::Smol::new())),
        named("tokio", Arc::new(tokio)),
    ]
}

/// A client of one target.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) on: NamedRuntime,
    /// The deadline of each call.
    pub(crate) deadline: Duration,
    greeter: GreeterClient<Channel>,
    found: EndpointCount,
}

/// An observer that keeps the number of endpoints in the last resolution.
#[derive(Clone, Debug, Default)]
struct EndpointCount(Arc<AtomicUsize>);

impl Observer for EndpointCount {
    fn observe(&self, event: &ChannelEvent, _: Instant) {
        if let ChannelEvent::Endpoints(endpoints) = event {
            self.0.store(endpoints.len(), Ordering::Relaxed);
        }
    }
}

impl Client {
    /// Returns a client with a round_robin channel to `target`.
    pub(crate) fn new(target: &str, on: &NamedRuntime) -> Result<Self, Wrong> {
        Self::new_with(target, on, |builder| builder)
    }

    /// Returns a client with a round_robin channel to `target`, with the options that `set` sets.
    pub(crate) fn new_with(
        target: &str,
        on: &NamedRuntime,
        set: impl FnOnce(ChannelBuilder) -> ChannelBuilder,
    ) -> Result<Self, Wrong> {
        // The default of 30 s protects a shared DNS server. This one is ours, so a shorter interval and
        // shorter back-offs keep the checks fast.
        let pacing = Pacing::default().with_min_interval(Duration::from_millis(500));
        // The checks count the addresses of both families, so a resolution has those of both.
        let dns = DnsOptions::default()
            .with_pacing(pacing)
            .with_resolution_delay(BOTH_FAMILIES);
        let backoff = BackoffPolicy::default()
            .with_initial(Duration::from_millis(200))
            .with_max(Duration::from_secs(1));
        let found = EndpointCount::default();
        let builder = Channel::builder(target)
            .default_service_config(ROUND_ROBIN)
            .plaintext()
            .proxy(Proxy::none())
            .runtime(Arc::clone(&on.runtime))
            .dns(dns)
            .backoff(backoff)
            .observer(found.clone());
        let channel = set(builder).build()?;
        Ok(Self {
            on: on.clone(),
            deadline: DEADLINE,
            greeter: GreeterClient::new(channel),
            found,
        })
    }

    /// Sets the deadline of each call.
    pub(crate) fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Returns the number of endpoints in the last resolution.
    pub(crate) fn endpoints(&self) -> usize {
        self.found.0.load(Ordering::Relaxed)
    }

    /// Makes a call, checks the reply, and returns the address of the server.
    pub(crate) async fn greet(mut self, number: u64) -> Result<SocketAddr, String> {
        let name = format!("caller {number}");
        let mut request = tonic::Request::new(HelloRequest { name });
        request.set_timeout(self.deadline);
        let response = self
            .greeter
            .say_hello(request)
            .await
            .map_err(|status| format!("{:?}: {}", status.code(), status.message()))?;
        if response.get_ref().message != format!("Hello caller {number}") {
            return Err(format!("call {number} got the reply to another call"));
        }
        match response.extensions().get::<PeerAddr>() {
            Some(PeerAddr::Ip(peer)) => Ok(*peer),
            other => Err(format!("answered by {other:?}, which is no IP address")),
        }
    }

    /// Makes a call, waits for its end, and returns the address of the server.
    pub(crate) fn greet_now(&self) -> Result<SocketAddr, String> {
        self.on.wait(self.clone().greet(0))?
    }

    /// Makes `calls` calls, at most `at_once` at a time, and waits for their end; fails with the first
    /// call that does.
    pub(crate) fn greet_often(&self, calls: u64, at_once: u64) -> Result<(), Wrong> {
        let (done, answers) = channel();
        for worker in 0..at_once {
            let (client, done) = (self.clone(), done.clone());
            self.on.runtime.spawn(Box::pin(async move {
                let mut number = worker;
                while number < calls && done.send(client.clone().greet(number).await).is_ok() {
                    number += at_once;
                }
            }));
        }
        for call in 0..calls {
            answers
                .recv_timeout(2 * DEADLINE)
                .map_err(|error| format!("after {call} calls: {error}"))?
                .map_err(|why| format!("after {call} calls: {why}"))?;
        }
        Ok(())
    }
}
