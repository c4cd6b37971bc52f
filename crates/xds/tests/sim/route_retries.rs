//! 3.2.9, 3.1.6: retries of virtual hosts and routes, and faults that calls ask for by headers.

use std::time::Duration;

use http::Request;
use trunkline_sim::CallReply;
use trunkline_sim::control_plane::proto::envoy;
use trunkline_sim::control_plane::resources;
use trunkline_status::Code;

use crate::mesh::{Mesh, backend, call, call_with, routes};

use envoy::config::route::v3::RetryPolicy;
use envoy::config::route::v3::route::Action;
use envoy::extensions::filters::common::fault::v3::FaultDelay;
use envoy::extensions::filters::common::fault::v3::fault_delay::{FaultDelaySecifier, HeaderDelay};
use envoy::extensions::filters::http::fault::v3::fault_abort::{ErrorType, HeaderAbort};
use envoy::extensions::filters::http::fault::v3::{FaultAbort, HttpFault};
use envoy::r#type::v3::FractionalPercent;

fn policy(codes: &str, retries: u32) -> Option<RetryPolicy> {
    Some(RetryPolicy {
        retry_on: codes.to_owned(),
        num_retries: Some(retries),
        ..RetryPolicy::default()
    })
}

/// The cases of grpc-go's end-to-end test: a policy of the virtual host, and one of the route, which
/// replaces it.
#[test]
fn xds_3_2_9_policies_of_virtual_host_and_route() {
    use Code::{ResourceExhausted, Unavailable};

    let both = "resource-exhausted, unavailable";
    for (seed, of_host, of_route, failures, expected) in [
        (
            730,
            None,
            None,
            vec![ResourceExhausted],
            Err(ResourceExhausted),
        ),
        (
            731,
            policy(both, 1),
            None,
            vec![ResourceExhausted, Unavailable],
            Err(Unavailable),
        ),
        (
            732,
            policy(both, 2),
            None,
            vec![ResourceExhausted, Unavailable],
            Ok(()),
        ),
        (
            733,
            policy(both, 2),
            policy("resource-exhausted", 2),
            vec![ResourceExhausted, Unavailable],
            Err(Unavailable),
        ),
        (
            734,
            policy("resource-exhausted", 2),
            policy("unavailable", 2),
            vec![Unavailable],
            Ok(()),
        ),
        (
            735,
            policy("unavailable", 2),
            policy("unavailable", 1),
            vec![Unavailable, Unavailable],
            Err(Unavailable),
        ),
        // A policy of the route without a code that is known is one without retries.
        (
            736,
            policy("unavailable", 2),
            policy("5xx", 2),
            vec![Unavailable],
            Err(Unavailable),
        ),
    ] {
        let mesh = Mesh::with_backends(seed, []);
        let server = mesh.sim.backend(backend(1));
        mesh.plane
            .set(resources::endpoints("endpoints", [backend(1)]));
        let mut route = resources::route("", "cluster");
        if let Some(Action::Route(action)) = &mut route.action {
            action.retry_policy = of_route;
        }
        let mut config = routes([route]);
        config.virtual_hosts[0].retry_policy = of_host;
        mesh.plane.set(config);
        for code in &failures {
            server.push_reply(CallReply::Status {
                code: *code as u32,
                message: String::new(),
            });
        }
        let channel = mesh.channel();
        mesh.sim.run(async {
            let result = call(&channel, "/a.B/C").await;
            let result = result.map(|_| ()).map_err(|status| status.code());
            assert_eq!(result, expected, "{seed}");
        });
    }
}

/// The headers of calls, the code of those that are aborted, and how many of 1000 are.
type HeaderFault<'a> = (&'a [(&'a str, &'a str)], Option<Code>, usize);

/// 3.1.6: the cases of grpc-go's test of header faults. Of 1000 calls, percentages draw their share, and
/// cannot exceed that of the filter.
#[test]
fn xds_3_1_6_faults_by_headers() {
    let most = Some(FractionalPercent {
        numerator: 80,
        denominator: 0,
    });
    let mesh = Mesh::with_backends(737, [1]);
    let mut manager = resources::http_connection_manager("routes");
    let abort = HttpFault {
        abort: Some(FaultAbort {
            error_type: Some(ErrorType::HeaderAbort(HeaderAbort {})),
            percentage: most,
        }),
        ..HttpFault::default()
    };
    let delay = HttpFault {
        delay: Some(FaultDelay {
            fault_delay_secifier: Some(FaultDelaySecifier::HeaderDelay(HeaderDelay {})),
            percentage: most,
        }),
        ..HttpFault::default()
    };
    for (name, fault) in [("delay", &delay), ("abort", &abort)] {
        let filter = resources::http_filter(name, fault);
        manager.http_filters.insert(0, filter);
    }
    mesh.plane.set(resources::listener_of("orders", &manager));
    let channel = mesh.channel();
    let http = "x-envoy-fault-abort-request";
    let grpc = "x-envoy-fault-abort-grpc-request";
    let percentage = "x-envoy-fault-abort-request-percentage";
    mesh.sim.run(async {
        let cases: [HeaderFault<'_>; 10] = [
            (&[], None, 0),
            (
                &[(grpc, "15"), (percentage, "30")],
                Some(Code::DataLoss),
                300,
            ),
            (
                &[(grpc, "15"), (percentage, "100")],
                Some(Code::DataLoss),
                800,
            ),
            (
                &[(grpc, "15"), (percentage, "x")],
                Some(Code::DataLoss),
                800,
            ),
            (&[(grpc, "15")], Some(Code::DataLoss), 800),
            (&[(http, "404")], Some(Code::Unimplemented), 800),
            (&[(http, "429")], Some(Code::Unavailable), 800),
            (&[(http, "200")], Some(Code::Unknown), 800),
            (&[(grpc, "x")], None, 0),
            (
                &[(http, "404"), (grpc, "15")],
                Some(Code::Unimplemented),
                800,
            ),
        ];
        for (headers, code, expected) in cases {
            let mut aborted = 0_usize;
            for _ in 0..1000 {
                let head = headers
                    .iter()
                    .fold(Request::post("/a.B/C"), |head, header| {
                        head.header(header.0, header.1)
                    });
                if let Err(status) = call_with(&channel, head).await {
                    assert_eq!(Some(status.code()), code, "{headers:?}");
                    assert_eq!(status.message(), "call aborted by fault injection");
                    aborted += 1;
                }
            }
            assert!(aborted.abs_diff(expected) < 60, "{headers:?}: {aborted}");
        }
        // Delays: of 200 calls, 80 % need 2 s.
        let start = mesh.runtime.now();
        for _ in 0..200 {
            let head = Request::post("/a.B/C").header("x-envoy-fault-delay-request", "2000");
            assert_eq!(call_with(&channel, head).await, Ok(backend(1)));
        }
        let delayed = (mesh.runtime.now() - start).as_secs() / 2;
        assert!(delayed.abs_diff(160) < 25, "{delayed}");
        let start = mesh.runtime.now();
        let head = Request::post("/a.B/C").header("x-envoy-fault-delay-request", "error");
        assert_eq!(call_with(&channel, head).await, Ok(backend(1)));
        assert!(mesh.runtime.now() - start < Duration::from_secs(1));
    });
}
