//! Sockets and their numbers.
//!
//! Source: [gRFC A14](https://github.com/grpc/proposal/blob/master/A14-channelz.md), socket data.

use tonic::Code;
use trunkline_channelz::proto::address::{Address, TcpIpAddress};
use trunkline_channelz::proto::{self, Socket, SocketData, SocketRef};
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
