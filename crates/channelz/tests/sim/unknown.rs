//! Ids that nothing has, and servers.

use tonic::{Code, Status};
use trunkline_channelz::proto::{
    GetServerRequest, GetServerSocketsRequest, GetServerSocketsResponse, GetServersRequest,
    GetServersResponse,
};

use crate::world::{World, call, id_of_channel};

#[track_caller]
fn check(error: Status, text: &str) {
    assert_eq!((error.code(), error.message()), (Code::NotFound, text));
}

/// An id that nothing has is not found, also one that another kind of thing has.
///
/// Source: [channelz.proto](https://github.com/grpc/grpc-proto/blob/master/grpc/channelz/v1/channelz.proto),
/// a single thing, "or else a NOT_FOUND code".
#[test]
fn unknown_ids() {
    let world = World::new();
    world.backend(1);
    let channel = world.channel(1);
    world.sim.run(async {
        assert_eq!(call(&channel).await, Code::Ok);
        let shown = world.only_channel().await;
        let (channel, subchannel) = (id_of_channel(&shown), shown.subchannel_ref[0].subchannel_id);
        for id in [0, -1, i64::MIN, i64::MAX] {
            let text = format!("no channel with the id {id}: it has ended, or it was never here");
            check(world.get_channel(id).await.expect_err("nothing"), &text);
            check(
                world.get_subchannel(id).await.expect_err("nothing"),
                &text.replace("channel", "subchannel"),
            );
            check(
                world.get_socket(id).await.expect_err("nothing"),
                &text.replace("channel", "socket"),
            );
        }
        for error in [
            world
                .get_channel(subchannel)
                .await
                .expect_err("a subchannel"),
            world
                .get_subchannel(channel)
                .await
                .expect_err("a channel")
                .clone(),
            world
                .get_socket(channel)
                .await
                .expect_err("a channel")
                .clone(),
            world
                .get_socket(subchannel)
                .await
                .expect_err("a subchannel")
                .clone(),
        ] {
            assert_eq!(error.code(), Code::NotFound);
        }
    });
}

/// There is no server: its lists are empty, and have ended.
#[test]
fn servers() {
    let world = World::new();
    let mut client = world.client.clone();
    world.sim.run(async {
        let answer = client.get_servers(GetServersRequest::default()).await;
        let servers = answer.expect("an empty list").into_inner();
        let (server, end) = (Vec::new(), true);
        assert_eq!(servers, GetServersResponse { server, end });
        let server_id = 1;
        let error = client.get_server(GetServerRequest { server_id }).await;
        let text = "no server with the id 1: it has ended, or it was never here";
        check(error.expect_err("nothing"), text);
        let request = GetServerSocketsRequest {
            server_id,
            ..GetServerSocketsRequest::default()
        };
        let answer = client.get_server_sockets(request).await;
        let sockets = answer.expect("an empty list").into_inner();
        let (socket_ref, end) = (Vec::new(), true);
        assert_eq!(sockets, GetServerSocketsResponse { socket_ref, end });
    });
}
