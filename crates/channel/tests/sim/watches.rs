//! Watches: server-streaming calls that a policy runs over the connection of a subchannel, as for
//! health checks and out-of-band load reports.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::server::Builder;
use http::uri::PathAndQuery;
use trunkline_channel::{Channel, ChannelBuilder, ChannelEvent, Observer};
use trunkline_lb::{SubchannelId, SubchannelState, Watch, WatchEvent};
use trunkline_runtime::Lock;
use trunkline_sim::{ConnectFate, Sim};
use trunkline_status::{Code, Status};
use trunkline_transport::HttpOptions;

use crate::policy::{TEST_POLICY, TestPolicyFactory, WatchLog};
use crate::spawning::{Gate, runtime_with_spawn};
use crate::world::{ServerCall, address, builder, echo, response_head, send_all, serve, unary};

/// The path of the calls that the policy watches.
const WATCHED: &str = "/health/Watch";

/// Returns the builder of a channel to host 1 whose policy starts a watch of [`WATCHED`] with the
/// request `who` on each subchannel that enters the state `starts_in`.
fn watching_builder(sim: &Sim, starts_in: SubchannelState) -> (ChannelBuilder, WatchLog) {
    let log = WatchLog::default();
    let path = PathAndQuery::from_static(WATCHED);
    let watch = Watch::new(path, Bytes::from_static(b"who"));
    let builder = builder(sim, format!("ipv4:{}", address(1)))
        .policy(TestPolicyFactory::with_watch(watch, starts_in, &log))
        .default_service_config(TEST_POLICY);
    (builder, log)
}

/// Returns a channel to host 1 whose policy watches each READY subchannel.
fn watching_channel(sim: &Sim) -> (Channel, WatchLog) {
    let (builder, log) = watching_builder(sim, SubchannelState::Ready);
    (builder.build().expect("a channel"), log)
}

/// Handles a call at the server: answers a watch with `data` and then with the status, where there
/// is one; echoes every other call.
async fn answer_watch(mut incoming: ServerCall, data: Vec<u8>, status: Option<Status>) {
    if incoming.head.uri.path() != WATCHED {
        return echo(incoming).await;
    }
    let request = incoming
        .body
        .data()
        .await
        .expect("a request message")
        .expect("no error");
    assert_eq!(request, "\0\0\0\0\x03who");
    let Ok(mut send) = incoming.respond.send_response(response_head(), false) else {
        return;
    };
    let _ = send_all(&mut send, data.into()).await;
    match status {
        Some(status) => drop(send.send_trailers(status.to_trailers())),
        None => std::future::pending().await,
    }
}

/// Checks the events of a watch that the server answers with `data` and then with the status, where
/// there is one; and that the connection still serves calls afterwards.
fn check(data: &'static [u8], status: Option<Status>, expected: &[WatchEvent]) {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), move |incoming| {
        answer_watch(incoming, data.to_vec(), status.clone())
    });
    let (channel, log) = watching_channel(&sim);
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        sim.sleep(Duration::from_secs(1)).await;
        unary(&channel, b"the connection still serves")
            .await
            .expect_ok();
    });
    assert_eq!(*log.lock(), expected);
}

fn message(data: &'static [u8]) -> WatchEvent {
    WatchEvent::Message(Bytes::from_static(data))
}

/// Each message of a watch is one event, and its end is another one, with the server's status.
#[test]
fn messages_and_the_end_are_reported() {
    let ended = Status::new(Code::Unimplemented, "no such method");
    let events = [
        message(b"up"),
        message(b""),
        WatchEvent::Ended(ended.clone()),
    ];
    check(b"\0\0\0\0\x02up\0\0\0\0\0", Some(ended), &events);
}

/// A watch stays open until the server ends it; a part of a message is no event.
#[test]
fn a_watch_stays_open() {
    check(b"\0\0\0\0\x02up\0\0", None, &[message(b"up")]);
}

/// A message longer than the limit ends the watch, but no other call on the connection.
#[test]
fn a_message_over_the_limit_ends_the_watch() {
    let text = "a message of 65537 bytes arrived; the limit is 65536 bytes";
    let ended = WatchEvent::Ended(Status::new(Code::ResourceExhausted, text));
    check(b"\0\0\x01\0\x01", None, &[ended]);
}

/// The loss of a connection ends its watch with UNAVAILABLE.
#[test]
fn a_lost_connection_ends_its_watch() {
    let sim = Sim::new(1);
    let counts = serve(&sim, 1, Builder::new(), |incoming| {
        answer_watch(incoming, b"\0\0\0\0\x02up".to_vec(), None)
    });
    let (channel, log) = watching_channel(&sim);
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        sim.sleep(Duration::from_secs(1)).await;
        sim.net().kill(address(1).ip());
        sim.sleep(Duration::from_secs(1)).await;
    });
    assert_eq!(counts.accepts(), 1);
    let events = log.lock();
    let [WatchEvent::Message(_), WatchEvent::Ended(status), ..] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(status.code(), Code::Unavailable);
}

/// Records the subchannel of each new connection.
#[derive(Clone, Debug, Default)]
struct ConnectedSubchannels(Arc<Lock<Vec<SubchannelId>>>);

impl Observer for ConnectedSubchannels {
    fn observe(&self, event: &ChannelEvent, _: Instant) {
        if let ChannelEvent::Connected { id, .. } = event {
            self.0.lock().push(*id);
        }
    }
}

/// The next connection of a subchannel gets a watch of its own.
#[test]
fn the_next_connection_gets_a_watch_of_its_own() {
    let sim = Sim::new(1);
    let serve_watches = || {
        serve(&sim, 1, Builder::new(), |incoming| {
            answer_watch(incoming, b"\0\0\0\0\x02up".to_vec(), None)
        })
    };
    let connected = ConnectedSubchannels::default();
    let (builder, log) = watching_builder(&sim, SubchannelState::Ready);
    let channel = builder
        .observer(connected.clone())
        .build()
        .expect("a channel");
    serve_watches();
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        sim.sleep(Duration::from_secs(1)).await;
    });
    // The server restarts: its connections are reset.
    sim.net().kill(address(1).ip());
    serve_watches();
    sim.run(async {
        sim.sleep(Duration::from_secs(1)).await;
        unary(&channel, b"the next connection").await.expect_ok();
        sim.sleep(Duration::from_secs(1)).await;
    });
    let connected = connected.0.lock();
    let [before, after] = connected[..] else {
        panic!("not two connections: {connected:?}")
    };
    assert_eq!(before, after, "both connections are of one subchannel");
    let events = log.lock();
    let [first, WatchEvent::Ended(status), second] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!([first, second], [&message(b"up"), &message(b"up")]);
    assert_eq!(status.code(), Code::Unavailable);
}

/// A watch that a policy starts on a subchannel that is not READY ends at once, with UNAVAILABLE.
#[test]
fn a_watch_without_a_connection_ends_at_once() {
    let sim = Sim::new(1);
    sim.net().set_fate(address(1), ConnectFate::Silent);
    let (builder, log) = watching_builder(&sim, SubchannelState::Connecting);
    let channel = builder.build().expect("a channel");
    channel.connect().expect("a runtime");
    // The attempt is still running: it has no answer within 1 ms.
    sim.run(sim.sleep(Duration::from_millis(1)));
    let ended = Status::unavailable("the subchannel has no connection");
    assert_eq!(*log.lock(), [WatchEvent::Ended(ended)]);
}

/// A watch reads the next message only after the policy has handled the last one. While the control
/// task is busy, a server that sends without end therefore fills the flow-control window, and no
/// memory beyond it.
#[test]
fn a_flood_of_messages_fills_the_window_alone() {
    const WINDOW: usize = 65_535;
    // An empty message, 200 times.
    const MESSAGES: &[u8] = &[0; 1000];

    let sim = Sim::new(1);
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    serve(&sim, 1, Builder::new(), move |mut incoming| {
        let counter = Arc::clone(&counter);
        async move {
            let Ok(mut send) = incoming.respond.send_response(response_head(), false) else {
                return;
            };
            while send_all(&mut send, Bytes::from_static(MESSAGES))
                .await
                .is_ok()
            {
                counter.fetch_add(MESSAGES.len(), Ordering::Relaxed);
            }
        }
    });

    // The first task that a channel spawns is its control task.
    let gate = Gate::default();
    let control = gate.clone();
    let has_control = AtomicBool::new(false);
    let runtime = runtime_with_spawn(&sim, move |inner, task| {
        if has_control.swap(true, Ordering::Relaxed) {
            inner.spawn(task);
        } else {
            inner.spawn(Box::pin(control.clone().hold(task)));
        }
    });
    let (builder, log) = watching_builder(&sim, SubchannelState::Ready);
    let mut http = HttpOptions::default();
    http.stream_window = 65_535;
    let channel = builder
        .runtime(runtime)
        .http(http)
        .build()
        .expect("a channel");
    channel.connect().expect("a runtime");
    let sleep = |millis| sim.run(sim.sleep(Duration::from_millis(millis)));

    sleep(10);
    gate.close();
    let handled = log.lock().len();
    assert!(handled > 0, "the watch runs");
    let before = sent.load(Ordering::Relaxed);
    sleep(1000);
    let blocked = sent.load(Ordering::Relaxed);
    assert!(blocked - before <= 2 * WINDOW, "{} bytes", blocked - before);
    sleep(1000);
    assert_eq!(sent.load(Ordering::Relaxed), blocked);
    assert_eq!(log.lock().len(), handled, "the control task is busy");

    gate.open();
    sleep(10);
    assert!(log.lock().len() > handled, "the watch goes on");
    assert!(sent.load(Ordering::Relaxed) > blocked);
}
