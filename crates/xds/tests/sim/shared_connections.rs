//! 4: a cluster whose policy changes keeps its connections.

use std::net::SocketAddr;
use std::time::Duration;

use trunkline_sim::control_plane::proto::envoy::config::cluster::v3::cluster::LbPolicy;
use trunkline_sim::control_plane::resources;
use trunkline_sim::{Backend, CallReply};

use crate::mesh::{Mesh, backend, call};

const BACKENDS: [u8; 3] = [1, 2, 3];

const MILLISECOND: Duration = Duration::from_millis(1);

/// 4.1, 4.3: the policy of a cluster changes under calls: no call fails, and no backend is
/// dialled again.
#[test]
fn xds_4_1_a_changed_policy_dials_nothing() {
    let mesh = Mesh::with_backends(570, []);
    let servers: Vec<Backend> = BACKENDS
        .iter()
        .map(|number| {
            let server = mesh.sim.backend(backend(*number));
            server.set_reply(CallReply::Echo.after(3 * MILLISECOND));
            server
        })
        .collect();
    let all: Vec<SocketAddr> = BACKENDS.map(backend).into();
    mesh.plane
        .set(resources::endpoints("endpoints", all.iter().copied()));
    let channel = mesh.channel();
    let policies = [
        LbPolicy::RingHash,
        LbPolicy::LeastRequest,
        LbPolicy::RoundRobin,
    ];
    mesh.sim.run(async {
        for _ in 0..6 {
            call(&channel, "/a.B/C")
                .await
                .expect("a call that succeeds");
        }
        for policy in policies.iter().cycle().take(9) {
            let mut cluster = resources::cluster_with_endpoints("cluster", "endpoints");
            cluster.lb_policy = (*policy).into();
            mesh.plane.set(cluster);
            for _ in 0..20 {
                let answer = call(&channel, "/a.B/C").await;
                let answer = answer.expect("a call that succeeds");
                assert!(all.contains(&answer));
            }
            for server in &servers {
                let connections = (server.accepts(), server.closes());
                assert_eq!(connections, (1, 0), "{policy:?}");
            }
        }
    });
}
