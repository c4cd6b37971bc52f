//! The policy ring_hash in a channel:
//! [gRFC A42](https://github.com/grpc/proposal/blob/master/A42-xds-ring-hash-lb-policy.md),
//! [gRFC A76](https://github.com/grpc/proposal/blob/master/A76-ring-hash-improvements.md).

use std::sync::Arc;

use bytes::Bytes;
use h2::server::Builder;
use http::{HeaderName, HeaderValue, Request};
use http_body_util::Full;
use trunkline_channel::{CallAttributes, Channel, WaitForReady};
use trunkline_endpoint::Attributes;
use trunkline_lb::{ConnectivityState, RequestHash};
use trunkline_sim::Sim;
use trunkline_status::Code;

use crate::world::{CallResult, ServerCounts, address, builder, call, echo, request, serve};

const HOSTS: [u8; 3] = [1, 2, 3];
const HEADER: HeaderName = HeaderName::from_static("user");

/// Starts three servers, and returns a channel to them with this configuration of ring_hash.
fn start(sim: &Sim, config: &str) -> (Channel, [Arc<ServerCounts>; 3]) {
    let counts = HOSTS.map(|host| serve(sim, host, Builder::new(), echo));
    let [one, two, three] = HOSTS.map(address);
    let channel = builder(sim, format!("ipv4:{one},{two},{three}"))
        .default_service_config(format!(
            r#"{{"loadBalancingConfig":[{{"ring_hash":{config}}}]}}"#
        ))
        .build();
    (channel.expect("a valid target"), counts)
}

fn hello() -> Request<Full<Bytes>> {
    request(Full::new(Bytes::from_static(b"hello")))
}

async fn call_of(channel: &Channel, user: &str) -> CallResult {
    let mut request = hello();
    let user = HeaderValue::from_str(user).expect("a value");
    request.headers_mut().insert(HEADER, user);
    call(channel, request).await.expect_ok()
}

fn accepts(counts: &[Arc<ServerCounts>]) -> Vec<usize> {
    counts.iter().map(|counts| counts.accepts()).collect()
}

/// Calls with the same value of the header go to the same backend, and no other backend gets a
/// connection.
#[test]
fn calls_of_a_user_go_to_one_backend() {
    let sim = Sim::new(1);
    let (channel, counts) = start(&sim, r#"{"requestHashHeader":"User"}"#);
    sim.run(async {
        let first = call_of(&channel, "user-1").await.host();
        for _ in 0..20 {
            assert_eq!(call_of(&channel, "user-1").await.host(), first);
        }
        assert_eq!(accepts(&counts).iter().sum::<usize>(), 1);
        let mut hosts = Vec::new();
        for user in 0..30 {
            hosts.push(call_of(&channel, &user.to_string()).await.host());
        }
        for (user, host) in hosts.iter().enumerate() {
            assert_eq!(call_of(&channel, &user.to_string()).await.host(), *host);
        }
        hosts.sort_unstable();
        hosts.dedup();
        assert_eq!(hosts, HOSTS);
        assert_eq!(accepts(&counts), [1, 1, 1]);
    });
}

/// A call without the header goes to a backend that is connected, and makes the channel connect one
/// that is not, for later calls.
#[test]
fn calls_without_the_header_connect_the_others_too() {
    let sim = Sim::new(2);
    let (channel, counts) = start(&sim, r#"{"requestHashHeader":"user"}"#);
    sim.run(async {
        call(&channel, hello()).await.expect_ok();
        let first = accepts(&counts).iter().sum::<usize>();
        assert!(
            first < 3,
            "one for the call, and one for later calls: {first}"
        );
        for _ in 0..60 {
            call(&channel, hello()).await.expect_ok();
        }
        assert_eq!(accepts(&counts), [1, 1, 1]);
        assert!(counts.iter().all(|counts| counts.calls() > 5));
    });
}

/// Without a header in the configuration, the hash is an attribute of the call. A call without one
/// fails at once, also if it is wait-for-ready.
#[test]
fn the_hash_is_an_attribute_of_the_call() {
    let sim = Sim::new(3);
    let (channel, counts) = start(&sim, "{}");
    sim.run(async {
        let with_hash = |hash: u64| {
            let mut request = hello();
            let attributes = Attributes::new().with::<RequestHash>(hash);
            request.extensions_mut().insert(CallAttributes(attributes));
            request
        };
        let first = call(&channel, with_hash(7)).await.expect_ok().host();
        for _ in 0..5 {
            let again = call(&channel, with_hash(7)).await.expect_ok();
            assert_eq!(again.host(), first);
        }
        assert_eq!(accepts(&counts).iter().sum::<usize>(), 1);
        let mut without = hello();
        without.extensions_mut().insert(WaitForReady(true));
        let failed = call(&channel, without).await;
        failed.expect(Code::Internal, &["no hash", "requestHashHeader"]);
    });
}

/// gRFC A117: a channel that is told to connect does so without a call, and then is ready.
#[test]
fn a_channel_connects_without_a_call() {
    for config in ["{}", r#"{"requestHashHeader":"user"}"#] {
        let sim = Sim::new(4);
        let (channel, counts) = start(&sim, config);
        sim.run(async {
            channel.ready().await.expect("a connection");
            assert_eq!(channel.state(), ConnectivityState::Ready);
            assert_eq!(accepts(&counts).iter().sum::<usize>(), 1);
        });
    }
}
