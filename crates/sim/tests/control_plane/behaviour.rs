//! It refuses, ends, delays and stops as it is told.

use std::time::Duration;

use tonic::Code;
use trunkline_sim::control_plane::proto::type_url::CLUSTER;
use trunkline_sim::control_plane::resources;

use crate::client::{MS, Setup, assert_silent, backend, subscribe};

/// A refused stream ends with the status. Later ones are accepted again.
#[test]
fn refused_streams() {
    let setup = Setup::new();
    let Setup { sim, plane, .. } = &setup;
    plane.refuse_streams(7, "not now");
    sim.run(async {
        let mut stream = match setup.discovery().await {
            Ok(mut stream) => stream.next().await.err(),
            Err(status) => Some(status),
        };
        let status = stream.take().unwrap();
        assert_eq!(
            (status.code(), status.message()),
            (Code::PermissionDenied, "not now")
        );
        assert_eq!(plane.streams(), 0);
        plane.accept_streams();
        let _stream = setup.discovery().await.unwrap();
        assert_eq!((plane.streams(), plane.open_streams()), (1, vec![1]));
    });
}

/// Open streams end with the status, after what was sent before.
#[test]
fn ended_streams() {
    let setup = Setup::new();
    let Setup { sim, plane, .. } = &setup;
    plane.set(resources::cluster("a"));
    sim.run(async {
        let mut stream = setup.discovery().await.unwrap();
        stream.send(subscribe(CLUSTER, &["a"]));
        plane.next_request().await;
        plane.end_streams(14, "going away");
        assert_eq!(stream.response().await.version_info, "1");
        let status = stream.next().await.unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (Code::Unavailable, "going away")
        );
        assert!(plane.open_streams().is_empty());
    });
}

/// A client that ends its request gets OK.
#[test]
fn request_ends() {
    let setup = Setup::new();
    let Setup { sim, plane, .. } = &setup;
    sim.run(async {
        let mut stream = setup.discovery().await.unwrap();
        stream.close();
        assert_eq!(stream.next().await.unwrap(), None);
        assert!(plane.open_streams().is_empty());
    });
}

/// An unknown method is answered with UNIMPLEMENTED.
#[test]
fn unknown_methods() {
    let setup = Setup::new();
    setup.sim.run(async {
        let opened = crate::client::open::<Ping, Ping>(&setup.channel, "/a.B/C").await;
        assert_eq!(opened.err().map(|it| it.code()), Some(Code::Unimplemented));
    });
}

type Ping = trunkline_sim::control_plane::proto::google::protobuf::Any;

/// The streams of a killed control plane end. It continues with its resources after a restart.
#[test]
fn restart() {
    let setup = Setup::new();
    let Setup { sim, plane, .. } = &setup;
    plane.set(resources::endpoints("a", [backend()]));
    sim.run(async {
        let mut stream = setup.discovery().await.unwrap();
        plane.backend().kill();
        assert_eq!(stream.next().await.unwrap_err().code(), Code::Unavailable);
        sim.sleep(MS).await;
        assert!(plane.open_streams().is_empty());
        plane.backend().restart();
        sim.sleep(Duration::from_secs(60)).await;
        let mut stream = setup.discovery().await.unwrap();
        stream.send(subscribe(
            "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            &["a"],
        ));
        let expected = resources::response("1", "1", [resources::endpoints("a", [backend()])]);
        assert_eq!(stream.response().await, expected);
    });
}

/// What it sends is delayed, in order.
#[test]
fn delay() {
    let setup = Setup::new();
    let Setup { sim, plane, .. } = &setup;
    plane.set(resources::cluster("a"));
    plane.set_delay(Duration::from_secs(5));
    sim.run(async {
        let mut stream = setup.discovery().await.unwrap();
        let start = sim.elapsed();
        stream.send(subscribe(CLUSTER, &["a"]));
        stream.response().await;
        assert_eq!(sim.elapsed() - start, Duration::from_secs(5) + 2 * MS);
    });
}

/// While it does not answer, requests are recorded. They are answered later.
#[test]
fn not_answering() {
    let setup = Setup::new();
    let Setup { sim, plane, .. } = &setup;
    plane.set(resources::cluster("a"));
    plane.set_answering(false);
    sim.run(async {
        let mut stream = setup.discovery().await.unwrap();
        stream.send(subscribe(CLUSTER, &["a"]));
        assert_silent(sim, &mut stream).await;
        assert_eq!(plane.requests().len(), 1);
        plane.set_answering(true);
        assert_eq!(stream.response().await.version_info, "1");
    });
}

/// While it does not read, requests are not even recorded.
#[test]
fn not_reading() {
    let setup = Setup::new();
    let Setup { sim, plane, .. } = &setup;
    plane.set(resources::cluster("a"));
    plane.set_reading(false);
    sim.run(async {
        let mut stream = setup.discovery().await.unwrap();
        stream.send(subscribe(CLUSTER, &["a"]));
        assert_silent(sim, &mut stream).await;
        assert_eq!(plane.requests(), []);
        plane.set_reading(true);
        assert_eq!(stream.response().await.version_info, "1");
    });
}
