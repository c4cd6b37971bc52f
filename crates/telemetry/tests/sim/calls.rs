//! Calls and attempts: [gRFC A66](https://github.com/grpc/proposal/blob/master/A66-otel-stats.md).

use trunkline_sim::{CallReply, Sim};
use trunkline_status::Code;
use trunkline_telemetry::{MetricsOptions, instruments};

use crate::world::{
    GET, MS, backend, builder, call, call_within, failing, measured, measured_with, only, target,
};

/// The default instruments of one call: attempts that started, their duration, the bytes of their
/// messages without the gRPC prefix, and the duration of the call. A round trip takes 2 ms.
#[test]
fn a_call_is_measured() {
    let sim = Sim::new(1);
    let backend = backend(&sim, 1);
    let (channel, sink) = measured(&sim);
    sim.run(async {
        // The first call makes the connection.
        assert_eq!(call(&channel, GET, b"hello").await, Code::Ok);
        sink.clear();
        backend.push_reply(CallReply::Echo.after(100 * MS));
        assert_eq!(call(&channel, GET, b"hello").await, Code::Ok);
    });
    let labels = format!("grpc.method=orders.Orders/Get, grpc.target={}", target(1));
    assert_eq!(
        sink.lines(),
        [
            format!("grpc.client.attempt.duration{{{labels}, grpc.status=OK}} [0.102]"),
            format!(
                "grpc.client.attempt.rcvd_total_compressed_message_size{{{labels}, grpc.status=OK}} [5]"
            ),
            format!(
                "grpc.client.attempt.sent_total_compressed_message_size{{{labels}, grpc.status=OK}} [5]"
            ),
            format!("grpc.client.attempt.started{{{labels}}} 1"),
            format!("grpc.client.call.duration{{{labels}, grpc.status=OK}} [0.102]"),
        ]
    );
}

/// Each status has its own series. A deadline of the client and a reply of a server are told apart by
/// the status alone.
#[test]
fn statuses_are_told_apart() {
    let sim = Sim::new(1);
    let backend = backend(&sim, 1);
    let options = only(&[&instruments::CALL_DURATION]);
    let (channel, sink) = measured_with(builder(&sim, 1), options);
    sim.run(async {
        call(&channel, GET, b"").await;
        sink.clear();
        backend.push_reply(failing(Code::NotFound).after(20 * MS));
        backend.push_reply(failing(Code::NotFound).after(30 * MS));
        backend.push_reply(CallReply::Never);
        assert_eq!(call(&channel, GET, b"").await, Code::NotFound);
        assert_eq!(call(&channel, GET, b"").await, Code::NotFound);
        let ended = call_within(&channel, GET, b"", Some("50m")).await;
        assert_eq!(ended, Code::DeadlineExceeded);
    });
    let labels = format!("grpc.method=orders.Orders/Get, grpc.target={}", target(1));
    assert_eq!(
        sink.lines(),
        [
            format!("grpc.client.call.duration{{{labels}, grpc.status=DEADLINE_EXCEEDED}} [0.05]"),
            format!("grpc.client.call.duration{{{labels}, grpc.status=NOT_FOUND}} [0.022, 0.032]"),
        ]
    );
}

/// Calls that are open, and attempts that wait, are 0 again once all calls have ended.
#[test]
fn open_calls_are_counted() {
    let sim = Sim::new(1);
    let backend = backend(&sim, 1);
    let options = only(&[&instruments::CALLS_OPEN, &instruments::ATTEMPTS_WAITING]);
    let (channel, sink) = measured_with(builder(&sim, 1), options);
    let series = |name: &str, value: u8| format!("{name}{{grpc.target={}}} {value}", target(1));
    let waiting = "trunkline.client.attempts.waiting";
    let open = "trunkline.client.calls.open";
    sim.run(async {
        backend.push_reply(CallReply::Never);
        let call = call_within(&channel, GET, b"", Some("1S"));
        let look = async {
            sim.sleep(500 * MS).await;
            assert_eq!(sink.lines(), [series(waiting, 0), series(open, 1)]);
        };
        futures_util::future::join(call, look).await;
    });
    assert_eq!(sink.lines(), [series(waiting, 0), series(open, 0)]);
}

/// Nothing of a call is asked for where no instrument of calls is recorded.
#[test]
fn calls_are_left_alone_without_their_instruments() {
    let sim = Sim::new(1);
    backend(&sim, 1);
    let options = MetricsOptions::default().with_methods(["none"]);
    let mut options = options.with_instrument(&instruments::OPEN_CONNECTIONS);
    options.instruments.retain(|own| !own.is_default);
    let (channel, sink) = measured_with(builder(&sim, 1), options);
    sim.run(async { assert_eq!(call(&channel, GET, b"").await, Code::Ok) });
    let open = format!(
        "grpc.subchannel.open_connections{{grpc.target={}}} 1",
        target(1)
    );
    assert_eq!(sink.lines(), [open]);
}
