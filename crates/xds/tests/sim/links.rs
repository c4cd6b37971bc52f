//! 2.1, 2.2: the connection to a control plane.

use std::time::Duration;

use trunkline_sim::control_plane::resources;

use crate::mesh::{Mesh, backend, call};

/// 2.16: the next message is not read before the effects of the last one are published. So a server that
/// sends fast cannot fill the memory of a client, and the last state wins.
#[test]
fn xds_2_16_many_changes() {
    let mesh = Mesh::with_backends(31, [1, 2]);
    let channel = mesh.channel();
    mesh.sim.run(async {
        call(&channel, "/a.B/C").await.expect("an answer");
        for change in 0..200 {
            let backend = backend(1 + change % 2);
            mesh.plane.set(resources::endpoints("endpoints", [backend]));
        }
        mesh.sleep(Duration::from_secs(5)).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
    });
}

/// 2.3: what the server receives first: the node once, then for each type the names, each response
/// answered once with its nonce.
#[test]
fn xds_2_3_requests() {
    let mesh = Mesh::with_backends(32, [1]);
    let channel = mesh.channel();
    mesh.sim.run(async {
        call(&channel, "/a.B/C").await.expect("an answer");
        mesh.sleep(Duration::from_secs(1)).await;
    });
    let seen: Vec<_> = mesh
        .plane
        .requests()
        .into_iter()
        .map(|received| {
            let request = received.message;
            let kind = request.type_url.rsplit('.').next().unwrap_or_default();
            let node = request.node.map(|node| node.id);
            let names = request.resource_names.join(",");
            format!(
                "{kind} [{names}] version {:?} nonce {:?} node {node:?}",
                request.version_info, request.response_nonce
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            r#"Listener [orders] version "" nonce "" node Some("n1")"#,
            r#"Listener [orders] version "1" nonce "1" node None"#,
            r#"RouteConfiguration [routes] version "" nonce "" node None"#,
            r#"RouteConfiguration [routes] version "1" nonce "2" node None"#,
            r#"Cluster [cluster] version "" nonce "" node None"#,
            r#"Cluster [cluster] version "1" nonce "3" node None"#,
            r#"ClusterLoadAssignment [endpoints] version "" nonce "" node None"#,
            r#"ClusterLoadAssignment [endpoints] version "1" nonce "4" node None"#,
        ]
    );
}

/// 10.4: "64 MiB, and the error names the setting": a message over the limit is no riddle.
#[test]
fn xds_10_4_a_message_over_the_limit() {
    let mesh = Mesh::with_backends(33, [1]);
    let xds = mesh.xds(mesh.bootstrap()).with_message_limit(16);
    let channel = mesh.channel_with("xds:///orders", xds);
    mesh.sim.run(async {
        let status = call(&channel, "/a.B/C").await.expect_err("no listener");
        let limit = "the limit is 16 bytes (Xds::with_message_limit sets it)";
        assert!(status.message().contains(limit), "{status}");
    });
}
