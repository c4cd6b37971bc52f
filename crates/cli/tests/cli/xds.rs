//! Tests of `trunkline xds`, and of `xds:` targets, without a control plane that answers.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use trunkline_testkit::closed::ClosedTcp;

use crate::command::{object, trunkline, trunkline_with};

/// Writes a bootstrap, and returns its path.
fn bootstrap(name: &str, contents: &Value) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, contents.to_string()).expect("the bootstrap is written");
    path
}

/// Returns the bootstrap of a control plane at this address.
fn at(server: &str) -> Value {
    json!({
        "xds_servers": [{ "server_uri": server, "channel_creds": [{ "type": "insecure" }] }],
        "node": { "id": "node-1" },
    })
}

/// Without a bootstrap, the error names both variables.
#[test]
fn no_bootstrap() {
    let variables = [
        ("GRPC_XDS_BOOTSTRAP", ""),
        ("GRPC_XDS_BOOTSTRAP_CONFIG", ""),
    ];
    for command in ["xds", "resolve"] {
        let ran = trunkline_with(&[command, "xds:///orders", "--json"], &variables);
        assert_eq!(ran.status, 1, "{ran:?}");
        let object: Value = serde_json::from_str(&ran.stdout).expect("JSON");
        assert_eq!(object["error"]["kind"], "bootstrap");
        let text = "neither GRPC_XDS_BOOTSTRAP nor GRPC_XDS_BOOTSTRAP_CONFIG is set";
        let message = object["error"]["message"].as_str().expect("a message");
        assert!(message.contains(text), "{message}");
        let suggestion = object["error"]["suggestion"].as_str();
        assert_eq!(suggestion, Some("give the bootstrap with --bootstrap FILE"));
    }
}

/// A bootstrap that can never work is an error of the command line, with the file and the field.
#[test]
fn invalid_bootstrap() {
    let path = bootstrap("invalid.json", &json!({ "xds_servers": [] }));
    let path = path.to_str().expect("a path");
    for command in ["xds", "resolve", "call", "watch"] {
        let (status, object) = object(&[command, "xds:///orders", "--bootstrap", path]);
        assert_eq!(status, 2, "{object}");
        assert_eq!(object["error"]["kind"], "bootstrap");
        let message = object["error"]["message"].as_str().expect("a message");
        assert!(message.starts_with(path), "{message}");
        assert!(message.contains("xds_servers"), "{message}");
    }
    let (status, object) = object(&["xds", "xds:///orders", "--bootstrap", "no-such-file"]);
    assert_eq!((status, &object["error"]["kind"]), (2, &json!("file")));
}

/// A target of another scheme has no control plane.
#[test]
fn another_scheme() {
    let (status, object) = object(&["xds", "orders:50051"]);
    assert_eq!(status, 2, "{object}");
    assert_eq!(
        object["error"]["suggestion"],
        "give a target such as `xds:///orders:50051`"
    );
}

/// A control plane that cannot be reached: the listener, the control plane, and how it failed.
#[test]
fn control_plane_that_is_down() {
    let port = ClosedTcp::new().expect("a port");
    let server = port.address().to_string();
    let path = bootstrap("down.json", &at(&server));
    let path = path.to_str().expect("a path");
    let (status, object) = object(&["xds", "xds:///orders", "--bootstrap", path]);
    assert_eq!(status, 1, "{object}");
    let message = object["error"]["message"].as_str().expect("a message");
    for part in [
        "listener \"orders\" cannot be had",
        &server,
        "refused",
        "node-1",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let resource = &object["resources"][0];
    assert_eq!(resource["type"], "listener");
    assert_eq!(resource["name"], "orders");
    assert_eq!(resource["state"], "requested");

    let ran = trunkline(&["call", "xds:///orders", "--bootstrap", path]);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.stdout.contains("cannot be had"), "{ran:?}");
    assert!(ran.stderr.contains("`trunkline xds TARGET`"), "{ran:?}");
}
