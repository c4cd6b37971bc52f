//! Section 7: the messages of the client status discovery service.

use std::time::{Duration, UNIX_EPOCH};

use trunkline_sim::control_plane::proto::envoy::config::cluster::v3::Cluster;
use trunkline_sim::control_plane::resources;
use trunkline_status::Status;
use trunkline_xds::proto::TypeUrl;
use trunkline_xds::proto::envoy::admin::v3::{ClientResourceStatus, UpdateFailureState};
use trunkline_xds::proto::envoy::service::status::v3::client_config::GenericXdsConfig;
use trunkline_xds::proto::envoy::service::status::v3::{
    ClientConfig, ClientStatusRequest, ClientStatusResponse,
};
use trunkline_xds::proto::envoy::r#type::matcher::v3::NodeMatcher;

use crate::mesh::{Mesh, backend, call, routes};

/// Returns the answer to a request for all clients.
fn status_of(mesh: &Mesh, exclude_resource_contents: bool) -> ClientStatusResponse {
    let request = ClientStatusRequest {
        exclude_resource_contents,
        ..Default::default()
    };
    mesh.pool.client_status(&request).expect("an answer")
}

/// 7.1: the whole answer. The bytes of a resource are those that the server sent, the scope is the
/// target, the node is that of requests, and times are times of day.
#[test]
fn xds_7_1_client_status() {
    let mesh = Mesh::with_backends(81, [1]);
    let (listener, route) = (
        resources::listener("orders", "routes"),
        routes([resources::route("", "cluster")]),
    );
    let cluster = resources::cluster_with_endpoints("cluster", "endpoints");
    let endpoints = resources::endpoints("endpoints", [backend(1)]);
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
    });
    let answer = status_of(&mesh, false);
    let dump = mesh.pool.dump();
    let (now, day) = (mesh.runtime.now(), mesh.runtime.system_time());
    let config = |name: &str, any: trunkline_xds::proto::google::protobuf::Any| {
        let resources = &dump[0].ads.authorities[0].resources;
        let resource = resources
            .iter()
            .find(|own| *own.name == *name && own.kind.url() == any.type_url);
        let cached = resource
            .expect("a resource")
            .cached
            .as_ref()
            .expect("a value");
        let at = (day - (now - cached.updated)).duration_since(UNIX_EPOCH);
        let at = at.expect("a time after 1970");
        GenericXdsConfig {
            type_url: any.type_url.clone(),
            name: name.to_owned(),
            version_info: cached.version.to_string(),
            xds_config: Some(any),
            last_updated: Some(prost_types::Timestamp {
                seconds: at.as_secs() as i64,
                nanos: at.subsec_nanos() as i32,
            }),
            client_status: ClientResourceStatus::Acked.into(),
            error_state: None,
        }
    };
    let expected = ClientStatusResponse {
        config: vec![ClientConfig {
            node: Some(mesh.bootstrap().node.to_proto()),
            generic_xds_configs: vec![
                config("orders", listener.pack()),
                config("routes", route.pack()),
                config("cluster", cluster.pack()),
                config("endpoints", endpoints.pack()),
            ],
            client_scope: "xds:///orders".to_owned(),
        }],
    };
    assert_eq!(answer, expected);
}

/// 7.1: without contents the answer differs in the bytes alone.
#[test]
fn xds_7_1_exclude_resource_contents() {
    let mesh = Mesh::with_backends(82, [1]);
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
    });
    let mut expected = status_of(&mesh, false);
    for resource in &mut expected.config[0].generic_xds_configs {
        assert!(resource.xds_config.take().is_some(), "{}", resource.name);
    }
    assert_eq!(status_of(&mesh, true), expected);
}

/// 7.1: node matchers are refused; without clients the answer is empty.
#[test]
fn xds_7_1_node_matchers() {
    let mesh = Mesh::new(83);
    assert_eq!(status_of(&mesh, false), ClientStatusResponse::default());
    let request = ClientStatusRequest {
        node_matchers: vec![NodeMatcher::default()],
        ..Default::default()
    };
    let text = "node_matchers: not supported: leave it empty, and the answer has all clients of this \
                program";
    assert_eq!(
        mesh.pool.client_status(&request),
        Err(Status::new(trunkline_status::Code::InvalidArgument, text))
    );
}

/// 7.2: REQUESTED has neither bytes nor version nor error; a refused resource keeps the version and
/// the bytes in use beside the refused version and its faults.
#[test]
fn xds_7_2_client_status_of_errors() {
    let mesh = Mesh::with_backends(84, [1]);
    let channel = mesh.channel();
    let refused = mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        let before = status_of(&mesh, false).config[0].generic_xds_configs[2].clone();
        mesh.sleep(Duration::from_secs(5)).await;
        let mut cluster = resources::cluster_with_endpoints("cluster", "endpoints");
        cluster.lb_policy = 99;
        mesh.plane.set(cluster);
        mesh.plane.set(routes([
            resources::route("/x.Y/", "late"),
            resources::route("", "cluster"),
        ]));
        mesh.sleep(Duration::from_secs(1)).await;
        before
    });
    let answer = status_of(&mesh, false);
    let clusters = answer.config[0].generic_xds_configs.iter();
    let clusters: Vec<_> = clusters
        .filter(|resource| resource.type_url == Cluster::TYPE_URL)
        .cloned()
        .collect();
    let error = clusters[0].error_state.clone().expect("an error");
    let dump = mesh.pool.dump();
    let dumped = &dump[0].ads.authorities[0].resources[2];
    let recorded = dumped.error.as_ref().expect("an error");
    assert_ne!(*recorded.version, refused.version_info);
    let day = mesh.runtime.system_time() - (mesh.runtime.now() - recorded.at);
    let at = day.duration_since(UNIX_EPOCH).expect("a time after 1970");
    let expected = [
        GenericXdsConfig {
            client_status: ClientResourceStatus::Nacked.into(),
            error_state: Some(UpdateFailureState {
                failed_configuration: None,
                last_update_attempt: Some(prost_types::Timestamp {
                    seconds: at.as_secs() as i64,
                    nanos: at.subsec_nanos() as i32,
                }),
                details: error.details.clone(),
                version_info: recorded.version.to_string(),
            }),
            ..refused
        },
        GenericXdsConfig {
            type_url: Cluster::TYPE_URL.to_owned(),
            name: "late".to_owned(),
            client_status: ClientResourceStatus::Requested.into(),
            ..Default::default()
        },
    ];
    assert_eq!(clusters, expected);
    assert!(
        error.details.starts_with("lb_policy: "),
        "{}",
        error.details
    );
}
