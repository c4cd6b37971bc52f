//! Section 1: where channels get their bootstrap from.

use std::sync::Arc;
use std::time::Duration;

use trunkline_channel::{BuildErrorKind, Channel};
use trunkline_status::Status;
use trunkline_xds::Xds;
use trunkline_xds::core::{Authority, Bootstrap, ServerConfig};

use crate::mesh::{Mesh, PLANE, backend, call};

/// 1.1: nothing is read before the first use, and then that of the environment.
#[test]
fn xds_1_1_environment_at_first_use() {
    let mesh = Mesh::with_backends(21, [1]);
    let channel = Channel::builder("xds:///orders")
        .with(Xds::new().with_pool(mesh.pool.clone()))
        .plaintext()
        .runtime(Arc::clone(&mesh.runtime))
        .build()
        .expect("a channel");
    let json = format!(
        r#"{{ "xds_servers": [{{
            "server_uri": "ipv4:{PLANE}", "channel_creds": [{{ "type": "insecure" }}]
        }}] }}"#
    );
    mesh.sim.set_variable("GRPC_XDS_BOOTSTRAP_CONFIG", json);
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
    });
}

/// 1.9: without a bootstrap calls fail with the reason, and one that comes late heals the channel.
#[test]
fn xds_1_9_late_bootstrap() {
    let mesh = Mesh::with_backends(22, [1]);
    let channel = Channel::builder("xds:///orders")
        .with(Xds::new().with_pool(mesh.pool.clone()))
        .plaintext()
        .runtime(Arc::clone(&mesh.runtime))
        .build()
        .expect("a channel");
    mesh.sim.run(async {
        let text = "name resolver error: xds bootstrap: neither GRPC_XDS_BOOTSTRAP nor GRPC_XDS_BOOTSTRAP_CONFIG is set";
        assert_eq!(
            call(&channel, "/a.B/C").await,
            Err(Status::unavailable(text))
        );
        let json = format!(
            r#"{{ "xds_servers": [{{
                "server_uri": "ipv4:{PLANE}", "channel_creds": [{{ "type": "insecure" }}]
            }}] }}"#
        );
        mesh.sim.set_variable("GRPC_XDS_BOOTSTRAP_CONFIG", json);
        mesh.sleep(Duration::from_secs(3)).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
    });
}

/// 1.9: what can be known when the channel is built is an error there.
#[test]
fn xds_1_9_errors_of_build() {
    let mesh = Mesh::new(23);
    let check = |target: &str, bootstrap: Bootstrap, expected: &str| {
        let error = mesh.builder_of(target, bootstrap).build();
        let error = error.expect_err("a target or a bootstrap that cannot work");
        assert_eq!(error.kind(), BuildErrorKind::Target);
        assert_eq!(error.to_string(), expected);
    };
    check(
        "xds://q/orders",
        mesh.bootstrap().with_authority("b", Authority::new()),
        "the target `xds://q/orders` cannot be used: xds bootstrap: authority \"q\" of the target is \
         not in authorities (\"b\")",
    );
    check(
        "xds:///orders",
        Bootstrap::new(ServerConfig::insecure("xds:///plane")),
        "the target `xds:///orders` cannot be used: xds bootstrap: xds_servers[0].server_uri: is \
         itself an xds target: a server needs an address or a name to look up",
    );
}
