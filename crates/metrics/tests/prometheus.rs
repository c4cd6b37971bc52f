//! The page of the example, as Prometheus scrapes it.

use std::net::{Ipv4Addr, TcpListener};
use std::thread;

#[path = "../examples/prometheus.rs"]
#[allow(dead_code, reason = "the example has a main function")]
mod example;

use example::{make_calls, prometheus, scrape, serve_once};

/// What Prometheus scrapes: four calls, five attempts of which one failed, and the bytes of their
/// messages.
#[test]
fn the_page_has_what_the_backends_saw() {
    let (metrics, page) = prometheus().expect("a recorder");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    let received = make_calls(metrics).expect("calls");
    let server = thread::spawn(move || serve_once(&listener, &page));
    let text = scrape(address).expect("a page");
    server.join().expect("no panic").expect("a scrape");
    let target = r#"grpc_target="ipv4:///198.51.100.1:50051,198.51.100.2:50051""#;
    let is_exact = |line: &&str| {
        let parts = ["#", "_bucket{", "_seconds_sum"];
        !line.is_empty() && !parts.iter().any(|part| line.contains(part))
    };
    let values = text.lines().filter(is_exact);
    let mut values: Vec<String> = values.map(|line| line.replace(target, "..")).collect();
    values.sort();
    let attempts = "grpc_client_attempt";
    let sizes = |way, code, sum, count| {
        let labels = format!("{{grpc_method=\"orders.Orders/Get\",..,grpc_status=\"{code}\"}}");
        let name = format!("{attempts}_{way}_total_compressed_message_size_bytes");
        [
            format!("{name}_count{labels} {count}"),
            format!("{name}_sum{labels} {sum}"),
        ]
    };
    let mut expected: Vec<String> = [
        r#"grpc_client_attempt_duration_seconds_count{grpc_method="orders.Orders/Get",..,grpc_status="OK"} 4"#,
        r#"grpc_client_attempt_duration_seconds_count{grpc_method="orders.Orders/Get",..,grpc_status="UNAVAILABLE"} 1"#,
        r#"grpc_client_attempt_started_total{grpc_method="orders.Orders/Get",..} 5"#,
        r#"grpc_client_call_duration_seconds_count{grpc_method="orders.Orders/Get",..,grpc_status="OK"} 4"#,
        r#"grpc_client_call_retries_count{grpc_method="orders.Orders/Get",..} 1"#,
        r#"grpc_client_call_retries_sum{grpc_method="orders.Orders/Get",..} 1"#,
        r#"grpc_client_call_retry_delay_seconds_count{grpc_method="orders.Orders/Get",..} 1"#,
        r#"grpc_subchannel_connection_attempts_succeeded_total{..} 2"#,
        r#"grpc_subchannel_disconnections_total{..,grpc_disconnect_error="subchannel shutdown"} 2"#,
        r#"grpc_subchannel_open_connections{..} 0"#,
        r#"trunkline_channels{..,trunkline_channel_state="CONNECTING"} 0"#,
        r#"trunkline_channels{..,trunkline_channel_state="IDLE"} 0"#,
        r#"trunkline_channels{..,trunkline_channel_state="READY"} 0"#,
        r#"trunkline_client_attempt_wait_seconds_count{..} 5"#,
        r#"trunkline_client_attempts_waiting{..} 0"#,
        r#"trunkline_client_calls_open{..} 0"#,
    ]
    .map(str::to_owned)
    .into();
    expected.extend(sizes("rcvd", "OK", 20, 4));
    expected.extend(sizes("rcvd", "UNAVAILABLE", 0, 1));
    expected.extend(sizes("sent", "OK", 20, 4));
    expected.extend(sizes("sent", "UNAVAILABLE", 5, 1));
    expected.sort();
    assert_eq!(values, expected);
    assert_eq!(received, 5);
}
