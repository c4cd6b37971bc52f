//! Calls that are delayed or aborted on purpose: clause 3.1.6 of the specification.

use std::time::Duration;

use trunkline_sim::control_plane::proto::envoy::config::core::v3::HttpProtocolOptions;
use trunkline_sim::control_plane::proto::envoy::extensions::filters::common::fault::v3::FaultDelay;
use trunkline_sim::control_plane::proto::envoy::extensions::filters::common::fault::v3::fault_delay::FaultDelaySecifier;
use trunkline_sim::control_plane::proto::envoy::extensions::filters::http::fault::v3::fault_abort::ErrorType;
use trunkline_sim::control_plane::proto::envoy::extensions::filters::http::fault::v3::{
    FaultAbort, HttpFault,
};
use trunkline_sim::control_plane::proto::envoy::r#type::v3::FractionalPercent;
use trunkline_sim::control_plane::resources;
use trunkline_status::{Code, Status};

use crate::mesh::{Mesh, backend, call};

/// Returns a mesh with one backend, whose listener has this fault filter, and this timeout for calls.
fn mesh(seed: u64, fault: &HttpFault, timeout: Option<i64>) -> Mesh {
    let mesh = Mesh::with_backends(seed, [1]);
    let mut manager = resources::http_connection_manager("routes");
    let filter = resources::http_filter("fault", fault);
    manager.http_filters.insert(0, filter);
    manager.common_http_protocol_options = timeout.map(|seconds| HttpProtocolOptions {
        max_stream_duration: Some(prost_types::Duration { seconds, nanos: 0 }),
    });
    mesh.plane.set(resources::listener_of("orders", &manager));
    mesh
}

fn all() -> Option<FractionalPercent> {
    Some(FractionalPercent {
        numerator: 100,
        denominator: 0,
    })
}

fn delay(seconds: i64) -> Option<FaultDelay> {
    Some(FaultDelay {
        fault_delay_secifier: Some(FaultDelaySecifier::FixedDelay(prost_types::Duration {
            seconds,
            nanos: 0,
        })),
        percentage: all(),
    })
}

fn abort(status: u32) -> Option<FaultAbort> {
    Some(FaultAbort {
        error_type: Some(ErrorType::GrpcStatus(status)),
        percentage: all(),
    })
}

/// A call is delayed, and sent afterwards.
#[test]
fn xds_3_1_6_delay() {
    let fault = HttpFault {
        delay: delay(3),
        ..HttpFault::default()
    };
    let mesh = mesh(1, &fault, None);
    let channel = mesh.channel();
    mesh.sim.run(async {
        for _ in 0..2 {
            let start = mesh.runtime.now();
            assert_eq!(call(&channel, "/s/m").await, Ok(backend(1)));
            let took = mesh.runtime.now() - start;
            let range = Duration::from_secs(3)..Duration::from_millis(3200);
            assert!(range.contains(&took), "{took:?}");
        }
    });
}

/// The deadline of a call bounds its delay.
#[test]
fn xds_3_1_6_delay_within_the_deadline() {
    let fault = HttpFault {
        delay: delay(3),
        ..HttpFault::default()
    };
    let mesh = mesh(2, &fault, Some(1));
    let channel = mesh.channel();
    mesh.sim.run(async {
        let start = mesh.runtime.now();
        let status = call(&channel, "/s/m").await.expect_err("too late");
        assert_eq!(status.code(), Code::DeadlineExceeded);
        let text = status.message();
        assert!(text.contains("delayed 3s by fault injection"), "{text}");
        assert_eq!(mesh.runtime.now() - start, Duration::from_secs(1));
    });
}

/// An aborted call is not sent, and has the code and the text of the filter. Its delay comes first.
#[test]
fn xds_3_1_6_abort() {
    let fault = HttpFault {
        delay: delay(2),
        abort: abort(5),
        ..HttpFault::default()
    };
    let mesh = mesh(3, &fault, None);
    let channel = mesh.channel();
    mesh.sim.run(async {
        let start = mesh.runtime.now();
        let status = Status::new(Code::NotFound, "call aborted by fault injection");
        assert_eq!(call(&channel, "/s/m").await, Err(status));
        assert!(mesh.runtime.now() - start >= Duration::from_secs(2));
    });
}

/// A new listener without the filter ends the faults.
#[test]
fn xds_3_1_6_end_of_faults() {
    let fault = HttpFault {
        abort: abort(14),
        ..HttpFault::default()
    };
    let mesh = mesh(4, &fault, None);
    let channel = mesh.channel();
    mesh.sim.run(async {
        let status = Status::unavailable("call aborted by fault injection");
        assert_eq!(call(&channel, "/s/m").await, Err(status));
        mesh.plane.set(resources::listener("orders", "routes"));
        mesh.sleep(Duration::from_secs(1)).await;
        assert_eq!(call(&channel, "/s/m").await, Ok(backend(1)));
    });
}
