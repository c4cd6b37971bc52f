//! 2.15, 2.17: watches and names.

use trunkline_xds::core::{Authority, Bootstrap};

use super::driver::{Cluster, Driver, Listener, server};

/// 2.15: the first watcher of a name subscribes, each one is notified, and the last one that leaves
/// unsubscribes.
#[test]
fn xds_2_15_watchers_share_a_subscription() {
    let mut driver = Driver::new();
    driver.watch(Listener, "other");
    let first = driver.watch(Cluster, "c");
    let second = driver.watch(Cluster, "c");
    driver.take_lines();
    driver.send(0, Cluster, "1", "x", &["c=1"]);
    driver.expect(&[
        "w1 CDS c 1",
        "w2 CDS c 1",
        r#"0.0 CDS "1" "x" [c]"#,
        "0.0 read",
    ]);
    driver.unwatch(first);
    driver.expect(&[]);
    driver.watch(Cluster, "c");
    driver.expect(&["w3 CDS c 1"]);
    driver.unwatch(second);
    driver.unwatch(second);
    driver.expect(&[]);
}

/// 2.15: the entry is dropped with the last watch: the next one waits for the server.
#[test]
fn xds_2_15_entry_is_dropped() {
    let mut driver = Driver::new();
    driver.watch(Listener, "other");
    let watch = driver.watch(Cluster, "c");
    driver.send(0, Cluster, "1", "x", &["c=1"]);
    driver.take_lines();
    driver.unwatch(watch);
    driver.expect(&[r#"0.0 CDS "1" "x" []"#]);
    driver.watch(Cluster, "c");
    driver.expect(&[r#"0.0 CDS "1" "x" [c]"#]);
}

/// 2.15: a watch that takes the place of another in one step finds the cached resource, because the
/// server is not notified of such a change and would not send it again.
#[test]
fn xds_2_15_replaced_watch_finds_the_cache() {
    let mut driver = Driver::new();
    let watch = driver.watch(Cluster, "c");
    driver.send(0, Cluster, "1", "x", &["c=1"]);
    driver.take_lines();
    driver.client.unwatch(watch);
    driver.watch(Cluster, "c");
    driver.expect(&["w1 CDS c 1"]);
}

/// 2.11, 2.15: a watcher that comes when an error is over is notified when the same error comes again.
#[test]
fn xds_2_15_late_watcher_gets_the_next_error() {
    let mut driver = Driver::new();
    driver.watch(Listener, "l");
    driver.watch(Cluster, "c");
    driver.fail_link(0, "refused");
    driver.send(0, Listener, "1", "a", &["l=1"]);
    driver.take_lines();
    driver.watch(Cluster, "c");
    driver.expect(&[]);
    driver.fail_link(0, "refused");
    let lines = driver.take_lines();
    let late = "w2 CDS c error: cannot be had: dns:///a:18000: refused".to_owned();
    assert!(lines.contains(&late), "{lines:?}");
}

/// 2.17: names that differ only in the order of their parameters are one resource; each watcher is
/// notified under the name that it gave.
#[test]
fn xds_2_17_names_are_compared_in_canonical_form() {
    let bootstrap = Bootstrap::new(server("a")).with_authority("mesh", Authority::new());
    let mut driver = Driver::with(bootstrap);
    let name = |rest: &str| format!("xdstp://mesh/envoy.config.cluster.v3.Cluster/c{rest}");
    driver.watch(Cluster, &name("?b=2&a=1"));
    driver.watch(Cluster, &name("?a=1&b=2"));
    let lines = driver.take_lines();
    let request = format!(r#"0.0 CDS "" "" [{}] n1"#, name("?a=1&b=2"));
    assert_eq!(lines[2..], [request, "0.0 read".to_owned()]);
    driver.send(0, Cluster, "1", "x", &[&(name("?b=2&a=1") + "#x=1")]);
    assert_eq!(
        driver.take_lines()[..2],
        [
            format!("w0 CDS {} 1", name("?b=2&a=1")),
            format!("w1 CDS {} 1", name("?a=1&b=2")),
        ]
    );
}

/// 2.17: a name that cannot be used is an error for the watcher, as an output and not inside of the
/// call; nothing is sent.
#[test]
fn xds_2_17_invalid_names() {
    let mut driver = Driver::new();
    let watch = driver.watch(Cluster, "xdstp://q/envoy.config.cluster.v3.Cluster/c");
    driver.expect(&[concat!(
        "w0 CDS xdstp://q/envoy.config.cluster.v3.Cluster/c error: ",
        "name \"xdstp://q/envoy.config.cluster.v3.Cluster/c\": authority \"q\" is not in the \
         bootstrap"
    )]);
    driver.unwatch(watch);
    driver.watch(Cluster, "");
    driver.expect(&["w1 CDS  error: name \"\": it is empty"]);
    let wrong_type = "xdstp://q/envoy.config.listener.v3.Listener/l";
    driver.watch(Cluster, wrong_type);
    let lines = driver.take_lines();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains("its type is"), "{lines:?}");
    assert!(driver.client.dump().authorities.is_empty());
}
