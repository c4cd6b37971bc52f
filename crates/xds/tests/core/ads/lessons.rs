//! 10: what went wrong in other clients, as far as the transport protocol is concerned.

use super::driver::{Cluster, Driver, Endpoints, seconds};

/// 10.3: "flow control blocked for ever, then 'resource not found'." Watchers need 14 s for each of 20
/// responses, far more than the time of a resource in all. The endpoints that come after them are in time.
#[test]
fn xds_10_3_slow_watchers_do_not_make_resources_absent() {
    let mut driver = Driver::new();
    driver.watch(Cluster, "a");
    driver.watch(Endpoints, "e");
    driver.settles = false;
    for round in 0..20 {
        let version = round.to_string();
        driver.send(0, Cluster, &version, &version, &[&format!("a={round}")]);
        driver.take_lines();
        driver.pass(seconds(14));
        driver.expect(&[]);
        driver.settle();
        driver.expect(&["0.0 read"]);
    }
    driver.send(0, Endpoints, "1", "y", &["e=1"]);
    driver.expect(&["w1 EDS e 1", r#"0.0 EDS "1" "y" [e]"#]);
}

/// 10.9: "after a server's restart timers fire for known resources, partial lists delete others." The new
/// stream asks for all names at once, with the versions, and the server has as long as it likes.
#[test]
fn xds_10_9_a_server_that_restarts_and_is_slow() {
    let mut driver = Driver::new();
    for name in ["a", "b", "c"] {
        driver.watch(Cluster, name);
    }
    driver.watch(Endpoints, "e");
    driver.send(0, Cluster, "7", "x", &["a=1", "b=1", "c=1"]);
    driver.send(0, Endpoints, "3", "y", &["e=1"]);
    driver.pass(seconds(10));
    driver.take_lines();
    driver.end_stream(0, "restart");
    driver.expect(&[
        "0.1 start at 10.0 s",
        r#"0.1 CDS "7" "" [a b c] n1"#,
        r#"0.1 EDS "3" "" [e]"#,
        "0.1 read",
    ]);
    driver.pass(seconds(600));
    driver.expect(&[]);
    // The same again is no event, and another value is one for its watcher alone.
    driver.send(0, Cluster, "7", "z", &["a=1", "b=2", "c=1"]);
    driver.expect(&["w1 CDS b 2", r#"0.1 CDS "7" "z" [a b c]"#, "0.1 read"]);
}
