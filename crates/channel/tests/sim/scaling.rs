//! Several connections to one address, when calls wait for a free stream (`connectionScaling`).
//!
//! Source: [gRFC A105](https://github.com/grpc/proposal/blob/master/A105-max_concurrent_streams-connection-scaling.md).

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_channel::Sender;
use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::Full;
use trunkline_channel::{BearerToken, Channel, ChannelBuilder, ChannelEvent, Observer};
use trunkline_connector::{Connected, Connector, DirectConnector, SecurityLevel};
use trunkline_endpoint::{Address, Endpoint};
use trunkline_lb::{ConnectivityState, SubchannelState};
use trunkline_resolver::{ManualResolver, Resolution};
use trunkline_runtime::{BoxFuture, Lock};
use trunkline_sim::{BackendOptions, CallReply, ConnectFate, Sim, StuckKind};
use trunkline_status::Code;

use crate::hand_server::HandServer;
use crate::world::{address, builder, call, request, unary, unary_within, with_timeout};

/// Long enough for everything that waits for no timer.
const MOMENT: Duration = Duration::from_millis(10);

/// Returns a service config with this many connections.
fn config(most: u32) -> String {
    format!(r#"{{"connectionScaling": {{"maxConnectionsPerSubchannel": {most}}}}}"#)
}

/// Returns the builder of a channel to host 1 with up to this many connections.
fn scaling(sim: &Sim, most: u32) -> ChannelBuilder {
    builder(sim, format!("ipv4:{}", address(1))).default_service_config(config(most))
}

/// The calls of a test. Each has a number, in the order of their start; the first is 0.
#[derive(Clone, Default)]
struct Calls {
    started: usize,
    /// The numbers and codes of the calls that have ended, in that order.
    ended: Arc<Lock<Vec<(usize, Code)>>>,
    /// Dropping a sender cancels its call.
    cancels: Arc<Lock<Vec<Option<Sender<()>>>>>,
}

impl Calls {
    /// Starts calls, and waits until nothing more happens.
    async fn start(&mut self, sim: &Sim, channel: &Channel, calls: usize) {
        for _ in 0..calls {
            let number = self.started;
            self.started += 1;
            let (cancel, cancelled) = async_channel::bounded::<()>(1);
            self.cancels.lock().push(Some(cancel));
            let (ended, channel) = (Arc::clone(&self.ended), channel.clone());
            sim.spawn("call", async move {
                let calling = std::pin::pin!(unary(&channel, b"hello"));
                let cancelled = std::pin::pin!(cancelled.recv());
                let result = futures_util::future::select(calling, cancelled).await;
                if let futures_util::future::Either::Left((result, _)) = result {
                    ended.lock().push((number, result.status.code()));
                }
            });
        }
        sim.sleep(MOMENT).await;
    }

    async fn cancel(&self, sim: &Sim, number: usize) {
        self.cancels.lock()[number] = None;
        sim.sleep(MOMENT).await;
    }

    /// Returns the numbers of the calls that have ended with OK, in that order.
    #[track_caller]
    fn ok(&self) -> Vec<usize> {
        let ended = self.ended.lock();
        assert!(ended.iter().all(|(_, code)| *code == Code::Ok), "{ended:?}");
        ended.iter().map(|(number, _)| *number).collect()
    }

    /// Returns the numbers and codes of the calls that have ended.
    fn ended(&self) -> Vec<(usize, Code)> {
        self.ended.lock().clone()
    }
}

/// Records the connections of a channel, as texts with their time in milliseconds.
#[derive(Clone, Debug)]
struct Log {
    start: Instant,
    lines: Arc<Lock<Vec<String>>>,
}

impl Log {
    fn new(sim: &Sim) -> Self {
        Self {
            start: sim.runtime().now(),
            lines: Arc::default(),
        }
    }

    /// Takes the lines since the last call.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines.lock())
    }
}

impl Observer for Log {
    fn observe(&self, event: &ChannelEvent, at: Instant) {
        let text = match event {
            ChannelEvent::ConnectionScaling { connections, .. } => format!("beyond {connections}"),
            ChannelEvent::Connected {
                connection,
                connections,
                ..
            } => format!("{connection} connected, {connections} open"),
            ChannelEvent::Lost {
                connection,
                connections,
                ..
            } => format!("{connection} lost, {connections} left"),
            ChannelEvent::ConnectFailed { .. } => "failed".to_owned(),
            ChannelEvent::Subchannel { state, .. } => match state {
                SubchannelState::TransientFailure(_) => "TransientFailure".to_owned(),
                other => format!("{other:?}"),
            },
            _ => return,
        };
        let at = at.saturating_duration_since(self.start).as_secs();
        self.lines.lock().push(format!("{at} s: {text}"));
    }
}

/// Without `connectionScaling` there is one connection, and calls wait for a free stream on it.
#[test]
fn the_default_is_one_connection() {
    let sim = Sim::new(1);
    let server = HandServer::start(&sim, 1, 1);
    let channel = builder(&sim, format!("ipv4:{}", address(1))).build();
    let channel = channel.expect("a channel");
    let mut calls = Calls::default();
    sim.run(async {
        calls.start(&sim, &channel, 3).await;
        assert_eq!(server.placed(), [0]);
        for _ in 0..3 {
            server.answer_all();
            sim.sleep(MOMENT).await;
        }
        assert_eq!((calls.ok(), server.accepts()), (vec![0, 1, 2], 1));
    });
}

/// A connection is added when a call waits, every connection is full, and fewer than the maximum are
/// open; and not before.
#[test]
fn a_connection_is_added_when_all_are_full_and_a_call_waits() {
    let sim = Sim::new(1);
    let server = HandServer::start(&sim, 1, 2);
    let channel = scaling(&sim, 3).build().expect("a channel");
    let mut calls = Calls::default();
    sim.run(async {
        let mut accepts = Vec::new();
        for _ in 0..8 {
            calls.start(&sim, &channel, 1).await;
            accepts.push(server.accepts());
        }
        assert_eq!(accepts, [1, 1, 2, 2, 3, 3, 3, 3]);
        assert_eq!(server.placed(), [0, 0, 1, 1, 2, 2]);
        server.answer_all();
        sim.sleep(MOMENT).await;
        assert_eq!(server.placed(), [0, 0]);
        server.answer_all();
        sim.sleep(MOMENT).await;
        assert_eq!((calls.ok().len(), server.accepts()), (8, 3));
    });
}

/// At most one attempt is in flight, however many calls wait.
#[test]
fn one_attempt_at_a_time() {
    let sim = Sim::new(1);
    let server = HandServer::start(&sim, 1, 1);
    let channel = scaling(&sim, 5).build().expect("a channel");
    let mut calls = Calls::default();
    sim.run(async {
        calls.start(&sim, &channel, 1).await;
        server.set_silent(true);
        calls.start(&sim, &channel, 5).await;
        let mut accepts = Vec::new();
        for connection in 1..5 {
            accepts.push((server.accepts(), server.placed().len()));
            server.send_settings(connection);
            sim.sleep(MOMENT).await;
        }
        assert_eq!(accepts, [(2, 1), (3, 2), (4, 3), (5, 4)]);
        assert_eq!(
            (server.accepts(), server.placed()),
            (5, vec![0, 1, 2, 3, 4])
        );
    });
}

/// A call is sent on the oldest connection that has room.
#[test]
fn the_oldest_connection_with_room_is_picked() {
    let sim = Sim::new(1);
    let server = HandServer::start(&sim, 1, 1);
    let channel = scaling(&sim, 3).build().expect("a channel");
    let mut calls = Calls::default();
    sim.run(async {
        for _ in 0..3 {
            calls.start(&sim, &channel, 1).await;
        }
        let running = server.calls();
        assert_eq!(server.placed(), [0, 1, 2]);
        server.answer(running[2]);
        server.answer(running[1]);
        sim.sleep(MOMENT).await;
        calls.start(&sim, &channel, 1).await;
        assert_eq!(server.placed(), [0, 1]);
        server.answer(running[0]);
        sim.sleep(MOMENT).await;
        calls.start(&sim, &channel, 2).await;
        assert_eq!(server.placed(), [1, 0, 2]);
    });
}

/// Calls leave the line in the order in which they came, whichever connection has room. One that is
/// cancelled leaves it, and no turn is lost.
#[test]
fn calls_leave_the_line_in_order() {
    let sim = Sim::new(1);
    let server = HandServer::start(&sim, 1, 2);
    let channel = scaling(&sim, 2).build().expect("a channel");
    let mut calls = Calls::default();
    sim.run(async {
        calls.start(&sim, &channel, 12).await;
        assert_eq!(server.placed(), [0, 0, 1, 1]);
        for number in [4, 7, 11] {
            calls.cancel(&sim, number).await;
        }
        for at in [3, 0, 1, 2, 0, 0, 1, 0, 0] {
            let running = server.calls();
            server.answer(running[at]);
            sim.sleep(MOMENT).await;
        }
        // The calls arrive at the server in the order of the line: 0 to 3, 5, 6, 8, 9, 10.
        assert_eq!(calls.ok(), [3, 0, 2, 6, 1, 5, 9, 8, 10]);
        assert_eq!((server.placed(), server.accepts()), (vec![], 2));
    });
}

/// A call that waits and is cancelled takes its place in line with it: no connection is added for
/// it.
#[test]
fn a_cancelled_call_adds_no_connection() {
    let sim = Sim::new(1);
    let server = HandServer::start(&sim, 1, 1);
    let channel = scaling(&sim, 2).build().expect("a channel");
    let mut calls = Calls::default();
    sim.run(async {
        calls.start(&sim, &channel, 1).await;
        sim.net().set_fate(address(1), ConnectFate::Refuse);
        calls.start(&sim, &channel, 1).await;
        calls.cancel(&sim, 1).await;
        sim.net().set_fate(address(1), ConnectFate::Ordinary);
        sim.sleep(Duration::from_secs(60)).await;
        assert_eq!((server.accepts(), server.placed()), (1, vec![0]));
        server.answer_all();
        sim.sleep(MOMENT).await;
        calls.start(&sim, &channel, 1).await;
        assert_eq!((server.accepts(), server.placed()), (1, vec![0]));
    });
}

/// The back-off is shared by all attempts of the subchannel, and a success resets it. No attempt
/// starts meanwhile, and calls keep waiting; the attempt after it starts if they still wait.
#[test]
fn the_back_off_is_shared() {
    let sim = Sim::new(1);
    let server = HandServer::start(&sim, 1, 1);
    let log = Log::new(&sim);
    let channel = scaling(&sim, 3).observer(log.clone()).build();
    let channel = channel.expect("a channel");
    let mut calls = Calls::default();
    sim.run(async {
        calls.start(&sim, &channel, 1).await;
        log.take();
        sim.net().set_fate(address(1), ConnectFate::Refuse);
        calls.start(&sim, &channel, 1).await;
        for _ in 0..7 {
            sim.sleep(Duration::from_millis(100)).await;
            calls.start(&sim, &channel, 1).await;
        }
        // The first back-off is 1 s, and the second one 1.6 s, each give or take a fifth.
        assert_eq!(log.take(), ["0 s: beyond 1", "0 s: failed"]);
        sim.sleep(Duration::from_millis(500)).await;
        assert_eq!(log.take().len(), 2);
        sim.net().set_fate(address(1), ConnectFate::Ordinary);
        sim.sleep(Duration::from_secs(2)).await;
        assert_eq!(server.placed(), [0, 1, 2]);
        let connected = log.take();
        let texts: Vec<&str> = connected
            .iter()
            .filter_map(|line| line.split(": ").nth(1))
            .collect();
        let expected = [
            "beyond 1",
            "4 connected, 2 open",
            "beyond 2",
            "5 connected, 3 open",
        ];
        assert_eq!(texts, expected);
        assert_eq!(calls.ended(), []);
    });
}

/// When a connection is lost while others remain, calls that wait keep waiting, and one more may be
/// added. The subchannel stays READY.
#[test]
fn a_lost_connection_is_replaced_while_calls_wait() {
    let sim = Sim::new(1);
    let server = HandServer::start(&sim, 1, 1);
    let log = Log::new(&sim);
    let channel = scaling(&sim, 3).observer(log.clone()).build();
    let channel = channel.expect("a channel");
    let mut calls = Calls::default();
    sim.run(async {
        calls.start(&sim, &channel, 1).await;
        server.answer_all();
        sim.sleep(MOMENT).await;
        // Each connection has answered a call, so its loss holds no attempt back.
        for most in 2..4 {
            calls.start(&sim, &channel, most).await;
            server.answer_all();
            sim.sleep(MOMENT).await;
        }
        assert_eq!(server.accepts(), 3);
        calls.start(&sim, &channel, 5).await;
        assert_eq!(server.placed(), [0, 1, 2]);
        log.take();
        server.close(1);
        sim.sleep(MOMENT).await;
        assert_eq!(calls.ended().last(), Some(&(7, Code::Unavailable)));
        assert_eq!(server.placed(), [0, 2, 3]);
        let expected = [
            "0 s: 2 lost, 2 left",
            "0 s: beyond 2",
            "0 s: 4 connected, 3 open",
        ];
        assert_eq!(log.take(), expected);
        assert_eq!(channel.state(), ConnectivityState::Ready);
        server.answer_all();
        sim.sleep(MOMENT).await;
        assert_eq!(server.placed(), [0]);
        server.answer_all();
        sim.sleep(MOMENT).await;
        let ended = calls.ended();
        assert_eq!(ended.len(), 11);
        assert_eq!(
            ended.iter().filter(|(_, code)| *code != Code::Ok).count(),
            1
        );
    });
}

/// A GOAWAY on one connection takes that one out: its calls go on, and new ones use the others.
#[test]
fn a_go_away_takes_one_connection_out() {
    let sim = Sim::new(1);
    let server = HandServer::start(&sim, 1, 2);
    let channel = scaling(&sim, 2).build().expect("a channel");
    let mut calls = Calls::default();
    sim.run(async {
        calls.start(&sim, &channel, 5).await;
        let running = server.calls();
        assert_eq!(server.placed(), [0, 0, 1, 1]);
        server.go_away(0, 3);
        sim.sleep(MOMENT).await;
        // The call that waited is on a connection in place of the one that drains.
        assert_eq!(server.placed(), [0, 0, 1, 1, 2]);
        server.answer(running[2]);
        sim.sleep(MOMENT).await;
        calls.start(&sim, &channel, 2).await;
        assert_eq!(server.placed(), [0, 0, 1, 2, 1, 2]);
        server.answer_all();
        sim.sleep(MOMENT).await;
        assert_eq!((calls.ok().len(), server.accepts()), (7, 3));
        assert_eq!(sim.net().connections(), 2);
    });
}

/// When all connections are gone, the calls that wait are sent again on the next one: no server has
/// seen them.
#[test]
fn calls_in_line_survive_the_loss_of_all_connections() {
    let sim = Sim::new(1);
    for most in [1, 2] {
        let host = u8::try_from(most).expect("a host");
        let server = HandServer::start(&sim, host, 1);
        let channel = builder(&sim, format!("ipv4:{}", address(host)))
            .default_service_config(config(most))
            .build()
            .expect("a channel");
        let mut calls = Calls::default();
        sim.run(async {
            calls.start(&sim, &channel, 5).await;
            let open = server.accepts();
            server.set_limit(9);
            for connection in 0..open {
                server.close(connection);
            }
            sim.sleep(Duration::from_secs(3)).await;
            let lost: Vec<usize> = calls.ended().iter().map(|(number, _)| *number).collect();
            assert_eq!(lost, (0..open).collect::<Vec<_>>());
            assert_eq!(server.placed(), vec![open; 5 - open]);
            server.answer_all();
            sim.sleep(MOMENT).await;
            let ended = calls.ended();
            let ok = ended.iter().filter(|(_, code)| *code == Code::Ok);
            assert_eq!(ok.count(), 5 - open);
        });
    }
}

/// A server that raises its limit while the connection is open lets calls that wait go; one that
/// lowers it makes the connection full sooner, and ends no call.
#[test]
fn the_limit_of_a_server_changes() {
    let sim = Sim::new(1);
    let server = HandServer::start(&sim, 1, 3);
    let channel = scaling(&sim, 2).build().expect("a channel");
    let mut calls = Calls::default();
    sim.run(async {
        calls.start(&sim, &channel, 2).await;
        server.change_limit(0, 1);
        sim.sleep(MOMENT).await;
        server.set_limit(1);
        calls.start(&sim, &channel, 2).await;
        assert_eq!(server.placed(), [0, 0, 1]);
        // One of two calls ends, and the limit of one call leaves no room.
        server.answer(server.calls()[0]);
        sim.sleep(MOMENT).await;
        assert_eq!(server.placed(), [0, 1]);
        calls.start(&sim, &channel, 2).await;
        server.change_limit(1, 3);
        sim.sleep(MOMENT).await;
        assert_eq!(server.placed(), [0, 1, 1, 1]);
        server.change_limit(0, 2);
        sim.sleep(MOMENT).await;
        assert_eq!(
            (server.placed(), server.accepts()),
            (vec![0, 1, 1, 1, 0], 2)
        );
        server.answer_all();
        sim.sleep(MOMENT).await;
        assert_eq!(calls.ok().len(), 6);
    });
}

/// A server that allows no calls at all gets no more connections than the maximum.
#[test]
fn a_limit_of_zero_is_bounded_by_the_maximum() {
    let sim = Sim::new(1);
    let server = HandServer::start(&sim, 1, 0);
    let channel = scaling(&sim, 4).build().expect("a channel");
    sim.run(async {
        let results = join_all((0..20).map(|_| unary_within(&channel, "30S"))).await;
        for result in results {
            let words = ["free stream", "allows 0 concurrent calls"];
            result.expect(Code::DeadlineExceeded, &words);
        }
    });
    assert_eq!((server.accepts(), server.placed()), (4, vec![]));
}

/// The maximum is changed while the subchannel is live: a higher one adds a connection at once for
/// calls that wait, and a lower one closes none. It is no part of the subchannel's identity.
#[test]
fn the_maximum_changes_on_a_live_subchannel() {
    let sim = Sim::new(1);
    let server = HandServer::start(&sim, 1, 1);
    let list = |most| {
        let resolution = Resolution::new([Endpoint::new([address(1)])]);
        resolution.with_service_config(config(most))
    };
    let names = ManualResolver::with_initial("fleet", list(1));
    let channel = builder(&sim, "fleet:///any")
        .resolver(names.clone())
        .build();
    let channel = channel.expect("a channel");
    let mut calls = Calls::default();
    sim.run(async {
        calls.start(&sim, &channel, 4).await;
        assert_eq!((server.accepts(), server.placed()), (1, vec![0]));
        let _ = names.update(list(3)).await;
        sim.sleep(MOMENT).await;
        assert_eq!(server.placed(), [0, 1, 2]);
        let _ = names.update(list(1)).await;
        sim.sleep(MOMENT).await;
        assert_eq!(
            (sim.net().connections(), server.placed()),
            (3, vec![0, 1, 2])
        );
        // All three connections are used still. But none is added.
        server.answer_all();
        sim.sleep(MOMENT).await;
        calls.start(&sim, &channel, 4).await;
        assert_eq!(server.placed(), [0, 1, 2]);
        assert_eq!((calls.ok(), server.accepts()), (vec![0, 1, 2], 3));
    });
}

/// The channel's own limit, 10 unless the application sets another, is above the service config.
#[test]
fn the_channel_limits_the_maximum() {
    for (limit, expected) in [(None, 10), (Some(3), 3), (Some(0), 1), (Some(12), 12)] {
        let sim = Sim::new(1);
        let server = HandServer::start(&sim, 1, 1);
        let mut builder = scaling(&sim, 100);
        if let Some(limit) = limit {
            builder = builder.max_connections_per_subchannel_limit(limit);
        }
        let channel = builder.build().expect("a channel");
        let mut calls = Calls::default();
        sim.run(async {
            calls.start(&sim, &channel, 20).await;
            sim.sleep(MOMENT * 10).await;
        });
        assert_eq!(server.accepts(), expected, "{limit:?}");
    }
}

/// A server that closes each additional connection at once is not dialed in a loop.
#[test]
fn additional_connections_that_are_closed_at_once() {
    let sim = Sim::new(1);
    let server = HandServer::start(&sim, 1, 1);
    let channel = scaling(&sim, 2).build().expect("a channel");
    let mut calls = Calls::default();
    sim.run(async {
        calls.start(&sim, &channel, 1).await;
        // With a limit of zero, an additional connection gets no call before it is closed.
        server.set_limit(0);
        calls.start(&sim, &channel, 1).await;
        for _ in 0..600 {
            server.close(server.accepts() - 1);
            sim.sleep(MOMENT * 10).await;
            if server.accepts() == 1 {
                break;
            }
        }
        // An attempt a second at most, for a minute: each attempt that succeeds resets the back-off.
        let accepts = server.accepts();
        assert!((10..62).contains(&accepts), "{accepts}");
        assert_eq!((server.placed(), calls.ended()), (vec![0], vec![]));
    });
}

/// The state of a subchannel is the first that matches: READY with any connection, CONNECTING while an
/// attempt runs, TRANSIENT_FAILURE during a back-off, IDLE.
#[test]
fn the_state_is_the_first_that_matches() {
    // An attempt runs when the only connection is lost.
    let sim = Sim::new(1);
    let server = HandServer::start(&sim, 1, 1);
    let log = Log::new(&sim);
    let channel = scaling(&sim, 2).observer(log.clone()).build();
    let channel = channel.expect("a channel");
    let mut calls = Calls::default();
    sim.run(async {
        calls.start(&sim, &channel, 1).await;
        server.set_silent(true);
        calls.start(&sim, &channel, 1).await;
        log.take();
        server.close(0);
        sim.sleep(MOMENT).await;
        assert_eq!(log.take(), ["0 s: 1 lost, 0 left", "0 s: Connecting"]);
        server.send_settings(1);
        sim.sleep(MOMENT).await;
        assert_eq!(server.placed(), [1]);
        assert_eq!(log.take(), ["0 s: 2 connected, 1 open", "0 s: Ready"]);
        server.answer_all();
        sim.sleep(MOMENT).await;
        assert_eq!(calls.ended(), [(0, Code::Unavailable), (1, Code::Ok)]);
    });

    // The back-off runs. Calls fail, as they do in TRANSIENT_FAILURE.
    let sim = Sim::new(2);
    let server = HandServer::start(&sim, 1, 1);
    let log = Log::new(&sim);
    let channel = scaling(&sim, 2).observer(log.clone()).build();
    let channel = channel.expect("a channel");
    let mut calls = Calls::default();
    sim.run(async {
        calls.start(&sim, &channel, 1).await;
        sim.net().set_fate(address(1), ConnectFate::Refuse);
        calls.start(&sim, &channel, 1).await;
        log.take();
        server.close(0);
        sim.sleep(MOMENT).await;
        assert_eq!(log.take(), ["0 s: 1 lost, 0 left", "0 s: TransientFailure"]);
        let unavailable = |number| (number, Code::Unavailable);
        assert_eq!(calls.ended(), [unavailable(0), unavailable(1)]);
    });
}

/// The observer names each additional connection, and why it was added.
#[test]
fn additional_connections_are_observed() {
    let sim = Sim::new(1);
    let server = HandServer::start(&sim, 1, 1);
    let log = Log::new(&sim);
    let channel = scaling(&sim, 2).observer(log.clone()).build();
    let channel = channel.expect("a channel");
    let mut calls = Calls::default();
    sim.run(async {
        calls.start(&sim, &channel, 2).await;
        server.answer_all();
        sim.sleep(MOMENT).await;
        server.close(0);
        sim.sleep(MOMENT).await;
        server.close(1);
        sim.sleep(MOMENT).await;
    });
    let expected = [
        "0 s: Connecting",
        "0 s: 1 connected, 1 open",
        "0 s: Ready",
        "0 s: beyond 1",
        "0 s: 2 connected, 2 open",
        "0 s: 1 lost, 1 left",
        "0 s: 2 lost, 0 left",
        "0 s: Idle",
    ];
    assert_eq!(log.take(), expected);
}

/// A call whose deadline ends while it waits names what it waits for.
#[test]
fn the_deadline_of_a_call_in_line() {
    let sim = Sim::new(1);
    let server = HandServer::start(&sim, 1, 1);
    let channel = scaling(&sim, 2).build().expect("a channel");
    let mut calls = Calls::default();
    sim.run(async {
        calls.start(&sim, &channel, 2).await;
        let request = with_timeout(request(Full::new(Bytes::from_static(b"hello"))), "1S");
        let words = ["waiting for a free stream", "allows 1 concurrent calls"];
        call(&channel, request)
            .await
            .expect(Code::DeadlineExceeded, &words);
        server.answer_all();
        sim.sleep(MOMENT).await;
        calls.start(&sim, &channel, 2).await;
        assert_eq!(server.placed(), [0, 1]);
    });
}

/// Makes a protected connection first, and then connections whose data can be read on the path.
#[derive(Debug)]
struct FirstProtected {
    direct: DirectConnector,
    made: AtomicUsize,
}

impl Connector for FirstProtected {
    fn connect(&self, address: &Address) -> BoxFuture<io::Result<Connected>> {
        let level = match self.made.fetch_add(1, Ordering::Relaxed) {
            0 => SecurityLevel::PrivacyAndIntegrity,
            _ => SecurityLevel::IntegrityOnly,
        };
        let connecting = self.direct.connect(address);
        Box::pin(async move {
            let mut connected = connecting.await?;
            connected.info = connected.info.with_security(level);
            Ok(connected)
        })
    }
}

/// A call whose credentials were made for a protected connection is not sent on one that is protected
/// less: it leaves the line, and its credentials decide again.
#[test]
fn credentials_are_not_moved_to_a_connection_with_less_protection() {
    let sim = Sim::new(1);
    let server = HandServer::start(&sim, 1, 1);
    let connector = FirstProtected {
        direct: DirectConnector::new(sim.runtime()),
        made: AtomicUsize::new(0),
    };
    let channel = scaling(&sim, 2)
        .connector(connector)
        .call_credentials(BearerToken::new("abc.def"))
        .build()
        .expect("a channel");
    let mut calls = Calls::default();
    sim.run(async {
        calls.start(&sim, &channel, 2).await;
        assert_eq!((server.accepts(), server.placed()), (2, vec![0]));
        assert_eq!(calls.ended(), [(1, Code::Unauthenticated)]);
    });
}

/// A thousand calls at once, at a server that allows ten on each of at most ten connections, all
/// succeed.
#[test]
fn a_flood_of_calls() {
    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    backend.set_options(BackendOptions::default().with_max_concurrent_streams(10));
    backend.set_reply(CallReply::Echo.after(Duration::from_millis(50)));
    let channel = scaling(&sim, 100).build().expect("a channel");
    let start = sim.elapsed();
    for result in sim.run(join_all((0..1000).map(|_| unary(&channel, b"hello")))) {
        assert_eq!(result.expect_ok().data, "hello");
    }
    assert_eq!((backend.accepts(), backend.calls()), (10, 1000));
    // Ten rounds of a hundred calls, of which the first ones have fewer connections.
    let took = sim.elapsed() - start;
    assert!(took < Duration::from_secs(1), "{took:?}");
}

/// Calls of all kinds at servers that restart, under several connections: none but those in flight on
/// a lost connection fails.
#[test]
fn rolling_restarts() {
    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    let options = BackendOptions::default()
        .with_max_concurrent_streams(3)
        .with_max_connection_age(Duration::from_secs(1));
    backend.set_options(options);
    backend.set_reply(CallReply::Echo.after(Duration::from_millis(30)));
    let channel = scaling(&sim, 4).build().expect("a channel");
    let caller = || async {
        for _ in 0..200 {
            unary(&channel, b"hello").await.expect_ok();
        }
    };
    sim.run(join_all((0..20).map(|_| caller())));
    assert_eq!(backend.calls(), 4000);
    assert!(backend.accepts() > 12, "{}", backend.accepts());
}

/// `enter_idle` and the idle timeout close all connections of a subchannel, and the next call starts
/// with one.
#[test]
fn idleness_closes_all_connections() {
    let sim = Sim::new(1);
    let server = HandServer::start(&sim, 1, 1);
    let channel = scaling(&sim, 3)
        .idle_timeout(Duration::from_secs(60))
        .build()
        .expect("a channel");
    let mut calls = Calls::default();
    sim.run(async {
        calls.start(&sim, &channel, 3).await;
        assert_eq!(sim.net().connections(), 3);
        channel.enter_idle();
        sim.sleep(MOMENT).await;
        // Calls in progress go on.
        assert_eq!(sim.net().connections(), 3);
        server.answer_all();
        sim.sleep(MOMENT).await;
        assert_eq!((calls.ok().len(), sim.net().connections()), (3, 0));
        calls.start(&sim, &channel, 3).await;
        assert_eq!(server.placed(), [3, 4, 5]);
        // Calls that are open keep the channel awake.
        sim.sleep(Duration::from_secs(120)).await;
        assert_eq!(sim.net().connections(), 3);
        server.answer_all();
        sim.sleep(Duration::from_secs(80)).await;
        assert_eq!(sim.net().connections(), 0);
        assert_eq!(channel.state(), ConnectivityState::Idle);
    });
}

/// `enter_idle` while calls wait in line: they leave idleness, and are sent on the next connection.
#[test]
fn idleness_while_calls_wait_in_line() {
    let sim = Sim::new(1);
    let server = HandServer::start(&sim, 1, 1);
    let channel = scaling(&sim, 2).build().expect("a channel");
    let mut calls = Calls::default();
    sim.run(async {
        calls.start(&sim, &channel, 4).await;
        channel.enter_idle();
        sim.sleep(MOMENT).await;
        assert_eq!(server.placed(), [0, 1, 2, 3]);
        server.answer_all();
        sim.sleep(MOMENT).await;
        assert_eq!((calls.ok().len(), sim.net().connections()), (4, 2));
    });
}

/// `close` lets all calls end, also those that wait in line, and cancels those that are left when the
/// time is over. Nothing stays.
#[test]
fn closing_with_calls_in_line() {
    let sim = Sim::new(1);
    let server = HandServer::start(&sim, 1, 1);
    let channel = scaling(&sim, 2).build().expect("a channel");
    let mut calls = Calls::default();
    let closing = channel.clone();
    sim.run(async {
        calls.start(&sim, &channel, 6).await;
        let closed = sim.runtime();
        let answers = Arc::new(Lock::new(None));
        let answer = Arc::clone(&answers);
        closed.spawn(Box::pin(async move {
            *answer.lock() = Some(closing.close(Duration::from_secs(5)).await);
        }));
        sim.sleep(Duration::from_secs(1)).await;
        server.answer_all();
        sim.sleep(MOMENT).await;
        assert_eq!((calls.ok().len(), server.placed().len()), (2, 2));
        sim.sleep(Duration::from_secs(5)).await;
        let closed = answers.lock().expect("an answer");
        assert_eq!(closed.cancelled_calls, 4);
        let ended = calls.ended();
        assert_eq!(ended.len(), 6);
        let cancelled = ended.iter().filter(|(_, code)| *code == Code::Cancelled);
        assert_eq!(cancelled.count(), 4);
        assert_eq!(sim.net().connections(), 0);
    });
}

/// Runs the simulation until nothing is left to do, and returns the number of tasks that stay.
fn tasks(sim: &Sim) -> usize {
    let stuck = sim.try_run(pending::<()>()).expect_err("a deadlock");
    assert_eq!(stuck.kind, StuckKind::Deadlock, "{stuck}");
    stuck.tasks.len()
}

/// Nothing is left of additional connections and of calls that waited for them, however they ended.
#[test]
fn nothing_is_left_of_connections() {
    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    backend.set_options(BackendOptions::default().with_max_concurrent_streams(2));
    backend.set_reply(CallReply::Echo.after(Duration::from_millis(50)));
    let channel = scaling(&sim, 5).build().expect("a channel");
    let mut calls = Calls::default();
    let mut left = Vec::new();
    for round in 0..20 {
        sim.run(async {
            calls.start(&sim, &channel, 30).await;
            for number in 0..30 {
                if (number + round) % 3 == 0 {
                    calls.cancel(&sim, round * 30 + number).await;
                }
            }
            sim.sleep(Duration::from_secs(3)).await;
            channel.enter_idle();
            sim.sleep(Duration::from_secs(1)).await;
        });
        left.push((tasks(&sim), sim.net().connections()));
    }
    assert!(
        left.iter().all(|own| *own == left[0] && own.1 == 0),
        "{left:?}"
    );
    assert!(calls.ok().len() >= 400);
    drop(channel);
    sim.run(sim.sleep(MOMENT));
    assert!(tasks(&sim) < left[0].0);
}
