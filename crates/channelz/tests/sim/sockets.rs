//! Sockets and their numbers.
//!
//! Source: [gRFC A14](https://github.com/grpc/proposal/blob/master/A14-channelz.md), socket data.

use tonic::Code;
use trunkline_channelz::proto::address::{Address, OtherAddress, TcpIpAddress, UdsAddress};
use trunkline_channelz::proto::{self, Socket, SocketData, SocketRef};
use trunkline_runtime::UnixAddr;
use trunkline_sim::{BackendOptions, CallReply};

use crate::world::{SECOND, World, address, call, only_socket, only_subchannel};

fn tcp(ip: [u8; 4], port: i32) -> proto::Address {
    let ip_address = ip.to_vec();
    proto::Address {
        address: Some(Address::TcpipAddress(TcpIpAddress { ip_address, port })),
    }
}

/// A socket shows both addresses, its streams and how they ended, its messages, and the limit of the
/// server.
#[test]
fn a_socket_with_calls() {
    let world = World::new();
    let backend = world.backend(1);
    backend.set_options(BackendOptions::default().with_max_concurrent_streams(7));
    let channel = world.channel(1);
    world.sim.run(async {
        assert_eq!(call(&channel).await, Code::Ok);
        world.sim.sleep(SECOND).await;
        assert_eq!(call(&channel).await, Code::Ok);
        backend.push_reply(CallReply::ResetStream(2));
        assert_eq!(call(&channel).await, Code::Internal);
        let shown = world.only_channel().await;
        let subchannel = world.get_subchannel(only_subchannel(&shown)).await;
        let id = only_socket(&subchannel.expect("a subchannel"));
        let socket = world.get_socket(id).await.expect("a socket");
        let expected = Socket {
            r#ref: Some(SocketRef {
                socket_id: id,
                name: address(1).to_string(),
            }),
            data: Some(SocketData {
                streams_started: 3,
                streams_succeeded: 2,
                streams_failed: 1,
                messages_sent: 3,
                messages_received: 2,
                last_local_stream_created_timestamp: world.at(1_006),
                // Each message has 10 bytes with its prefix.
                local_flow_control_window: Some(65_535 - 3 * 10),
                remote_flow_control_window: Some((1 << 31) - 1 - 2 * 10),
                peer_max_concurrent_streams: 7,
                ..SocketData::default()
            }),
            local: Some(tcp([192, 0, 2, 1], 32_768)),
            remote: Some(tcp([198, 51, 100, 1], 50051)),
            ..Socket::default()
        };
        assert_eq!(socket, expected);
    });
}

/// With more than one connection, a subchannel shows the most it may have, by the service config and by
/// the limit of the channel, and a socket for each.
///
/// Source: [gRFC A105](https://github.com/grpc/proposal/blob/master/A105-max_concurrent_streams-connection-scaling.md).
#[test]
fn a_socket_for_each_connection() {
    let world = World::new();
    let backend = world.backend(1);
    backend.set_options(BackendOptions::default().with_max_concurrent_streams(1));
    backend.set_reply(CallReply::Echo.after(SECOND));
    let builder = world.builder(format!("ipv4:{}", address(1)));
    let builder = builder.max_connections_per_subchannel_limit(2);
    let config = r#"{"connectionScaling": {"maxConnectionsPerSubchannel": 5}}"#;
    let channel = builder.default_service_config(config).build();
    let channel = channel.expect("a channel");
    for _ in 0..2 {
        let channel = channel.clone();
        world.sim.spawn("a call", async move {
            assert_eq!(call(&channel).await, Code::Ok);
        });
    }
    world.sim.run(async {
        world.sim.sleep(3 * SECOND).await;
        let shown = world.only_channel().await;
        let subchannel = world.get_subchannel(only_subchannel(&shown)).await;
        let subchannel = subchannel.expect("a subchannel");
        let data = subchannel.data.expect("data");
        assert_eq!(
            (data.max_connections_per_subchannel, data.calls_succeeded),
            (2, 2)
        );
        let mut found = Vec::new();
        for socket in subchannel.socket_ref {
            let socket = world.get_socket(socket.socket_id).await.expect("a socket");
            let data = socket.data.expect("data");
            found.push((
                data.streams_succeeded,
                data.messages_received,
                data.peer_max_concurrent_streams,
            ));
        }
        assert_eq!(found, [(1, 1, 1), (1, 1, 1)]);
    });
}

/// A stream that is open counts as started, and its messages count at its end. A call that ends after
/// its socket left the subchannel counts for the subchannel.
#[test]
fn a_call_that_outlives_its_socket() {
    let world = World::new();
    let backend = world.backend(1);
    backend.set_reply(CallReply::Echo.after(2 * SECOND));
    let channel = world.channel(1);
    let calling = channel.clone();
    world.sim.spawn("a call", async move {
        assert_eq!(call(&calling).await, Code::Ok);
    });
    world.sim.run(async {
        world.sim.sleep(SECOND).await;
        let shown = world.only_channel().await;
        let id = only_subchannel(&shown);
        let subchannel = world.get_subchannel(id).await.expect("a subchannel");
        let socket = world.get_socket(only_socket(&subchannel)).await;
        let data = socket.expect("a socket").data.expect("data");
        let streams = [
            data.streams_started,
            data.streams_succeeded,
            data.streams_failed,
        ];
        assert_eq!((streams, data.messages_sent), ([1, 0, 0], 0));
        // The server sends GOAWAY, and answers the call later.
        backend.stop_gracefully();
        world.sim.sleep(SECOND / 2).await;
        let subchannel = world.get_subchannel(id).await.expect("a subchannel");
        let counts = |data: &proto::ChannelData| {
            [data.calls_started, data.calls_succeeded, data.calls_failed]
        };
        let data = subchannel.data.as_ref().expect("data");
        assert_eq!((subchannel.socket_ref.len(), counts(data)), (0, [1, 0, 0]));
        world.sim.sleep(SECOND).await;
        let subchannel = world.get_subchannel(id).await.expect("a subchannel");
        assert_eq!(counts(&subchannel.data.expect("data")), [1, 1, 0]);
    });
}

/// A Unix socket shows its path, and one in the abstract namespace its name.
#[test]
fn unix_sockets() {
    let world = World::new();
    for (target, expected) in [
        (
            "unix:/run/orders.sock",
            Address::UdsAddress(UdsAddress {
                filename: "/run/orders.sock".to_owned(),
            }),
        ),
        (
            "unix-abstract:orders",
            Address::OtherAddress(OtherAddress {
                name: "unix-abstract:orders".to_owned(),
                value: None,
            }),
        ),
    ] {
        let name = target.split_once(':').expect("a scheme").1;
        let peer = if target.starts_with("unix:") {
            UnixAddr::from_path(name)
        } else {
            UnixAddr::from_abstract_name(name)
        };
        world.sim.backend(peer);
        let channel = world.builder(target).build().expect("a channel");
        world.sim.run(async {
            assert_eq!(call(&channel).await, Code::Ok);
            let shown = world.only_channel().await;
            let subchannel = world.get_subchannel(only_subchannel(&shown)).await;
            let id = only_socket(&subchannel.expect("a subchannel"));
            let socket = world.get_socket(id).await.expect("a socket");
            assert_eq!(
                socket.remote.and_then(|remote| remote.address),
                Some(expected)
            );
            drop(channel);
        });
    }
}
