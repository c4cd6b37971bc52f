//! It answers by its resources, as the cache of go-control-plane does.

use trunkline_sim::control_plane::proto::envoy::config::cluster::v3::Cluster;
use trunkline_sim::control_plane::proto::envoy::config::endpoint::v3::ClusterLoadAssignment;
use trunkline_sim::control_plane::proto::envoy::config::listener::v3::Listener;
use trunkline_sim::control_plane::proto::envoy::service::discovery::v3::DiscoveryResponse;
use trunkline_sim::control_plane::proto::type_url::{CLUSTER, LISTENER};
use trunkline_sim::control_plane::{Resource, resources};

use crate::client::{Setup, ack, assert_silent, nack, subscribe};

/// Returns the version and the names of a response.
fn summary<R: Resource>(response: &DiscoveryResponse) -> (&str, Vec<String>) {
    let resources = response.resources.iter();
    let names = resources.map(|any| R::unpack(any).unwrap().unwrap().name().to_owned());
    (&response.version_info, names.collect())
}

/// A response has the subscribed names alone, a version, and a nonce that counts the responses of the
/// stream.
#[test]
fn subscribed_names_alone() {
    let setup = Setup::new();
    let Setup { sim, plane, .. } = &setup;
    plane.set_all([resources::listener("a", "r"), resources::listener("b", "r")]);
    sim.run(async {
        let mut stream = setup.discovery().await.unwrap();
        stream.send(subscribe(LISTENER, &["b", "c"]));
        let expected = resources::response("1", "1", [resources::listener("b", "r")]);
        assert_eq!(stream.response().await, expected);
    });
}

/// A type without a resource is not answered until it has one. Then the answer comes even if no
/// subscribed name exists.
#[test]
fn unknown_types_wait() {
    let setup = Setup::new();
    let Setup { sim, plane, .. } = &setup;
    sim.run(async {
        let mut stream = setup.discovery().await.unwrap();
        stream.send(subscribe(CLUSTER, &["a"]));
        assert_silent(sim, &mut stream).await;
        plane.set(resources::cluster("b"));
        let response = stream.response().await;
        assert_eq!(summary::<Cluster>(&response), ("1", vec![]));
    });
}

/// An accepted version is not sent again. A new version is sent with all subscribed names, a deleted
/// one is left out, and the versions of types are independent.
#[test]
fn new_versions() {
    let setup = Setup::new();
    let Setup { sim, plane, .. } = &setup;
    plane.set_all([resources::cluster("a"), resources::cluster("b")]);
    plane.set(resources::listener("x", "r"));
    sim.run(async {
        let mut stream = setup.discovery().await.unwrap();
        stream.send(subscribe(CLUSTER, &["a", "b"]));
        let response = stream.response().await;
        assert_eq!(summary::<Cluster>(&response).1, ["a", "b"]);
        stream.send(ack(&response, &["a", "b"]));
        assert_silent(sim, &mut stream).await;
        plane.delete::<Cluster>("a");
        let response = stream.response().await;
        assert_eq!(summary::<Cluster>(&response), ("2", vec!["b".to_owned()]));
        assert_eq!(plane.version::<Cluster>().as_deref(), Some("2"));
        assert_eq!(plane.version::<Listener>().as_deref(), Some("1"));
        assert_eq!(plane.version::<ClusterLoadAssignment>(), None);
    });
}

/// A change between a response and its answer is sent after the answer.
#[test]
fn one_response_at_a_time() {
    let setup = Setup::new();
    let Setup { sim, plane, .. } = &setup;
    plane.set(resources::cluster("a"));
    sim.run(async {
        let mut stream = setup.discovery().await.unwrap();
        stream.send(subscribe(CLUSTER, &["a"]));
        let response = stream.response().await;
        plane.set(resources::cluster_with_endpoints("a", "e"));
        plane.set(resources::cluster_with_endpoints("a", "f"));
        assert_silent(sim, &mut stream).await;
        stream.send(ack(&response, &["a"]));
        let expected = [resources::cluster_with_endpoints("a", "f")];
        let expected = resources::response("3", "2", expected);
        assert_eq!(stream.response().await, expected);
    });
}

/// A name that is new on the stream is answered in the same version, also on a new stream whose first
/// request has the version already.
#[test]
fn new_names() {
    let setup = Setup::new();
    let Setup { sim, plane, .. } = &setup;
    plane.set_all([resources::cluster("a"), resources::cluster("b")]);
    sim.run(async {
        let mut stream = setup.discovery().await.unwrap();
        stream.send(subscribe(CLUSTER, &["a"]));
        let response = stream.response().await;
        stream.send(ack(&response, &["a", "b"]));
        let response = stream.response().await;
        assert_eq!(summary::<Cluster>(&response).1, ["a", "b"]);
        drop(stream);

        let mut stream = setup.discovery().await.unwrap();
        let mut again = subscribe(CLUSTER, &["a"]);
        again.version_info.clone_from(&response.version_info);
        stream.send(again);
        let response = stream.response().await;
        assert_eq!(summary::<Cluster>(&response), ("1", vec!["a".to_owned()]));
    });
}

/// A rejected version is not sent again. The next one is.
#[test]
fn rejected_versions() {
    let setup = Setup::new();
    let Setup { sim, plane, .. } = &setup;
    plane.set(resources::cluster("a"));
    sim.run(async {
        let mut stream = setup.discovery().await.unwrap();
        stream.send(subscribe(CLUSTER, &["a"]));
        let response = stream.response().await;
        stream.send(nack(&response, "", &["a"]));
        assert_silent(sim, &mut stream).await;
        plane.set(resources::cluster("a"));
        assert_eq!(summary::<Cluster>(&stream.response().await).0, "2");
    });
}

/// A request with an old nonce is recorded, and not answered.
#[test]
fn old_nonces() {
    let setup = Setup::new();
    let Setup { sim, plane, .. } = &setup;
    plane.set(resources::cluster("a"));
    sim.run(async {
        let mut stream = setup.discovery().await.unwrap();
        stream.send(subscribe(CLUSTER, &["a"]));
        let mut response = stream.response().await;
        response.nonce = "0".to_owned();
        stream.send(ack(&response, &["a", "b"]));
        plane.set(resources::cluster("b"));
        assert_silent(sim, &mut stream).await;
        assert_eq!(plane.requests().len(), 2);
    });
}

/// A resource that is replaced by an error is in `resource_errors` (xRFC TP3), and counts as
/// returned.
#[test]
fn errors() {
    let setup = Setup::new();
    let Setup { sim, plane, .. } = &setup;
    plane.set_error::<Cluster>("a", 7, "not for you");
    sim.run(async {
        let mut stream = setup.discovery().await.unwrap();
        stream.send(subscribe(CLUSTER, &["a"]));
        let response = stream.response().await;
        assert_eq!(response.resources, []);
        let error = response.resource_errors[0].clone();
        assert_eq!(error.resource_name.unwrap().name, "a");
        assert_eq!(error.error_detail.unwrap().message, "not for you");
        stream.send(ack(&response, &["a"]));
        assert_silent(sim, &mut stream).await;
    });
}
