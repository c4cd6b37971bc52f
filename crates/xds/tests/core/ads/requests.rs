//! 2.1 to 2.5: which requests are sent.

use std::time::Duration;

use super::driver::{Cluster, Driver, Endpoints, Listener, Routes, seconds};

/// 2.1: a link is made when it is first needed, and dropped with its last subscription.
#[test]
fn xds_2_1_link_lives_with_its_subscriptions() {
    let mut driver = Driver::new();
    driver.run();
    driver.expect(&[]);
    let watch = driver.watch(Listener, "orders");
    driver.expect(&[
        "0 connect dns:///a:18000",
        "0.0 start at 0.0 s",
        r#"0.0 LDS "" "" [orders] n1"#,
        "0.0 read",
    ]);
    driver.send(0, Listener, "1", "a", &["orders=x"]);
    driver.take_lines();
    driver.unwatch(watch);
    driver.expect(&["0 disconnect"]);
    // Versions, nonces and the cache are forgotten.
    driver.watch(Listener, "orders");
    driver.expect(&[
        "1 connect dns:///a:18000",
        "1.0 start at 0.0 s",
        r#"1.0 LDS "" "" [orders] n1"#,
        "1.0 read",
    ]);
}

/// 2.1: a watch that replaces the last one in the same step keeps the link.
#[test]
fn xds_2_1_link_stays_when_the_last_watch_is_replaced() {
    let mut driver = Driver::new();
    let watch = driver.watch(Listener, "orders");
    driver.take_lines();
    driver.client.unwatch(watch);
    driver.watch(Listener, "users");
    driver.expect(&[r#"0.0 LDS "" "" [users]"#]);
}

/// 2.3: an ACK has the version and the nonce of the response.
#[test]
fn xds_2_3_ack() {
    let mut driver = Driver::new();
    driver.watch(Listener, "orders");
    driver.take_lines();
    driver.send(0, Listener, "1", "a", &["orders=x"]);
    driver.expect(&["w0 LDS orders x", r#"0.0 LDS "1" "a" [orders]"#, "0.0 read"]);
    driver.send(0, Listener, "2", "b", &["orders=y"]);
    driver.expect(&["w0 LDS orders y", r#"0.0 LDS "2" "b" [orders]"#, "0.0 read"]);
}

/// 2.3: a NACK keeps the version, and has the nonce of the response.
#[test]
fn xds_2_3_nack_keeps_version() {
    let mut driver = Driver::new();
    driver.watch(Routes, "r");
    driver.take_lines();
    let nack = "nack 3: 1 of 1 resources are invalid\n\"r\": virtual_hosts[0].domains: no domains";
    driver.send(0, Routes, "1", "a", &["r=bad"]);
    driver.expect(&[
        "w0 RDS r error: is invalid: virtual_hosts[0].domains: no domains",
        &format!(r#"0.0 RDS "" "a" [r] {nack}"#),
        "0.0 read",
    ]);
    driver.send(0, Routes, "2", "b", &["r=x"]);
    driver.expect(&["w0 RDS r x", r#"0.0 RDS "2" "b" [r]"#, "0.0 read"]);
    driver.send(0, Routes, "3", "c", &["r=bad"]);
    driver.expect(&[
        "w0 RDS r ambient: is invalid: virtual_hosts[0].domains: no domains",
        &format!(r#"0.0 RDS "2" "c" [r] {nack}"#),
        "0.0 read",
    ]);
}

/// 2.3: a response that is refused for the same reasons as the one before it is answered a second later.
/// Common servers send it again as soon as it is refused: without a pause, both sides would do nothing
/// else. A change of the names does not wait, and has the answer.
#[test]
fn xds_2_3_repeated_nacks_are_paced() {
    let mut driver = Driver::new();
    driver.watch(Routes, "r");
    driver.take_lines();
    let nack = "nack 3: 1 of 1 resources are invalid\n\"r\": virtual_hosts[0].domains: no domains";
    driver.send(0, Routes, "1", "a", &["r=bad"]);
    driver.expect(&[
        "w0 RDS r error: is invalid: virtual_hosts[0].domains: no domains",
        &format!(r#"0.0 RDS "" "a" [r] {nack}"#),
        "0.0 read",
    ]);
    driver.send(0, Routes, "1", "b", &["r=bad"]);
    driver.expect(&["0.0 read"]);
    driver.pass(Duration::from_millis(999));
    driver.expect(&[]);
    driver.pass(Duration::from_millis(1));
    driver.expect(&[&format!(r#"0.0 RDS "" "b" [r] {nack}"#)]);
    driver.send(0, Routes, "1", "c", &["r=bad"]);
    driver.expect(&["0.0 read"]);
    driver.watch(Routes, "s");
    driver.expect(&[&format!(r#"0.0 RDS "" "c" [r s] {nack}"#)]);
    // Every response is answered with its own nonce.
    driver.send(0, Routes, "1", "d", &["r=bad"]);
    driver.expect(&["0.0 read"]);
    driver.send(0, Routes, "2", "e", &["r=x"]);
    driver.expect(&[
        &format!(r#"0.0 RDS "" "d" [r s] {nack}"#),
        "w0 RDS r x",
        r#"0.0 RDS "2" "e" [r s]"#,
        "0.0 read",
    ]);
}

/// 2.3: a change of the names is a request with unchanged version and nonce; only the first request
/// of a stream has the node; names are sorted.
#[test]
fn xds_2_3_change_of_names() {
    let mut driver = Driver::new();
    driver.watch(Cluster, "b");
    driver.send(0, Cluster, "1", "x", &["b=1"]);
    driver.take_lines();
    let a = driver.watch(Cluster, "a");
    driver.expect(&[r#"0.0 CDS "1" "x" [a b]"#]);
    driver.unwatch(a);
    driver.expect(&[r#"0.0 CDS "1" "x" [b]"#]);
    driver.watch(Endpoints, "e");
    driver.expect(&[r#"0.0 EDS "" "" [e]"#]);
    // A second watch of a name changes nothing.
    driver.watch(Endpoints, "e");
    driver.expect(&[]);
}

/// 2.3: changes during one event give one request, and an ACK that is due carries them.
#[test]
fn xds_2_3_ack_carries_changes() {
    let mut driver = Driver::new();
    let a = driver.watch(Cluster, "a");
    driver.take_lines();
    let response = super::driver::response(Cluster, "1", "x", &["a=1"]);
    let stream = driver.stream(0);
    driver.client.handle_message(stream, response, driver.now);
    // What a watcher does because of the delivery.
    let delivery = driver.client.poll_output(driver.now);
    assert!(delivery.is_some());
    driver.client.unwatch(a);
    for name in ["b", "c"] {
        driver.client.watch(Cluster, name);
    }
    driver.client.watch(Listener, "l");
    driver.run();
    driver.expect(&[
        r#"0.0 LDS "" "" [l]"#,
        r#"0.0 CDS "1" "x" [b c]"#,
        "0.0 read",
    ]);
}

/// 2.3: each response is answered once and in order, also if two come before the first is answered.
#[test]
fn xds_2_3_each_response_is_answered() {
    let mut driver = Driver::new();
    driver.watch(Cluster, "a");
    driver.take_lines();
    let stream = driver.stream(0);
    for (version, nonce, resource) in [("1", "x", "a=1"), ("2", "y", "a=bad"), ("3", "z", "a=3")] {
        let response = super::driver::response(Cluster, version, nonce, &[resource]);
        driver.client.handle_message(stream, response, driver.now);
    }
    driver.run();
    driver.expect(&[
        "w0 CDS a 1",
        r#"0.0 CDS "1" "x" [a]"#,
        "w0 CDS a ambient: is invalid: virtual_hosts[0].domains: no domains",
        concat!(
            r#"0.0 CDS "1" "y" [a] nack 3: 1 of 1 resources are invalid"#,
            "\n\"a\": virtual_hosts[0].domains: no domains",
        ),
        "w0 CDS a 3",
        r#"0.0 CDS "3" "z" [a]"#,
        "0.0 read",
    ]);
}

/// 2.4: an empty list is never the first request of a type; after another list it is sent.
#[test]
fn xds_2_4_empty_list_only_after_another() {
    let mut driver = Driver::new();
    driver.watch(Listener, "l");
    driver.take_lines();
    let early = driver.client.watch(Endpoints, "e");
    driver.client.unwatch(early);
    driver.run();
    driver.expect(&[]);
    let watch = driver.watch(Endpoints, "e");
    driver.expect(&[r#"0.0 EDS "" "" [e]"#]);
    driver.unwatch(watch);
    driver.expect(&[r#"0.0 EDS "" "" []"#]);
    // A response that was on its way is still answered, and the type can be asked for again.
    driver.send(0, Endpoints, "1", "a", &["e=1"]);
    driver.expect(&[r#"0.0 EDS "1" "a" []"#, "0.0 read"]);
    driver.watch(Endpoints, "f");
    driver.expect(&[r#"0.0 EDS "1" "a" [f]"#]);
}

/// 2.4: the name `*` asks for everything, and is never sent.
#[test]
fn xds_2_4_no_wildcard() {
    let mut driver = Driver::new();
    driver.watch(Cluster, "*");
    driver.expect(&["w0 CDS * error: name \"*\": it asks for all resources"]);
}

/// 2.5: a new stream asks at once for all names of all types, with the versions that were kept and
/// without a nonce.
#[test]
fn xds_2_5_new_stream_asks_for_everything() {
    let mut driver = Driver::new();
    let routes = driver.watch(Routes, "r");
    for (kind, name) in [
        (Endpoints, "e"),
        (Cluster, "c"),
        (Cluster, "b"),
        (Listener, "l"),
    ] {
        driver.watch(kind, name);
    }
    driver.send(0, Listener, "5", "a", &["l=1"]);
    driver.send(0, Cluster, "7", "b", &["b=1", "c=1"]);
    driver.unwatch(routes);
    driver.take_lines();
    driver.pass(seconds(5));
    driver.end_stream(0, "shutting down");
    driver.expect(&[
        "0.1 start at 5.0 s",
        r#"0.1 LDS "5" "" [l] n1"#,
        r#"0.1 CDS "7" "" [b c]"#,
        r#"0.1 EDS "" "" [e]"#,
        "0.1 read",
    ]);
}
