//! What the rejection of a resolution does to calls: the table of `Verdict`.
//!
//! Source: [gRFC A21](https://github.com/grpc/proposal/blob/master/A21-service-config-error-handling.md),
//! [gRFC A62](https://github.com/grpc/proposal/blob/master/A62-pick-first.md).

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use http_body_util::Full;
use trunkline_channel::{Channel, WaitForReady};
use trunkline_endpoint::Endpoint;
use trunkline_resolver::{
    ManualResolver, RejectionKind, Resolution, ResolveError, ResolveErrorKind, Verdict,
};
use trunkline_runtime::Lock;
use trunkline_sim::{Backend, CallReply, Sim};
use trunkline_status::Code;

use crate::world::{CallResult, address, builder, call, request, unary, with_timeout};

const BAD_CONFIG: &str = r#"{"loadBalancingConfig":7}"#;

/// Returns a resolution with the host of this number.
fn list(host: u8) -> Resolution {
    Resolution::new([Endpoint::new([address(host)])])
}

fn failure(kind: ResolveErrorKind) -> Resolution {
    Resolution::from_error(ResolveError::new(kind, "the fleet is at sea"))
}

/// Every resolution that a channel without an accepted one rejects: with the kind of the rejection
/// and a part of its text.
fn first_rejections() -> [(Resolution, RejectionKind, &'static str); 4] {
    let soft = failure(ResolveErrorKind::Unavailable);
    let authoritative = failure(ResolveErrorKind::NotFound);
    let config = list(1).with_service_config(BAD_CONFIG);
    [
        (soft, RejectionKind::Failed, "the fleet is at sea"),
        (authoritative, RejectionKind::Failed, "the fleet is at sea"),
        (
            config,
            RejectionKind::ServiceConfigMissing,
            "service config is invalid",
        ),
        (
            Resolution::new([]),
            RejectionKind::Endpoints,
            "zero addresses",
        ),
    ]
}

/// Makes a wait-for-ready call with a deadline of 5 s.
async fn waiting_call(channel: &Channel) -> CallResult {
    let mut request = request(Full::new("hello".into()));
    request.extensions_mut().insert(WaitForReady(true));
    call(channel, with_timeout(request, "5S")).await
}

/// A channel to the hosts 1 and 2, and its resolver.
struct Fleet {
    sim: Sim,
    backends: [Backend; 2],
    names: ManualResolver,
    channel: Channel,
}

impl Fleet {
    fn new(names: ManualResolver) -> Self {
        let sim = Sim::new(1);
        Self {
            backends: [1, 2].map(|host| sim.backend(address(host))),
            channel: builder(&sim, "fleet:///any")
                .resolver(names.clone())
                .build()
                .expect("a channel"),
            names,
            sim,
        }
    }

    /// Returns a channel whose first list has host 1.
    fn with_host_1() -> Self {
        Self::new(ManualResolver::with_initial("fleet", list(1)))
    }

    /// Makes a call, and returns the number of the host that answered.
    async fn host(&self) -> u8 {
        unary(&self.channel, b"hello").await.expect_ok().host()
    }

    /// Passes a resolution to the channel, and checks that the verdict is a rejection of this kind
    /// with this text.
    async fn reject(&self, resolution: Resolution, kind: RejectionKind, text: &str) {
        let verdicts = self.names.update(resolution).await;
        let [Some(Verdict::Rejected(rejection))] = &verdicts[..] else {
            panic!("not one rejection: {verdicts:?}")
        };
        assert_eq!(rejection.kind(), kind, "{rejection}");
        assert!(rejection.to_string().contains(text), "{rejection}");
    }
}

/// A channel without an accepted resolution: calls fail with UNAVAILABLE and the reason in the
/// verdict. A call that is wait-for-ready waits for the next list.
#[test]
fn without_an_accepted_resolution_calls_fail() {
    for (resolution, kind, text) in first_rejections() {
        let verdicts = Arc::new(Lock::new(Vec::new()));
        let log = Arc::clone(&verdicts);
        let names = ManualResolver::with_initial("fleet", resolution)
            .with_on_update(move |verdict| log.lock().push(verdict.clone()));
        let fleet = Fleet::new(names);
        fleet.sim.run(async {
            let failed = unary(&fleet.channel, b"hello").await;
            failed.expect(Code::Unavailable, &[text]);
            let waited = waiting_call(&fleet.channel).await;
            waited.expect(Code::DeadlineExceeded, &[text]);
            let verdicts = fleet.names.update(list(1)).await;
            assert_eq!(verdicts, [Some(Verdict::Accepted)]);
            assert_eq!(waiting_call(&fleet.channel).await.expect_ok().host(), 1);
        });
        let verdicts = verdicts.lock();
        let [Verdict::Rejected(first), Verdict::Accepted] = &verdicts[..] else {
            panic!("{verdicts:?}")
        };
        assert_eq!(first.kind(), kind);
        assert!(first.to_string().contains(text), "{first}");
    }
}

/// An error that is not authoritative: the endpoints of before stay in use, also for a new
/// connection.
#[test]
fn a_temporary_error_changes_nothing() {
    let fleet = Fleet::with_host_1();
    fleet.sim.run(async {
        assert_eq!(fleet.host().await, 1);
        let error = failure(ResolveErrorKind::Unavailable);
        let (kind, text) = (RejectionKind::Failed, "the fleet is at sea");
        fleet.reject(error, kind, text).await;
        assert_eq!(fleet.host().await, 1);
        fleet.backends[0].kill();
        fleet.backends[0].restart();
        fleet.sim.sleep(Duration::from_secs(5)).await;
        assert_eq!(fleet.host().await, 1);
    });
    assert_eq!(fleet.backends[0].accepts(), 2);
}

/// An authoritative error: the connections stay in use until they are lost. Then none is made again,
/// and calls fail with the error.
#[test]
fn an_authoritative_error_lets_connections_run_out() {
    let fleet = Fleet::with_host_1();
    let text = "the fleet is at sea";
    fleet.sim.run(async {
        assert_eq!(fleet.host().await, 1);
        let error = failure(ResolveErrorKind::NotFound);
        fleet.reject(error, RejectionKind::Failed, text).await;
        assert_eq!(fleet.host().await, 1);
        fleet.backends[0].kill();
        fleet.backends[0].restart();
        fleet.sim.sleep(Duration::from_secs(5)).await;
        let failed = unary(&fleet.channel, b"hello").await;
        failed.expect(Code::Unavailable, &[text]);
    });
    assert_eq!(fleet.backends[0].accepts(), 1);
}

/// An invalid service config after a valid one: calls use the new endpoints, with the earlier
/// service config.
#[test]
fn a_bad_service_config_does_not_hold_back_endpoints() {
    let fleet = Fleet::with_host_1();
    fleet.sim.run(async {
        assert_eq!(fleet.host().await, 1);
        let (kind, text) = (RejectionKind::ServiceConfigKept, "loadBalancingConfig");
        let resolution = list(2).with_service_config(BAD_CONFIG);
        fleet.reject(resolution, kind, text).await;
        fleet.sim.sleep(Duration::from_secs(1)).await;
        assert_eq!(fleet.host().await, 2);
    });
}

/// An empty list: the connections are closed, and calls fail until there is a list again.
#[test]
fn an_empty_list_closes_connections() {
    let fleet = Fleet::with_host_1();
    fleet.sim.run(async {
        assert_eq!(fleet.host().await, 1);
        let (kind, text) = (RejectionKind::Endpoints, "zero addresses");
        fleet.reject(Resolution::new([]), kind, text).await;
        let failed = unary(&fleet.channel, b"hello").await;
        failed.expect(Code::Unavailable, &[text]);
        fleet.sim.sleep(Duration::from_secs(1)).await;
        assert_eq!(fleet.backends[0].closes(), 1);
        let verdicts = fleet.names.update(list(2)).await;
        assert_eq!(verdicts, [Some(Verdict::Accepted)]);
        assert_eq!(fleet.host().await, 2);
    });
}

/// A call that has been sent ends as if nothing had happened, whatever the channel rejects.
#[test]
fn a_rejection_fails_no_call_that_was_sent() {
    for (resolution, ..) in first_rejections() {
        let fleet = Fleet::with_host_1();
        fleet.backends[0].set_reply(CallReply::Echo.after(Duration::from_secs(2)));
        fleet.sim.run(async {
            let update = async {
                fleet.sim.sleep(Duration::from_secs(1)).await;
                fleet.names.update(resolution).await
            };
            let (result, verdicts) = join(unary(&fleet.channel, b"hello"), update).await;
            result.expect_ok();
            assert!(matches!(verdicts[..], [Some(Verdict::Rejected(_))]));
        });
    }
}
