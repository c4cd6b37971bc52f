//! 2.9, 2.10: resources that do not come, and resources that go.

use trunkline_status::Code;
use trunkline_xds::core::{Bootstrap, ServerFeatures};
use trunkline_xds_proto::envoy::service::discovery::v3::DiscoveryResponse;

use super::driver::{
    Cluster, Driver, Endpoints, Listener, Routes, resource_error, response, seconds, server,
};

const NOT_SENT: &str = "error: was not sent within 15 s";

/// 2.9: a resource that does not come within 15 s of its request does not exist.
#[test]
fn xds_2_9_timer() {
    let mut driver = Driver::new();
    driver.watch(Listener, "l");
    driver.pass(seconds(5));
    driver.watch(Listener, "m");
    driver.take_lines();
    driver.pass(seconds(10) - seconds(1) / 1000);
    driver.expect(&[]);
    driver.pass(seconds(1) / 1000);
    driver.expect(&[&format!("w0 LDS l {NOT_SENT}")]);
    driver.pass(seconds(5));
    driver.expect(&[&format!("w1 LDS m {NOT_SENT}")]);
    driver.pass(seconds(3600));
    driver.expect(&[]);
    // It is used when it comes.
    driver.send(0, Listener, "1", "a", &["l=1"]);
    driver.expect(&["w0 LDS l 1", r#"0.0 LDS "1" "a" [l m]"#, "0.0 read"]);
}

/// 2.9: with `resource_timer_is_transient_error` it is 30 s, and the error is the server's.
#[test]
fn xds_2_9_transient_timer() {
    let features = ServerFeatures::default().with_resource_timer_is_transient_error(true);
    let mut driver = Driver::with(Bootstrap::new(server("a").with_features(features)));
    driver.watch(Listener, "l");
    driver.take_lines();
    driver.pass(seconds(29));
    driver.expect(&[]);
    driver.pass(seconds(1));
    driver.expect(&["w0 LDS l error: was not sent within 30 s"]);
    let dump = driver.client.dump();
    assert_eq!(
        dump.authorities[0].resources[0].state.to_string(),
        "TIMEOUT"
    );
}

/// 2.9: the time counts from the moment at which the request was written on a connected stream.
#[test]
fn xds_2_9_timer_starts_when_written() {
    let mut driver = Driver::new();
    driver.is_connected = false;
    driver.watch(Listener, "l");
    driver.take_lines();
    driver.pass(seconds(60));
    driver.write();
    driver.pass(seconds(14));
    driver.expect(&[]);
    driver.pass(seconds(1));
    driver.expect(&[&format!("w0 LDS l {NOT_SENT}")]);
}

/// 2.9: a resource, valid or not, and an error in its place stop the timer; so does the end of the
/// watch.
#[test]
fn xds_2_9_what_stops_the_timer() {
    let mut driver = Driver::new();
    for name in ["valid", "invalid", "refused"] {
        driver.watch(Endpoints, name);
    }
    let unwatched = driver.watch(Endpoints, "unwatched");
    driver.send_response(
        0,
        DiscoveryResponse {
            resource_errors: vec![resource_error("refused", Code::Internal, "no quota")],
            ..response(Endpoints, "1", "a", &["valid=1", "invalid=bad"])
        },
    );
    driver.unwatch(unwatched);
    driver.take_lines();
    assert_eq!(driver.client.poll_timeout(), None);
    driver.pass(seconds(60));
    driver.expect(&[]);
}

/// 2.9: the end of the stream stops the timer; it starts afresh with the next stream, but not for what
/// is cached or has timed out.
#[test]
fn xds_2_9_timer_starts_afresh_with_the_stream() {
    let mut driver = Driver::new();
    driver.watch(Routes, "late");
    driver.pass(seconds(15));
    driver.watch(Routes, "cached");
    driver.watch(Routes, "new");
    driver.send(0, Routes, "1", "a", &["cached=1"]);
    driver.take_lines();
    driver.pass(seconds(14));
    driver.end_stream(0, "gone");
    driver.take_lines();
    driver.pass(seconds(14));
    driver.expect(&[]);
    driver.pass(seconds(60));
    driver.expect(&[&format!("w2 RDS new {NOT_SENT}")]);
}

/// 2.9: an answer that comes at the deadline is in time.
#[test]
fn xds_2_9_answer_at_the_deadline() {
    let mut driver = Driver::new();
    driver.watch(Listener, "l");
    driver.take_lines();
    driver.now += seconds(15);
    driver.send(0, Listener, "1", "a", &["l=1"]);
    driver.client.handle_timeout(driver.now);
    driver.run();
    driver.expect(&["w0 LDS l 1", r#"0.0 LDS "1" "a" [l]"#, "0.0 read"]);
}

/// 2.9, 2.16: the time does not run while the link is not read, since what is not read may be the
/// resource.
#[test]
fn xds_2_9_time_does_not_run_while_reading_is_held_back() {
    let mut driver = Driver::new();
    driver.watch(Cluster, "a");
    driver.watch(Endpoints, "e");
    driver.settles = false;
    driver.send(0, Cluster, "1", "x", &["a=1"]);
    driver.take_lines();
    driver.pass(seconds(100));
    driver.expect(&[]);
    driver.settle();
    driver.expect(&["0.0 read"]);
    driver.pass(seconds(14));
    driver.expect(&[]);
    driver.send(0, Endpoints, "1", "y", &["e=1"]);
    driver.expect(&["w1 EDS e 1", r#"0.0 EDS "1" "y" [e]"#]);
}

/// 2.10: a cached listener or cluster that a response does not have was deleted; the cache is kept.
#[test]
fn xds_2_10_deletion() {
    for kind in [Listener, Cluster] {
        let mut driver = Driver::new();
        driver.watch(kind, "a");
        driver.watch(kind, "b");
        driver.send(0, kind, "1", "x", &["a=1"]);
        driver.take_lines();
        driver.send(0, kind, "2", "y", &["b=1"]);
        let lines = driver.take_lines();
        assert!(
            lines[0].ends_with("a ambient: does not exist: deleted by the server"),
            "{lines:?}"
        );
        // It is an ACK: a deletion is nothing invalid.
        assert!(lines[2].ends_with(r#""2" "y" [a b]"#), "{lines:?}");
        let dump = driver.client.dump();
        let a = &dump.authorities[0].resources[0];
        assert_eq!(a.state.to_string(), "DOES_NOT_EXIST");
        assert_eq!(a.cached.as_ref().map(|cached| &*cached.version), Some("1"));
        assert_eq!(a.error.as_ref().map(|error| &*error.version), Some("2"));
    }
}

/// 2.10: routes and endpoints that a response does not have are unchanged, and so is a listener that
/// was never there.
#[test]
fn xds_2_10_absence_means_nothing() {
    for kind in [Routes, Endpoints] {
        let mut driver = Driver::new();
        driver.watch(kind, "a");
        driver.watch(kind, "b");
        driver.send(0, kind, "1", "x", &["a=1"]);
        driver.take_lines();
        driver.send(0, kind, "2", "y", &["b=1"]);
        assert_eq!(driver.take_lines().len(), 3, "b, an ACK, and a read");
    }
    let mut driver = Driver::new();
    driver.watch(Listener, "l");
    driver.take_lines();
    driver.send(0, Listener, "1", "a", &[]);
    driver.expect(&[r#"0.0 LDS "1" "a" [l]"#, "0.0 read"]);
    driver.pass(seconds(15));
    driver.expect(&[&format!("w0 LDS l {NOT_SENT}")]);
}

/// 2.10: a name with an error in its place was not deleted.
#[test]
fn xds_2_10_refused_is_not_deleted() {
    let mut driver = Driver::new();
    driver.watch(Cluster, "a");
    driver.send(0, Cluster, "1", "x", &["a=1"]);
    driver.take_lines();
    let refused = DiscoveryResponse {
        resource_errors: vec![resource_error("a", Code::Unavailable, "try later")],
        ..response(Cluster, "2", "y", &[])
    };
    driver.send_response(0, refused.clone());
    driver.expect(&[
        "w0 CDS a ambient: was refused by the server: UNAVAILABLE: try later",
        r#"0.0 CDS "2" "y" [a]"#,
        "0.0 read",
    ]);
    // 2.11: a name in both lists counts as received.
    let both = DiscoveryResponse {
        resources: response(Cluster, "", "", &["a=1"]).resources,
        ..refused
    };
    driver.send_response(0, both);
    driver.expect(&[
        "w0 CDS a ambient cleared",
        r#"0.0 CDS "2" "y" [a]"#,
        "0.0 read",
    ]);
}
