//! 2.6 to 2.8: what a response does.

use trunkline_xds::core::ads::AdsEvent;
use trunkline_xds_proto::TypeUrl;
use trunkline_xds_proto::envoy::service::discovery::v3::{DiscoveryResponse, Resource};

use super::driver::{Cluster, Driver, Endpoints, Listener, Routes, any, response};

/// The valid and the invalid resources of each response so far.
fn counts(driver: &Driver) -> Vec<(u64, u64)> {
    let counts = driver.events.iter().filter_map(|event| match event {
        AdsEvent::Response { valid, invalid, .. } => Some((*valid, *invalid)),
        _ => None,
    });
    counts.collect()
}

/// 2.6: a response of an unknown type, or of one that this stream has not asked for, is ignored and
/// not answered.
#[test]
fn xds_2_6_other_types_are_ignored() {
    let mut driver = Driver::new();
    driver.watch(Listener, "l");
    driver.take_lines();
    driver.send(0, Cluster, "1", "a", &["c=1"]);
    driver.expect(&["0.0 read"]);
    let unknown = DiscoveryResponse {
        type_url: "type.googleapis.com/envoy.service.runtime.v3.Runtime".to_owned(),
        ..response(Listener, "1", "b", &["l=1"])
    };
    driver.send_response(0, unknown);
    driver.expect(&["0.0 read"]);
    let ignored = driver.events.iter().filter_map(|event| match event {
        AdsEvent::ResponseIgnored { type_url, .. } => Some(type_url.as_str()),
        _ => None,
    });
    assert_eq!(
        ignored.collect::<Vec<_>>(),
        [
            "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            "type.googleapis.com/envoy.service.runtime.v3.Runtime"
        ]
    );
}

/// 2.6: a resource in a wrapper is unwrapped, and the name of the wrapper is ignored.
#[test]
fn xds_2_6_wrapped_resources() {
    let mut driver = Driver::new();
    driver.watch(Listener, "l");
    driver.take_lines();
    let wrapper = Resource {
        name: "other".to_owned(),
        resource: Some(any(Listener, "l=1")),
        ..Resource::default()
    };
    let empty = Resource::default();
    driver.send_response(
        0,
        DiscoveryResponse {
            resources: vec![wrapper.pack(), empty.pack()],
            ..response(Listener, "1", "a", &[])
        },
    );
    driver.expect(&[
        "w0 LDS l 1",
        concat!(
            r#"0.0 LDS "" "a" [l] nack 3: 1 of 2 resources are invalid"#,
            "\nresources[1]: a wrapper without a resource"
        ),
        "0.0 read",
    ]);
}

/// 2.6: resources that are not subscribed are dropped before they are validated.
#[test]
fn xds_2_6_others_resources_are_dropped() {
    let mut driver = Driver::new();
    driver.watch(Listener, "l");
    driver.take_lines();
    driver.send(0, Listener, "1", "a", &["k=bad", "l=1", "m=2", "m=3"]);
    driver.expect(&["w0 LDS l 1", r#"0.0 LDS "1" "a" [l]"#, "0.0 read"]);
    assert_eq!(counts(&driver), [(1, 0)]);
    assert_eq!(driver.decoded(), 1);
}

/// 2.6: a name that appears twice is invalid.
#[test]
fn xds_2_6_name_twice() {
    let mut driver = Driver::new();
    for name in ["a", "b"] {
        driver.watch(Cluster, name);
    }
    driver.take_lines();
    driver.send(0, Cluster, "1", "x", &["a=1", "b=1", "a=1"]);
    driver.expect(&[
        "w0 CDS a error: is invalid: appears twice",
        "w1 CDS b 1",
        concat!(
            r#"0.0 CDS "" "x" [a b] nack 3: 2 of 3 resources are invalid"#,
            "\n\"a\": appears twice"
        ),
        "0.0 read",
    ]);
    assert_eq!(counts(&driver), [(1, 2)]);
}

/// 2.6, 2.7, 3.0.4: valid resources are used although others are not; the NACK has a line for each
/// fault, and one for each resource without a name.
#[test]
fn xds_2_7_nack_text() {
    let mut driver = Driver::new();
    for name in ["a", "b", "c"] {
        driver.watch(Cluster, name);
    }
    driver.take_lines();
    let mut response = response(Cluster, "1", "x", &["a=worse", "nameless", "b=2", "c=bad"]);
    response.resources.push(any(Endpoints, "e=1"));
    driver.send_response(0, response);
    driver.expect(&[
        "w0 CDS a error: is invalid: virtual_hosts[0].domains: no domains",
        "w1 CDS b 2",
        "w2 CDS c error: is invalid: virtual_hosts[0].domains: no domains",
        concat!(
            r#"0.0 CDS "" "x" [a b c] nack 3: 4 of 5 resources are invalid"#,
            "\nresources[1]: it has no name",
            "\nresources[4]: its type is \
             \"type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment\", not \
             \"type.googleapis.com/envoy.config.cluster.v3.Cluster\"",
            "\n\"a\": virtual_hosts[0].domains: no domains",
            "\n\"a\": virtual_hosts[1].domains: no domains",
            "\n\"c\": virtual_hosts[0].domains: no domains"
        ),
        "0.0 read",
    ]);
    assert_eq!(counts(&driver), [(1, 4)]);
}

/// 2.8: a resource with the bytes of the cached one is no event, but counts as valid.
#[test]
fn xds_2_8_unchanged_bytes() {
    let mut driver = Driver::new();
    driver.watch(Routes, "r");
    driver.send(0, Routes, "1", "a", &["r=x"]);
    driver.take_lines();
    driver.send(0, Routes, "2", "b", &["r=x"]);
    driver.expect(&[r#"0.0 RDS "2" "b" [r]"#, "0.0 read"]);
    assert_eq!(counts(&driver), [(1, 0), (1, 0)]);
    assert_eq!(driver.decoded(), 1);
}

/// 2.8: a decoded value that equals the cached one is no event.
#[test]
fn xds_2_8_unchanged_value() {
    let mut driver = Driver::new();
    driver.watch(Routes, "r");
    driver.send(0, Routes, "1", "a", &["r=x"]);
    driver.take_lines();
    driver.send(0, Routes, "2", "b", &["r=x,comment"]);
    driver.expect(&[r#"0.0 RDS "2" "b" [r]"#, "0.0 read"]);
}

/// 2.8: unchanged bytes clear an error, and watchers are notified of that.
#[test]
fn xds_2_8_unchanged_bytes_clear_errors() {
    let mut driver = Driver::new();
    driver.watch(Routes, "r");
    driver.send(0, Routes, "1", "a", &["r=x"]);
    driver.send(0, Routes, "2", "b", &["r=bad"]);
    driver.take_lines();
    driver.send(0, Routes, "3", "c", &["r=x"]);
    driver.expect(&[
        "w0 RDS r ambient cleared",
        r#"0.0 RDS "3" "c" [r]"#,
        "0.0 read",
    ]);
}

/// 2.8: an error with the text of the last one is no event.
#[test]
fn xds_2_8_same_error() {
    let mut driver = Driver::new();
    driver.watch(Routes, "r");
    driver.send(0, Routes, "1", "a", &["r=bad"]);
    driver.take_lines();
    driver.send(0, Routes, "2", "b", &["r=bad"]);
    let lines = driver.take_lines();
    assert_eq!(lines.len(), 2, "a NACK and a read: {lines:?}");
    driver.send(0, Routes, "3", "c", &["r=worse"]);
    assert_eq!(
        driver.take_lines()[0],
        "w0 RDS r error: is invalid: virtual_hosts[0].domains: no domains"
    );
}
