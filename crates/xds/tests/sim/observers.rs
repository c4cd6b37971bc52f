//! 2.19: what observers are notified of.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use trunkline_sim::control_plane::resources;
use trunkline_xds::XdsObserver;
use trunkline_xds::core::ads::AdsEvent;

use crate::mesh::{Mesh, call};

/// Keeps a word for each event.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl XdsObserver for Log {
    fn observe(&self, target: &str, event: &AdsEvent, _: Instant) {
        let word = match event {
            AdsEvent::Connected { .. } => "connected".to_owned(),
            AdsEvent::Failed { .. } => "failed".to_owned(),
            AdsEvent::StreamEnded { is_answered, .. } => format!("ended, answered {is_answered}"),
            AdsEvent::Response {
                kind,
                valid,
                invalid,
                nack,
                ..
            } => format!(
                "{kind}: {valid} valid, {invalid} invalid, nack {}",
                nack.is_some()
            ),
            // The numbers of resources are a test of their own.
            AdsEvent::Resources { .. } => return,
            other => format!("{other:?}"),
        };
        let mut log = self.0.lock().expect("no panic");
        log.push(format!("{target}: {word}"));
    }
}

/// 2.19: connected with the first stream, each response with its numbers, failed once for each loss.
#[test]
fn xds_2_19_events() {
    let mut mesh = Mesh::with_backends(81, [1]);
    let log = Log::default();
    mesh.pool = mesh.pool.clone().with_observer(log.clone());
    let channel = mesh.channel();
    mesh.sim.run(async {
        call(&channel, "/a.B/C").await.expect("an answer");
        let mut broken = resources::cluster_with_endpoints("cluster", "endpoints");
        broken.eds_cluster_config = None;
        mesh.plane.set(broken);
        mesh.sleep(Duration::from_secs(1)).await;
        mesh.plane.backend().kill();
        mesh.sleep(Duration::from_secs(20)).await;
        mesh.plane.backend().restart();
        mesh.sleep(Duration::from_secs(120)).await;
        call(&channel, "/a.B/C").await.expect("an answer");
    });
    let log = log.0.lock().expect("no panic").clone();
    let expected = [
        "connected",
        "listener: 1 valid, 0 invalid, nack false",
        "route configuration: 1 valid, 0 invalid, nack false",
        "cluster: 1 valid, 0 invalid, nack false",
        "endpoints: 1 valid, 0 invalid, nack false",
        "cluster: 0 valid, 1 invalid, nack true",
        "ended, answered true",
        "failed",
        "connected",
    ];
    let expected = expected.map(|word| format!("xds:///orders: {word}"));
    assert_eq!(log[..expected.len()], expected);
}

/// 2.1: channels on one runtime share a client, also where each has a value of the runtime of its own, as
/// channels with the default runtime have.
#[test]
fn xds_2_1_one_client_for_one_runtime() {
    let mesh = Mesh::with_backends(82, [1]);
    let channels = [(); 2].map(|()| {
        let builder = mesh.builder().runtime(mesh.sim.runtime());
        builder.build().expect("a channel")
    });
    mesh.sim.run(async {
        for channel in &channels {
            call(channel, "/a.B/C").await.expect("an answer");
        }
    });
    assert_eq!(mesh.pool.dump().len(), 1);
}
