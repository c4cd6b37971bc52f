//! Health checks through a channel:
//! [gRFC A17](https://github.com/grpc/proposal/blob/master/A17-client-side-health-checking.md).

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use bytes::Bytes;
use h2::server::Builder;
use trunkline_channel::{BuildErrorKind, Channel, ChannelBuilder, ChannelEvent, Observer};
use trunkline_lb::{Health, ServingStatus};
use trunkline_runtime::Lock;
use trunkline_sim::Sim;
use trunkline_status::{Code, Status};

use crate::world::{
    ROUND_ROBIN, ServerCall, address, builder, echo, response_head, serve, unary, unary_within,
};

const SECOND: Duration = Duration::from_secs(1);

/// The config of most tests: round_robin, and health checks of the service `orders`.
const CHECKED: &str = r#"{
    "loadBalancingConfig": [{"round_robin": {}}],
    "healthCheckConfig": {"serviceName": "orders"}
}"#;

/// The request for the service `orders`, with its gRPC prefix.
const ORDERS: &[u8] = b"\0\0\0\0\x08\x0a\x06orders";

/// The statuses of the protocol.
const SERVING: u8 = 1;
const NOT_SERVING: u8 = 2;

/// The health of one backend, as the test sets it.
#[derive(Clone, Debug)]
struct Backend {
    state: Arc<Lock<State>>,
}

#[derive(Debug)]
struct State {
    /// The status now. `None`: watches get no answer.
    status: Option<u8>,
    /// The requests of the watches that came, with their prefix.
    requests: Vec<Bytes>,
    /// The watches that run.
    watches: Vec<Sender<Step>>,
}

/// What a running watch does next.
#[derive(Clone, Debug)]
enum Step {
    Send(u8),
    End(Status),
}

impl Backend {
    /// Starts a backend whose health service has this status.
    fn start(sim: &Sim, host: u8, status: Option<u8>) -> Self {
        let state = State {
            status,
            requests: Vec::new(),
            watches: Vec::new(),
        };
        let backend = Self {
            state: Arc::new(Lock::new(state)),
        };
        let own = backend.clone();
        serve(sim, host, Builder::new(), move |call| {
            own.clone().handle(call)
        });
        backend
    }

    async fn handle(self, mut call: ServerCall) {
        if call.head.uri.path() != "/grpc.health.v1.Health/Watch" {
            return echo(call).await;
        }
        let request = call
            .body
            .data()
            .await
            .expect("a request")
            .expect("no error");
        let steps = self.register(request);
        let Ok(mut send) = call.respond.send_response(response_head(), false) else {
            return;
        };
        while let Ok(step) = steps.recv().await {
            match step {
                Step::Send(status) => {
                    let message = vec![0, 0, 0, 0, 2, 8, status];
                    let _ = send.send_data(message.into(), false);
                }
                Step::End(status) => {
                    let _ = send.send_trailers(status.to_trailers());
                    return;
                }
            }
        }
    }

    fn register(&self, request: Bytes) -> Receiver<Step> {
        let (watch, steps) = async_channel::unbounded();
        let mut state = self.state.lock();
        state.requests.push(request);
        if let Some(status) = state.status {
            let _ = watch.try_send(Step::Send(status));
        }
        state.watches.push(watch);
        steps
    }

    /// Changes the status, and sends it to all watches.
    fn set(&self, status: u8) {
        let mut state = self.state.lock();
        state.status = Some(status);
        for watch in &state.watches {
            let _ = watch.try_send(Step::Send(status));
        }
    }

    /// Ends all watches with this status.
    fn end(&self, status: &Status) {
        for watch in self.state.lock().watches.drain(..) {
            let _ = watch.try_send(Step::End(status.clone()));
        }
    }

    /// Returns the number of watches that came.
    fn watches(&self) -> usize {
        self.state.lock().requests.len()
    }
}

/// Starts a server without a health service: it answers UNIMPLEMENTED.
fn serve_without_health(sim: &Sim, host: u8) {
    serve(sim, host, Builder::new(), |mut call| async move {
        if call.head.uri.path() == "/test.Echo/Say" {
            return echo(call).await;
        }
        let (mut head, ()) = response_head().into_parts();
        let status = Status::new(Code::Unimplemented, "unknown service");
        status.add_to_trailers(&mut head.headers);
        let head = http::Response::from_parts(head, ());
        let _ = call.respond.send_response(head, true);
    });
}

/// Records the health of the backends, by host.
#[derive(Clone, Debug, Default)]
struct HealthLog(Arc<Lock<Vec<(String, String, Health)>>>);

impl Observer for HealthLog {
    fn observe(&self, event: &ChannelEvent, _: Instant) {
        if let ChannelEvent::Health {
            address,
            service,
            health,
            ..
        } = event
        {
            let report = (address.to_string(), service.to_string(), health.clone());
            self.0.lock().push(report);
        }
    }
}

/// Returns the builder of a channel to hosts 1 and 2.
fn to_both(sim: &Sim, config: &str) -> ChannelBuilder {
    builder(sim, format!("ipv4:{},{}", address(1), address(2))).default_service_config(config)
}

fn channel(sim: &Sim, config: &str) -> Channel {
    to_both(sim, config).build().expect("a channel")
}

/// Makes ten calls, and returns how many each of the two hosts answered.
async fn shares(channel: &Channel) -> [usize; 2] {
    let mut shares = [0; 2];
    for _ in 0..10 {
        let host = unary(channel, b"hello").await.expect_ok().host();
        shares[usize::from(host) - 1] += 1;
    }
    shares
}

/// Calls go to the backends that report SERVING, and follow each change, over the connections that
/// are there.
#[test]
fn calls_follow_the_health() {
    let sim = Sim::new(1);
    let one = Backend::start(&sim, 1, Some(SERVING));
    let two = Backend::start(&sim, 2, Some(NOT_SERVING));
    let log = HealthLog::default();
    let channel = to_both(&sim, CHECKED).observer(log.clone()).build();
    let channel = channel.expect("a channel");
    sim.run(async {
        assert_eq!(shares(&channel).await, [10, 0]);
        two.set(SERVING);
        sim.sleep(SECOND).await;
        assert_eq!(shares(&channel).await, [5, 5]);
        one.set(NOT_SERVING);
        sim.sleep(SECOND).await;
        assert_eq!(shares(&channel).await, [0, 10]);
        two.set(NOT_SERVING);
        sim.sleep(SECOND).await;
        let words = ["is connected, but not healthy: NOT_SERVING"];
        let failed = unary(&channel, b"hello").await;
        failed.expect(Code::Unavailable, &words);
        one.set(SERVING);
        sim.sleep(SECOND).await;
        assert_eq!(shares(&channel).await, [10, 0]);
    });
    for backend in [&one, &two] {
        assert_eq!(backend.state.lock().requests, [ORDERS]);
    }
    let of_two: Vec<Health> = log
        .0
        .lock()
        .iter()
        .filter(|(address, service, _)| {
            *address == self::address(2).to_string() && service == "orders"
        })
        .map(|(.., health)| health.clone())
        .collect();
    let unhealthy = Health::Unhealthy(ServingStatus::NotServing);
    assert_eq!(
        of_two,
        [
            Health::Checking,
            unhealthy.clone(),
            Health::Healthy,
            unhealthy
        ]
    );
}

/// Calls wait until a backend has answered its health check: the channel is CONNECTING.
#[test]
fn calls_wait_for_the_first_answer() {
    let sim = Sim::new(1);
    let one = Backend::start(&sim, 1, None);
    let _two = Backend::start(&sim, 2, None);
    let channel = channel(&sim, CHECKED);
    sim.run(async {
        unary_within(&channel, "2S")
            .await
            .expect(Code::DeadlineExceeded, &[]);
        one.set(SERVING);
        assert_eq!(unary(&channel, b"hello").await.expect_ok().host(), 1);
    });
}

/// A backend without a health service counts as healthy, and the observer gets an event.
#[test]
fn a_backend_without_a_health_service_is_healthy() {
    let sim = Sim::new(1);
    serve_without_health(&sim, 1);
    let _two = Backend::start(&sim, 2, Some(NOT_SERVING));
    let log = HealthLog::default();
    let channel = to_both(&sim, CHECKED).observer(log.clone()).build();
    let channel = channel.expect("a channel");
    sim.run(async { assert_eq!(shares(&channel).await, [10, 0]) });
    let status = Status::new(Code::Unimplemented, "unknown service");
    let report = (
        address(1).to_string(),
        "orders".to_owned(),
        Health::Unchecked(status),
    );
    assert!(log.0.lock().contains(&report), "{log:?}");
}

/// A watch that fails is made again with back-off, and meanwhile the backend gets no calls.
#[test]
fn a_failed_watch_is_made_again() {
    let sim = Sim::new(1);
    let one = Backend::start(&sim, 1, None);
    let _two = Backend::start(&sim, 2, Some(SERVING));
    let channel = channel(&sim, CHECKED);
    sim.run(async {
        assert_eq!(shares(&channel).await, [0, 10]);
        for watches in 1..=3 {
            assert_eq!(one.watches(), watches);
            one.end(&Status::unavailable("not now"));
            // The delays are 1 s, 1.6 s and 2.56 s, each with up to 20 % of jitter.
            sim.sleep(Duration::from_millis(3_100)).await;
        }
        assert_eq!(shares(&channel).await, [0, 10]);
        one.set(SERVING);
        sim.sleep(SECOND).await;
        assert_eq!(shares(&channel).await, [5, 5]);
        // A watch that brought a message is made again at once.
        one.end(&Status::unavailable("restarting"));
        sim.sleep(Duration::from_millis(100)).await;
        assert_eq!(one.watches(), 5);
        assert_eq!(shares(&channel).await, [5, 5]);
    });
}

/// The loss of a connection ends its watch; the next connection gets one of its own.
#[test]
fn each_connection_has_its_watch() {
    let sim = Sim::new(1);
    let one = Backend::start(&sim, 1, Some(SERVING));
    let _two = Backend::start(&sim, 2, Some(SERVING));
    let channel = channel(&sim, CHECKED);
    sim.run(async {
        // Until both are connected, the one that is first gets all calls.
        channel.connect().expect("a runtime");
        sim.sleep(SECOND).await;
        assert_eq!(shares(&channel).await, [5, 5]);
        sim.net().kill(address(1).ip());
        sim.sleep(SECOND).await;
        let restarted = Backend::start(&sim, 1, Some(SERVING));
        sim.sleep(10 * SECOND).await;
        assert_eq!(shares(&channel).await, [5, 5]);
        assert_eq!([&one, &restarted].map(Backend::watches), [1, 1]);
    });
}

/// The application can name the service; a service config takes precedence over it.
#[test]
fn the_application_names_the_service() {
    let check = |config: &str, expected: &'static [u8]| {
        let sim = Sim::new(1);
        let one = Backend::start(&sim, 1, Some(SERVING));
        let _two = Backend::start(&sim, 2, Some(NOT_SERVING));
        let channel = to_both(&sim, config).health_check("").build();
        let channel = channel.expect("a channel");
        sim.run(async { assert_eq!(shares(&channel).await, [10, 0]) });
        assert_eq!(one.state.lock().requests, [expected]);
    };
    check(ROUND_ROBIN, b"\0\0\0\0\0");
    check(CHECKED, ORDERS);
}

/// Health checks can be turned off, and pick_first on its own makes none.
#[test]
fn no_health_checks() {
    let pick_first = r#"{"healthCheckConfig": {"serviceName": "orders"}}"#;
    for (config, is_disabled, expected) in [
        (CHECKED, true, [5, 5]),
        (pick_first, false, [10, 0]),
        (ROUND_ROBIN, false, [5, 5]),
    ] {
        let sim = Sim::new(1);
        let backends = [1, 2].map(|host| Backend::start(&sim, host, Some(NOT_SERVING)));
        let mut builder = to_both(&sim, config);
        if is_disabled {
            builder = builder.disable_health_checks();
        }
        let channel = builder.build().expect("a channel");
        sim.run(async {
            channel.connect().expect("a runtime");
            sim.sleep(SECOND).await;
            assert_eq!(shares(&channel).await, expected);
        });
        assert_eq!(backends.each_ref().map(Backend::watches), [0, 0]);
    }
}

/// To ask for health checks and to turn them off is a mistake.
#[test]
fn a_contradiction_is_an_error() {
    let sim = Sim::new(1);
    let builder = to_both(&sim, ROUND_ROBIN).health_check("orders");
    let error = builder
        .disable_health_checks()
        .build()
        .expect_err("a conflict");
    assert_eq!(error.kind(), BuildErrorKind::Conflict);
}
