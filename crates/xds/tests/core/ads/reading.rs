//! 2.16: the next message is read when the watchers have taken the last one.

use super::driver::{Cluster, Driver, Endpoints, server};
use trunkline_xds::core::Bootstrap;

/// 2.16: a link is read again when every watcher of the last message has settled. Requests are not
/// held back.
#[test]
fn xds_2_16_read_credit() {
    let mut driver = Driver::new();
    for name in ["a", "b"] {
        driver.watch(Cluster, name);
    }
    driver.take_lines();
    driver.settles = false;
    driver.send(0, Cluster, "1", "x", &["a=1", "b=1"]);
    driver.expect(&["w0 CDS a 1", "w1 CDS b 1", r#"0.0 CDS "1" "x" [a b]"#]);
    driver.watch(Endpoints, "e");
    driver.expect(&[r#"0.0 EDS "" "" [e]"#]);
    let last = driver.unsettled.pop().expect("two deliveries");
    driver.settle();
    driver.expect(&[]);
    assert!(driver.client.dump().servers[0].is_held);
    driver.client.handle_settled(last);
    driver.run();
    driver.expect(&["0.0 read"]);
    // A delivery counts once.
    driver.client.handle_settled(last);
    driver.run();
    driver.expect(&[]);
}

/// 2.16: a watch that ends counts as settled, and is not notified of what is on its way to it.
#[test]
fn xds_2_16_ended_watch_holds_nothing() {
    let mut driver = Driver::new();
    let a = driver.watch(Cluster, "a");
    driver.watch(Cluster, "b");
    driver.take_lines();
    driver.settles = false;
    let response = super::driver::response(Cluster, "1", "x", &["a=1"]);
    let stream = driver.stream(0);
    driver.client.handle_message(stream, response, driver.now);
    driver.unwatch(a);
    driver.expect(&[r#"0.0 CDS "1" "x" [b]"#, "0.0 read"]);
}

/// 2.16: the next stream of a link waits for the watchers of the last message, too.
#[test]
fn xds_2_16_next_stream_waits_too() {
    let mut driver = Driver::new();
    driver.watch(Cluster, "a");
    driver.settles = false;
    driver.send(0, Cluster, "1", "x", &["a=1"]);
    driver.now += super::driver::seconds(5);
    driver.take_lines();
    driver.end_stream(0, "max age");
    driver.expect(&["0.1 start at 5.0 s", r#"0.1 CDS "1" "" [a] n1"#]);
    driver.settle();
    driver.expect(&["0.1 read"]);
}

/// 2.16: a link does not wait for what another one, or no message, caused.
#[test]
fn xds_2_16_links_do_not_wait_for_each_other() {
    let bootstrap = Bootstrap::new(server("a")).with_fallback(server("b"));
    let mut driver = Driver::with(bootstrap);
    driver.settles = false;
    driver.watch(Cluster, "a");
    driver.fail_link(0, "refused");
    driver.fail_link(1, "refused");
    driver.take_lines();
    driver.send(1, Cluster, "1", "x", &["a=1"]);
    driver.expect(&["w0 CDS a 1", r#"1.0 CDS "1" "x" [a]"#]);
    driver.send(0, Cluster, "1", "x", &["a=1"]);
    driver.expect(&["1 disconnect", r#"0.0 CDS "1" "x" [a]"#, "0.0 read"]);
}
