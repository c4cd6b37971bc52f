//! 4.9: a cluster whose TLS changes while it has calls.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::{Either, select};
use trunkline_sim::control_plane::proto::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use trunkline_sim::control_plane::resources;

use super::secure_mesh::{SecureMesh, WORKLOAD, secure, socket, tls, validation};
use crate::mesh::{backend, call};
use crate::settings::most_calls;

/// Makes a call every 10 ms until `change` has ended, and returns how many each backend answered. None
/// fails.
async fn calls_during(
    secure_mesh: &SecureMesh,
    channel: &trunkline_channel::Channel,
    change: impl Future<Output = ()>,
) -> BTreeMap<SocketAddr, usize> {
    let answers = Cell::new(BTreeMap::new());
    let calls = async {
        loop {
            let backend = call(channel, "/a.B/C").await.expect("an answer");
            let mut counts = answers.take();
            *counts.entry(backend).or_default() += 1;
            answers.set(counts);
            secure_mesh.mesh.sleep(Duration::from_millis(10)).await;
        }
    };
    let (calls, change) = (Box::pin(calls), Box::pin(change));
    match select(change, calls).await {
        Either::Left(((), _)) => answers.take(),
        Either::Right((never, _)) => never,
    }
}

/// A cluster whose TLS did not fit its backend and is corrected: the backend is tried again at once, and not after
/// the back-off, which is near two minutes by then.
#[test]
fn xds_4_9_corrected_tls_ends_the_back_off() {
    let secure_mesh = SecureMesh::new(541);
    let mesh = &secure_mesh.mesh;
    let named = |name: &str| tls(validation([MatchPattern::Exact(name.into())]));
    secure_mesh.set_cluster(named("carts.mesh.test"));
    let channel = secure_mesh.channel();
    mesh.sim.run(async {
        call(&channel, "/a.B/C").await.expect_err("another name");
        mesh.sleep(Duration::from_secs(1000)).await;
        let before = mesh.sim.net().attempts(secure());

        // What is no change of the TLS ends no back-off.
        let mut cluster = resources::cluster_with_endpoints("cluster", "endpoints");
        cluster.transport_socket = Some(socket(&named("carts.mesh.test")));
        cluster.circuit_breakers = Some(most_calls(30));
        mesh.plane.set(cluster);
        mesh.sleep(Duration::from_secs(1)).await;
        assert_eq!(mesh.sim.net().attempts(secure()), before);

        secure_mesh.set_cluster(named(WORKLOAD));
        mesh.sleep(Duration::from_secs(1)).await;
        assert_eq!(mesh.sim.net().attempts(secure()), before + 1);
        assert_eq!(call(&channel, "/a.B/C").await, Ok(secure()));
    });
}

/// The connections that exist stay; new ones have the TLS of the moment. No call fails, and no backend is
/// connected to again.
#[test]
fn xds_4_9_a_transport_socket_that_changes_under_calls() {
    let secure_mesh = SecureMesh::new(540);
    let mesh = &secure_mesh.mesh;
    let plain = resources::cluster_with_endpoints("cluster", "endpoints");
    mesh.plane.set(plain);
    let endpoints = |list: &[SocketAddr]| resources::endpoints("endpoints", list.iter().copied());
    mesh.plane.set(endpoints(&[backend(1)]));
    let channel = secure_mesh.channel();
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        // The front connects to the backend, too: connections are counted at both.
        let before = mesh.sim.net().attempts(backend(1));

        // From plaintext to TLS.
        let answers = calls_during(&secure_mesh, &channel, async {
            secure_mesh.set_cluster(tls(validation([])));
            mesh.sleep(Duration::from_secs(1)).await;
        });
        let answers = answers.await;
        assert_eq!(answers.keys().collect::<Vec<_>>(), [&backend(1)]);
        assert_eq!(mesh.sim.net().attempts(backend(1)), before);

        // A backend that is new has TLS.
        let answers = calls_during(&secure_mesh, &channel, async {
            mesh.plane.set(endpoints(&[backend(1), secure()]));
            mesh.sleep(Duration::from_secs(1)).await;
        });
        assert_eq!(
            answers.await.keys().collect::<Vec<_>>(),
            [&backend(1), &secure()]
        );
        assert_eq!(mesh.sim.net().attempts(secure()), 1);

        // Another condition, which the certificate does not meet, is for new connections too.
        let answers = calls_during(&secure_mesh, &channel, async {
            let other = MatchPattern::Exact("carts.mesh.test".into());
            secure_mesh.set_cluster(tls(validation([other])));
            mesh.sleep(Duration::from_secs(1)).await;
        });
        assert_eq!(answers.await.len(), 2);
        assert_eq!(mesh.sim.net().attempts(secure()), 1);
        secure_mesh.break_connections();
        mesh.sleep(Duration::from_secs(1)).await;
        let answers = calls_during(&secure_mesh, &channel, mesh.sleep(Duration::from_secs(1)));
        assert_eq!(answers.await.keys().collect::<Vec<_>>(), [&backend(1)]);

        // And the condition that it meets.
        let own = MatchPattern::Exact(WORKLOAD.into());
        secure_mesh.set_cluster(tls(validation([own])));
        mesh.sleep(Duration::from_secs(10)).await;
        let answers = calls_during(&secure_mesh, &channel, mesh.sleep(Duration::from_secs(1)));
        assert_eq!(answers.await.len(), 2);
    });
}
