//! What a server can make a client do and keep.

use bytes::Bytes;
use prost::Message;
use trunkline_status::Code;
use trunkline_xds::core::ads::{ResponseError, read_response};
use trunkline_xds_proto::envoy::service::discovery::v3::DiscoveryResponse;

use super::driver::{Cluster, Driver, Endpoints, any, resource_error, response, seconds};

/// 3.0.4: the text of a NACK has at most 8 KiB.
#[test]
fn xds_3_0_4_nack_text_is_bounded() {
    let mut driver = Driver::new();
    let names: Vec<String> = (0..500).map(|at| format!("cluster-{at}")).collect();
    for name in &names {
        driver.watch(Cluster, name);
    }
    driver.take_lines();
    let resources: Vec<String> = names.iter().map(|name| format!("{name}=bad")).collect();
    let resources: Vec<&str> = resources.iter().map(String::as_str).collect();
    let stream = driver.stream(0);
    let response = response(Cluster, "1", "x", &resources);
    driver.client.handle_message(stream, response, driver.now);
    driver.run();
    let lines = driver.take_lines();
    let nack = lines
        .iter()
        .find_map(|line| line.split_once("nack 3: "))
        .expect("a NACK")
        .1;
    assert!(nack.starts_with("500 of 500 resources are invalid\n"));
    assert!(nack.ends_with("..."));
    assert_eq!(nack.len(), 8 * 1024);
}

/// Versions and nonces are kept and sent back: one of more than 16 KiB ends the stream, as a failure
/// of the server.
#[test]
fn xds_2_3_version_is_bounded() {
    let long = "v".repeat(16 * 1024 + 1);
    for (version, nonce) in [(&*long, "x"), ("1", &*long)] {
        let mut driver = Driver::new();
        driver.watch(Cluster, "c");
        driver.take_lines();
        driver.send(0, Cluster, version, nonce, &["c=1"]);
        driver.expect(&[
            "0.0 end",
            "w0 CDS c error: cannot be had: dns:///a:18000: it sent a version or a nonce of more \
             than 16384 bytes",
        ]);
        // What the stream still reports is ignored.
        let stream = driver.stream(0);
        let late = response(Cluster, "1", "y", &["c=1"]);
        driver.client.handle_message(stream, late, driver.now);
        driver.run();
        driver.expect(&[]);
        driver.pass(seconds(2));
        let lines = driver.take_lines();
        assert!(lines[0].starts_with("0.1 start"), "{lines:?}");
    }
}

/// Errors of resources that are not watched are not kept, and the texts of others are cut.
#[test]
fn xds_2_11_received_errors_are_bounded() {
    let mut driver = Driver::new();
    driver.watch(Endpoints, "e");
    driver.take_lines();
    let mut errors: Vec<_> = (0..10_000)
        .map(|at| resource_error(&format!("other-{at}"), Code::NotFound, "no"))
        .collect();
    errors.push(resource_error("e", Code::NotFound, &"n".repeat(100_000)));
    driver.send_response(
        0,
        DiscoveryResponse {
            resource_errors: errors,
            ..response(Endpoints, "1", "x", &[])
        },
    );
    let lines = driver.take_lines();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].len() < 1200, "{}", lines[0].len());
    assert_eq!(driver.client.dump().authorities[0].resources.len(), 1);
}

/// A code that is none, and an error without one, are UNKNOWN.
#[test]
fn xds_2_11_codes_of_received_errors() {
    for code in [0, -1, 17, i32::MAX] {
        let mut driver = Driver::new();
        driver.watch(Endpoints, "e");
        driver.take_lines();
        let mut error = resource_error("e", Code::NotFound, "no");
        if let Some(detail) = &mut error.error_detail {
            detail.code = code;
        }
        driver.send_response(
            0,
            DiscoveryResponse {
                resource_errors: vec![error],
                ..response(Endpoints, "1", "x", &[])
            },
        );
        assert_eq!(
            driver.take_lines()[0],
            "w0 EDS e error: was refused by the server: UNKNOWN: no"
        );
    }
}

/// A cached resource does not keep the rest of its message in memory.
#[test]
fn xds_2_8_cache_does_not_keep_messages() {
    let mut driver = Driver::new();
    driver.watch(Endpoints, "e");
    let message = Bytes::from(vec![b'e'; 1 << 20]);
    let mut resource = any(Endpoints, "");
    resource.value = Bytes::from([b"e=1,".as_slice(), &message].concat()).slice(..4);
    let value = resource.value.clone();
    driver.send_response(
        0,
        DiscoveryResponse {
            resources: vec![resource],
            ..response(Endpoints, "1", "x", &[])
        },
    );
    let dump = driver.client.dump();
    let cached = dump.authorities[0].resources[0].cached.as_ref();
    let raw = &cached.expect("a resource").raw;
    assert_eq!(raw, &value);
    assert_ne!(raw.as_ptr(), value.as_ptr());
}

/// What comes from a stream that has ended is ignored.
#[test]
fn xds_2_12_old_streams_are_ignored() {
    let mut driver = Driver::new();
    driver.watch(Endpoints, "e");
    let old = driver.stream(0);
    driver.end_stream(0, "no service");
    driver.pass(seconds(2));
    driver.take_lines();
    let events = driver.events.len();
    driver.client.handle_written(old, driver.now);
    let late = response(Endpoints, "1", "x", &["e=1"]);
    driver.client.handle_message(old, late, driver.now);
    driver.run();
    driver.expect(&[]);
    assert_eq!(driver.events.len(), events);
}

/// A response is read as protobuf has it. Its resources share the memory of the message.
#[test]
fn xds_2_6_responses_are_read() {
    let mut sent = response(Cluster, "7", "x", &["a=1", "b=2"]);
    sent.resource_errors = vec![
        resource_error("c", Code::NotFound, "no"),
        Default::default(),
    ];
    let message = Bytes::from(sent.encode_to_vec());
    let read = read_response(&message).expect("a response");
    assert_eq!(read, sent);
    let shared = message.as_ptr_range();
    assert!(shared.contains(&read.resources[0].value.as_ptr()));
    assert_eq!(
        read_response(&Bytes::new()),
        Ok(DiscoveryResponse::default())
    );
    for end in 1..message.len() {
        let cut = message.slice(..end);
        assert_eq!(
            read_response(&cut).ok(),
            DiscoveryResponse::decode(cut).ok()
        );
    }
}

/// An empty resource is two bytes of a message, and many times that in memory: a response has at most
/// 200,000 resources and errors.
#[test]
fn xds_2_6_items_are_bounded() {
    let [resource, error] = [[0x12, 0], [0x3a, 0]];
    let message = |resources, errors| {
        Bytes::from([resource.repeat(resources), error.repeat(errors)].concat())
    };
    let most = read_response(&message(100_000, 100_000)).expect("a response");
    assert_eq!(most.resources.len() + most.resource_errors.len(), 200_000);
    for (resources, errors) in [(200_001, 0), (0, 200_001), (100_000, 100_001)] {
        let refused = read_response(&message(resources, errors)).expect_err("too many");
        assert_eq!(refused, ResponseError::TooManyItems);
    }
}
