//! Connections: [gRFC A94](https://github.com/grpc/proposal/blob/master/A94-subchannel-otel-metrics.md).

use trunkline_channel::ChannelBuilder;
use trunkline_sim::{CallReply, ConnectFate, Sim};
use trunkline_status::Code;
use trunkline_telemetry::{LabelKey, MetricsOptions, instruments};

use crate::world::{GET, MS, SECOND, address, backend, builder, call, measured_with, only, target};

/// The instruments of gRFC A94 with the optional labels that need no xDS.
fn options() -> MetricsOptions {
    only(&[
        &instruments::DISCONNECTIONS,
        &instruments::CONNECTION_ATTEMPTS_SUCCEEDED,
        &instruments::CONNECTION_ATTEMPTS_FAILED,
        &instruments::OPEN_CONNECTIONS,
    ])
    .with_optional_label(LabelKey::DISCONNECT_ERROR)
    .with_optional_label(LabelKey::SECURITY_LEVEL)
}

fn lines(target: &str, lines: &[&str]) -> Vec<String> {
    let lines = lines.iter();
    let lines = lines.map(|line| format!("grpc.subchannel.{line}").replace("TARGET", target));
    lines.collect()
}

/// A GOAWAY, a reset and the end of the channel are told apart. Each connection is counted once,
/// and none is open at the end.
#[test]
fn losses_have_reasons() {
    let sim = Sim::new(1);
    let backend = backend(&sim, 1);
    let (channel, sink) = measured_with(builder(&sim, 1), options());
    let target = target(1);
    sim.run(async {
        assert_eq!(call(&channel, GET, b"").await, Code::Ok);
        assert_eq!(
            sink.lines(),
            lines(
                &target,
                &[
                    "connection_attempts_succeeded{grpc.target=TARGET} 1",
                    "open_connections{grpc.target=TARGET, grpc.security_level=none} 1",
                ]
            )
        );
        backend.push_reply(CallReply::GoAway);
        call(&channel, GET, b"").await;
        sim.sleep(2 * SECOND).await;
        call(&channel, GET, b"").await;
        backend.push_reply(CallReply::DropConnection);
        call(&channel, GET, b"").await;
        sim.sleep(2 * SECOND).await;
        call(&channel, GET, b"").await;
        drop(channel);
        sim.sleep(2 * SECOND).await;
    });
    assert_eq!(
        sink.lines(),
        lines(
            &target,
            &[
                "connection_attempts_succeeded{grpc.target=TARGET} 3",
                "disconnections{grpc.target=TARGET, grpc.disconnect_error=GOAWAY NO_ERROR} 1",
                "disconnections{grpc.target=TARGET, grpc.disconnect_error=connection reset} 1",
                "disconnections{grpc.target=TARGET, grpc.disconnect_error=subchannel shutdown} 1",
                "open_connections{grpc.target=TARGET, grpc.security_level=none} 0",
            ]
        )
    );
}

/// Failed attempts are counted; those that Happy Eyeballs gives up because another one succeeded are not
/// ("we should not record the connection attempt or the disconnection").
#[test]
fn abandoned_attempts_are_not_counted() {
    let sim = Sim::new(1);
    sim.net().set_fate(address(1), ConnectFate::Refuse);
    sim.net().set_fate(address(2), ConnectFate::Silent);
    backend(&sim, 3);
    let (channel, sink) = measured_with(builder(&sim, 3), options());
    let target = target(3);
    sim.run(async {
        assert_eq!(call(&channel, GET, b"").await, Code::Ok);
        sim.sleep(100 * MS).await;
    });
    assert_eq!(
        sink.lines(),
        lines(
            &target,
            &[
                "connection_attempts_failed{grpc.target=TARGET} 1",
                "connection_attempts_succeeded{grpc.target=TARGET} 1",
                "open_connections{grpc.target=TARGET, grpc.security_level=none} 1",
            ]
        )
    );
}

/// The channel is counted in one state at a time, and in none once it is closed.
#[test]
fn channels_are_counted_by_state() {
    let sim = Sim::new(1);
    backend(&sim, 1);
    let build = |channel: ChannelBuilder| measured_with(channel, only(&[&instruments::CHANNELS]));
    let (channel, sink) = build(builder(&sim, 1));
    let states = |expected: &[(&str, i8)]| {
        let line = |(state, count): &(&str, i8)| {
            let labels = format!("grpc.target={}", target(1));
            format!("trunkline.channels{{{labels}, trunkline.channel.state={state}}} {count}")
        };
        let expected: Vec<String> = expected.iter().map(line).collect();
        assert_eq!(sink.lines(), expected);
    };
    states(&[("IDLE", 1)]);
    sim.run(async {
        call(&channel, GET, b"").await;
        states(&[("CONNECTING", 0), ("IDLE", 0), ("READY", 1)]);
        drop(channel);
        sim.sleep(SECOND).await;
    });
    states(&[("CONNECTING", 0), ("IDLE", 0), ("READY", 0)]);
}
