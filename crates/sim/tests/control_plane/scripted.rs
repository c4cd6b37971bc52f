//! It sends responses of the test's own, and records requests one by one.

use trunkline_sim::control_plane::proto::type_url::{CLUSTER, LISTENER};
use trunkline_sim::control_plane::resources;

use crate::client::{MS, Setup, ack, subscribe};

/// A response of the test's own is sent as it is. Requests are returned in order, each with its time
/// and stream.
#[test]
fn dialogue() {
    let setup = Setup::new();
    let Setup { sim, plane, .. } = &setup;
    sim.run(async {
        let mut stream = setup.discovery().await.unwrap();
        stream.send(subscribe(LISTENER, &["a"]));
        let request = plane.next_request().await;
        assert_eq!((request.stream, request.at), (1, sim.elapsed()));
        assert_eq!(request.message, subscribe(LISTENER, &["a"]));

        let start = sim.elapsed();
        let response = resources::response("v", "n", [resources::listener("a", "r")]);
        plane.send(&response);
        assert_eq!(stream.response().await, response);
        assert_eq!(sim.elapsed() - start, MS);

        stream.send(ack(&response, &["a"]));
        assert_eq!(plane.next_request().await.message, ack(&response, &["a"]));
        assert_eq!(plane.requests().len(), 2);
    });
}

/// A response of the test's own and one from the resources share the nonces of the stream.
#[test]
fn with_resources() {
    let setup = Setup::new();
    let Setup { sim, plane, .. } = &setup;
    plane.set(resources::cluster("a"));
    sim.run(async {
        let mut stream = setup.discovery().await.unwrap();
        stream.send(subscribe(CLUSTER, &["a"]));
        let first = stream.response().await;
        let second = resources::response("v", "n", [resources::cluster("a")]);
        plane.send(&second);
        assert_eq!(stream.response().await, second);
        stream.send(ack(&first, &["a"]));
        stream.send(ack(&second, &["a"]));
        // The client has the version "v", so the one of the resources is new again.
        assert_eq!(stream.response().await.version_info, "1");
    });
}

/// There is nothing to send on without a stream.
#[test]
#[should_panic(expected = "no stream of discovery is open")]
fn without_a_stream() {
    let setup = Setup::new();
    setup
        .plane
        .send(&resources::response("1", "1", [resources::cluster("a")]));
}
