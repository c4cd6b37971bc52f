//! A policy watches a streaming call over the connection of a subchannel, as health checks and
//! out-of-band load reports do.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::server::Builder;
use http::uri::PathAndQuery;
use trunkline_channel::Channel;
use trunkline_lb::{Watch, WatchEvent};
use trunkline_sim::Sim;
use trunkline_status::{Code, Status};

use crate::policy::{TEST_POLICY, TestPolicyFactory, WatchLog};
use crate::world::{ServerCall, address, builder, echo, response_head, send_all, serve, unary};

/// A channel to host 1 whose policy watches `/health/Watch` with the request `who`.
fn watching(sim: &Sim) -> (Channel, WatchLog) {
    let log = WatchLog::default();
    let path = PathAndQuery::from_static("/health/Watch");
    let watch = Watch::new(path, Bytes::from_static(b"who"));
    let channel = builder(sim, format!("ipv4:{}", address(1)))
        .policy(TestPolicyFactory::with_watch(watch, &log))
        .default_service_config(TEST_POLICY)
        .build()
        .expect("a channel");
    (channel, log)
}

/// Answers a watch with `data` and then with the status; echoes every other call.
async fn answer(mut incoming: ServerCall, data: Vec<u8>, status: Option<Status>) {
    if incoming.head.uri.path() != "/health/Watch" {
        return echo(incoming).await;
    }
    let request = incoming
        .body
        .data()
        .await
        .expect("a request")
        .expect("data");
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

fn check(data: &'static [u8], status: Option<Status>, expected: &[WatchEvent]) {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), move |incoming| {
        answer(incoming, data.to_vec(), status.clone())
    });
    let (channel, log) = watching(&sim);
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        let runtime = sim.runtime();
        runtime
            .sleep_until(runtime.now() + Duration::from_secs(1))
            .await;
        unary(&channel, b"the connection still serves")
            .await
            .expect_ok();
    });
    assert_eq!(*log.lock(), expected);
}

fn message(data: &'static [u8]) -> WatchEvent {
    WatchEvent::Message(Bytes::from_static(data))
}

/// Each message is one event, and so is the end with the server's status.
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

/// A watch goes on as long as the server does.
#[test]
fn a_watch_stays_open() {
    check(b"\0\0\0\0\x02up\0\0", None, &[message(b"up")]);
}

/// A message over the limit ends the watch, and no call.
#[test]
fn a_message_over_the_limit_ends_the_watch() {
    let text = "a message of 65537 bytes arrived; the limit is 65536 bytes";
    let ended = WatchEvent::Ended(Status::new(Code::ResourceExhausted, text));
    check(b"\0\0\x01\0\x01", None, &[ended]);
}

/// A lost connection ends its watch; the next connection has one of its own.
#[test]
fn a_lost_connection_ends_its_watch() {
    let sim = Sim::new(1);
    let counts = serve(&sim, 1, Builder::new(), |incoming| {
        answer(incoming, b"\0\0\0\0\x02up".to_vec(), None)
    });
    let (channel, log) = watching(&sim);
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        let runtime = sim.runtime();
        let second = Duration::from_secs(1);
        runtime.sleep_until(runtime.now() + second).await;
        sim.net().kill(address(1).ip());
        runtime.sleep_until(runtime.now() + second).await;
    });
    assert_eq!(counts.accepts(), 1);
    let log = Arc::clone(&log);
    let events = log.lock();
    let [WatchEvent::Message(_), WatchEvent::Ended(status), ..] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(status.code(), Code::Unavailable);
}
