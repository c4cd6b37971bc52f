//! Tests of `trunkline watch`.

use serde_json::json;

use crate::call::backend;
use crate::command::json;

/// Endpoints, channel states and subchannel states are printed as they change, in order of time.
#[test]
fn a_channel_that_becomes_ready() {
    let backend = backend("a");
    let target = format!("ipv4:{}", backend.address_v4());
    let (status, events) = json(&["watch", &target, "--lb", "round_robin", "--for", "1"]);
    assert_eq!(status, 0);
    let has = |event: &str, field: &str, value: serde_json::Value| {
        events
            .iter()
            .any(|object| object["event"] == event && object[field] == value)
    };
    let address = json!(backend.address_v4().to_string());
    assert!(has(
        "endpoints",
        "endpoints",
        json!([{ "addresses": [address], "attributes": {} }])
    ));
    assert!(has("subchannel", "state", json!("READY")), "{events:?}");
    assert!(has("channel", "state", json!("READY")), "{events:?}");
    let times: Vec<f64> = events
        .iter()
        .map(|object| object["at_ms"].as_f64().expect("a time"))
        .collect();
    assert!(times.is_sorted(), "{times:?}");
}

/// A name that does not exist is an event with the kind of the error.
#[test]
fn a_resolver_error() {
    let (status, events) = json(&["watch", "dns:///x.invalid", "--for", "0.5"]);
    assert_eq!(status, 0);
    let error = events
        .iter()
        .find(|object| object["event"] == "resolver_error")
        .expect("an error event");
    assert_eq!(error["error"]["kind"], "not_found");
}
