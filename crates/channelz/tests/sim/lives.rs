//! A channel, its subchannels and its sockets at each stage of their lives.

use std::time::Duration;

use tonic::Code;
use trunkline_channelz::ChannelzOptions;
use trunkline_endpoint::Endpoint;
use trunkline_resolver::{ManualResolver, Resolution};
use trunkline_sim::{CallReply, ConnectFate};

use crate::world::{
    Names, ROUND_ROBIN, SECOND, World, address, call, only_socket, only_subchannel,
};

/// A channel is there once it is built, with what was known then.
///
/// Source: [gRFC A14](https://github.com/grpc/proposal/blob/master/A14-channelz.md), channel data.
#[test]
fn a_channel_that_is_idle() {
    let world = World::new();
    let _channel = world.channel(1);
    world.sim.run(async {
        let channel = world.only_channel().await;
        let expected = "\
channel a ipv4:198.51.100.1:50051
IDLE ipv4:198.51.100.1:50051
calls 0 = 0 ok + 0 failed, last never
created 0.000, 1 events
0.000 INFO the channel was built";
        assert_eq!(world.show(&channel, &mut Names::default()), expected);
    });
}

/// A channel that connects shows its subchannel, which has no socket.
#[test]
fn a_channel_that_connects() {
    let world = World::new();
    let channel = world.channel(1);
    world.sim.net().set_fate(address(1), ConnectFate::Silent);
    world.sim.run(async {
        world.sim.sleep(SECOND).await;
        channel.connect().expect("a channel that is open");
        world.sim.sleep(SECOND).await;
        let mut names = Names::default();
        let shown = world.only_channel().await;
        let expected = "\
channel a ipv4:198.51.100.1:50051
CONNECTING ipv4:198.51.100.1:50051
calls 0 = 0 ok + 0 failed, last never
created 0.000, 7 events
0.000 INFO the channel was built
1.000 INFO the channel left idleness, and resolves its name
1.000 INFO the channel is CONNECTING
1.000 INFO 1 endpoint: 198.51.100.1:50051
1.000 INFO the service config names no policy: the channel's default is used
1.000 INFO calls are balanced by pick_first
1.000 INFO 198.51.100.1:50051 created (b 198.51.100.1:50051)
subchannel b 198.51.100.1:50051";
        assert_eq!(world.show(&shown, &mut names), expected);
        let subchannel = world.get_subchannel(only_subchannel(&shown)).await;
        let subchannel = subchannel.expect("a subchannel");
        let expected = "\
subchannel b 198.51.100.1:50051
CONNECTING 198.51.100.1:50051, connections <= 1
calls 0 = 0 ok + 0 failed, last never
created 1.000, 2 events
1.000 INFO 198.51.100.1:50051 created
1.000 INFO 198.51.100.1:50051 CONNECTING";
        assert_eq!(world.show_subchannel(&subchannel, &mut names), expected);
    });
}

/// A channel that is READY shows its calls, those that succeed and those that fail, and a socket.
#[test]
fn a_channel_that_is_ready() {
    let world = World::new();
    let backend = world.backend(1);
    let channel = world.channel(1);
    world.sim.run(async {
        assert_eq!(call(&channel).await, Code::Ok);
        world.sim.sleep(SECOND).await;
        backend.push_reply(CallReply::Status {
            code: Code::PermissionDenied as u32,
            message: "no".to_owned(),
        });
        assert_eq!(call(&channel).await, Code::PermissionDenied);
        let mut names = Names::default();
        let shown = world.only_channel().await;
        let expected = "\
channel a ipv4:198.51.100.1:50051
READY ipv4:198.51.100.1:50051
calls 2 = 1 ok + 1 failed, last 1.004
created 0.000, 8 events
0.000 INFO the channel was built
0.000 INFO the channel left idleness, and resolves its name
0.000 INFO the channel is CONNECTING
0.000 INFO 1 endpoint: 198.51.100.1:50051
0.000 INFO the service config names no policy: the channel's default is used
0.000 INFO calls are balanced by pick_first
0.000 INFO 198.51.100.1:50051 created (b 198.51.100.1:50051)
0.002 INFO the channel is READY
subchannel b 198.51.100.1:50051";
        assert_eq!(world.show(&shown, &mut names), expected);
        let subchannel = world.get_subchannel(only_subchannel(&shown)).await;
        let subchannel = subchannel.expect("a subchannel");
        let expected = "\
subchannel b 198.51.100.1:50051
READY 198.51.100.1:50051, connections <= 1
calls 2 = 1 ok + 1 failed, last 1.004
created 0.000, 4 events
0.000 INFO 198.51.100.1:50051 created
0.000 INFO 198.51.100.1:50051 CONNECTING
0.002 INFO 198.51.100.1:50051: connected to 198.51.100.1:50051 (connection 1)
0.002 INFO 198.51.100.1:50051 READY
socket c 198.51.100.1:50051";
        assert_eq!(world.show_subchannel(&subchannel, &mut names), expected);
    });
}

/// A lost connection takes its socket with it, and the trace has the reason. The old id is not found
/// any more, and the next connection has another one.
#[test]
fn a_connection_that_is_lost() {
    let world = World::new();
    let backend = world.backend(1);
    let channel = world.channel(1);
    world.sim.run(async {
        assert_eq!(call(&channel).await, Code::Ok);
        let shown = world.only_channel().await;
        let id = only_subchannel(&shown);
        let first = only_socket(&world.get_subchannel(id).await.expect("a subchannel"));
        assert!(world.get_socket(first).await.is_ok());
        backend.kill();
        world.sim.sleep(SECOND).await;
        let mut names = Names::default();
        let subchannel = world.get_subchannel(id).await.expect("a subchannel");
        let expected = "\
subchannel a 198.51.100.1:50051
IDLE 198.51.100.1:50051, connections <= 1
calls 1 = 1 ok + 0 failed, last 0.002
created 0.000, 6 events
0.000 INFO 198.51.100.1:50051 created
0.000 INFO 198.51.100.1:50051 CONNECTING
0.002 INFO 198.51.100.1:50051: connected to 198.51.100.1:50051 (connection 1)
0.002 INFO 198.51.100.1:50051 READY
0.013 WARNING 198.51.100.1:50051 lost: 198.51.100.1:50051: connection reset
0.013 INFO 198.51.100.1:50051 IDLE";
        assert_eq!(world.show_subchannel(&subchannel, &mut names), expected);
        let lost = world.get_socket(first).await.expect_err("no socket");
        assert_eq!(lost.code(), Code::NotFound);
        backend.restart();
        world.sim.sleep(10 * SECOND).await;
        assert_eq!(call(&channel).await, Code::Ok);
        let again = only_socket(&world.get_subchannel(id).await.expect("a subchannel"));
        assert!(again > first);
    });
}

fn endpoints(hosts: &[u8]) -> Resolution {
    let endpoints = hosts.iter().map(|host| Endpoint::new([address(*host)]));
    Resolution::new(endpoints.collect::<Vec<_>>())
}

/// A subchannel that was removed has left the channel's list, and can be looked up while an event of
/// the channel's trace refers to it.
///
/// Source: [gRFC A3](https://github.com/grpc/proposal/blob/master/A3-channel-tracing.md): a trace is
/// kept as long as there are events that refer to it.
#[test]
fn a_subchannel_that_was_removed() {
    let options = ChannelzOptions::default().with_trace_events(4);
    let world = World::with_options(options);
    for host in 1..=4 {
        world.backend(host);
    }
    let names = ManualResolver::with_initial("fleet", endpoints(&[1]));
    let channel = world.builder("fleet:all").resolver(names.clone());
    let channel = channel.default_service_config(ROUND_ROBIN).build();
    let channel = channel.expect("a channel");
    world.sim.run(async {
        assert_eq!(call(&channel).await, Code::Ok);
        let id = only_subchannel(&world.only_channel().await);
        names.update(endpoints(&[2]));
        world.sim.sleep(SECOND).await;
        let shown = world.only_channel().await;
        let mut short = Names::default();
        let expected = "\
channel a fleet:all
READY fleet:all
calls 1 = 1 ok + 0 failed, last 0.000
created 0.000, 12 events
0.008 INFO 198.51.100.2:50051 created (b 198.51.100.2:50051)
0.008 INFO 198.51.100.1:50051 removed (c 198.51.100.1:50051)
0.008 INFO the channel is CONNECTING
0.010 INFO the channel is READY
subchannel b 198.51.100.2:50051";
        assert_eq!(world.show(&shown, &mut short), expected);
        assert_ne!(only_subchannel(&shown), id);
        let removed = world.get_subchannel(id).await.expect("a subchannel");
        let expected = "\
subchannel c 198.51.100.1:50051
SHUTDOWN 198.51.100.1:50051, connections <= 1
calls 1 = 1 ok + 0 failed, last 0.002
created 0.000, 5 events
0.000 INFO 198.51.100.1:50051 CONNECTING
0.002 INFO 198.51.100.1:50051: connected to 198.51.100.1:50051 (connection 1)
0.002 INFO 198.51.100.1:50051 READY
0.008 INFO 198.51.100.1:50051 removed";
        assert_eq!(world.show_subchannel(&removed, &mut short), expected);
        // Events of other subchannels take the places of those about it.
        names.update(endpoints(&[3]));
        world.sim.sleep(SECOND).await;
        names.update(endpoints(&[4]));
        world.sim.sleep(SECOND).await;
        let error = world.get_subchannel(id).await.expect_err("dropped");
        assert_eq!(error.code(), Code::NotFound);
    });
}

/// No endpoint after some, and some after none, are events of the channel; another list is none.
#[test]
fn resolutions_that_matter() {
    let world = World::new();
    let names = ManualResolver::with_initial("fleet", endpoints(&[1]));
    let channel = world.builder("fleet:all").resolver(names.clone());
    let channel = channel.default_service_config(ROUND_ROBIN).build();
    let channel = channel.expect("a channel");
    world.sim.run(async {
        channel.connect().expect("a channel that is open");
        for hosts in [&[1][..], &[1, 2], &[], &[], &[2], &[3]] {
            world.sim.sleep(SECOND).await;
            names.update(endpoints(hosts));
        }
        world.sim.sleep(SECOND).await;
        let shown = world.only_channel().await;
        let trace = shown.data.expect("data").trace.expect("a trace");
        let texts = trace.events.iter().map(|event| event.description.as_str());
        let texts: Vec<_> = texts.filter(|text| text.contains("endpoint")).collect();
        let expected = [
            "1 endpoint: 198.51.100.1:50051",
            "no endpoints",
            "the list of endpoints cannot be used: name resolver error: produced zero addresses",
            "1 endpoint: 198.51.100.2:50051",
        ];
        assert_eq!(texts, expected);
    });
}

/// A channel disappears when it ends: when it is closed, or its last clone is dropped, or when it was
/// never used. Channelz does not keep it.
#[test]
fn channels_that_end() {
    let world = World::new();
    world.backend(1);
    let [closed, dropped, unused, closed_unused, kept] = [(); 5].map(|()| world.channel(1));
    world.sim.run(async {
        for channel in [&closed, &dropped, &kept] {
            assert_eq!(call(channel).await, Code::Ok);
        }
        let ids = world.channels().await;
        assert_eq!(ids.len(), 5);
        let gone = only_subchannel(&world.get_channel(ids[1]).await.expect("a channel"));
        closed.close(Duration::ZERO).await;
        closed_unused.close(Duration::ZERO).await;
        drop((dropped, unused));
        world.sim.sleep(SECOND).await;
        assert_eq!(world.channels().await, ids[4..]);
        for id in &ids[..4] {
            let error = world.get_channel(*id).await.expect_err("it has ended");
            assert_eq!(error.code(), Code::NotFound);
        }
        let error = world.get_subchannel(gone).await.expect_err("it has ended");
        assert_eq!(error.code(), Code::NotFound);
        drop(kept);
        assert!(world.channels().await.is_empty());
    });
}
