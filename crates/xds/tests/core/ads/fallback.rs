//! 2.13, 2.14: several servers of an authority.

use trunkline_xds::core::ads::{AdsEvent, NoFallback};
use trunkline_xds::core::{Authority, Bootstrap};

use super::driver::{Cluster, Driver, Listener, seconds, server};

/// A client of the servers a, b and c.
fn three_servers() -> Driver {
    Driver::with(
        Bootstrap::new(server("a"))
            .with_fallback(server("b"))
            .with_fallback(server("c")),
    )
}

fn name(id: &str) -> String {
    format!("xdstp://mesh/envoy.config.cluster.v3.Cluster/{id}")
}

/// 2.13: while a server has a connection error and a name was never answered, all names are asked for
/// from the next server too; watchers are not notified of the error.
#[test]
fn xds_2_13_fallback() {
    let mut driver = three_servers();
    driver.watch(Listener, "l");
    driver.watch(Listener, "m");
    driver.send(0, Listener, "1", "a", &["l=1"]);
    driver.take_lines();
    driver.fail_link(0, "refused");
    driver.expect(&[
        "1 connect dns:///b:18000",
        "1.0 start at 0.0 s",
        r#"1.0 LDS "" "" [l m] n1"#,
        "1.0 read",
    ]);
    driver.watch(Cluster, "c");
    driver.expect(&[r#"0.0 CDS "" "" [c]"#, r#"1.0 CDS "" "" [c]"#]);
    // The cache is kept, and replaced name by name.
    driver.send(1, Listener, "7", "x", &["l=1", "m=2"]);
    driver.expect(&["w1 LDS m 2", r#"1.0 LDS "7" "x" [l m]"#, "1.0 read"]);
    driver.send(1, Cluster, "8", "y", &["c=3"]);
    driver.expect(&["w2 CDS c 3", r#"1.0 CDS "8" "y" [c]"#, "1.0 read"]);
}

/// 2.13: with nothing uncached there is no fallback, and the error is passed on at once; a name that
/// is watched later makes the client fall back.
#[test]
fn xds_2_13_nothing_awaited() {
    let mut driver = three_servers();
    driver.watch(Listener, "l");
    driver.send(0, Listener, "1", "a", &["l=1"]);
    driver.take_lines();
    driver.fail_link(0, "refused");
    driver.expect(&["w0 LDS l ambient: cannot be had: dns:///a:18000: refused"]);
    let dump = driver.client.dump();
    assert_eq!(
        dump.authorities[0].no_fallback,
        Some(NoFallback::NothingAwaited)
    );

    driver.watch(Cluster, "c");
    driver.expect(&[
        "1 connect dns:///b:18000",
        "1.0 start at 0.0 s",
        r#"0.0 CDS "" "" [c]"#,
        r#"1.0 LDS "" "" [l] n1"#,
        r#"1.0 CDS "" "" [c]"#,
        "1.0 read",
    ]);
    driver.send(1, Cluster, "1", "x", &["c=1"]);
    driver.expect(&[
        "w0 LDS l ambient cleared",
        "w1 CDS c 1",
        r#"1.0 CDS "1" "x" [c]"#,
        "1.0 read",
    ]);
}

/// 2.13: watchers are notified of errors when the last server has failed too; the text names each.
#[test]
fn xds_2_13_all_servers_failed() {
    let mut driver = three_servers();
    driver.watch(Listener, "l");
    driver.fail_link(0, "refused");
    driver.end_stream(1, "no service");
    let lines = driver.take_lines();
    assert!(!lines.iter().any(|line| line.starts_with('w')), "{lines:?}");
    driver.fail_link(2, "timed out");
    driver.expect(&[concat!(
        "w0 LDS l error: cannot be had: dns:///a:18000: refused; ",
        "dns:///b:18000: stream ended without a response: UNAVAILABLE: no service; ",
        "dns:///c:18000: timed out"
    )]);
    assert_eq!(
        driver.client.dump().authorities[0].no_fallback,
        Some(NoFallback::NoFurtherServer)
    );
    // A name that is watched now has the error at once.
    driver.watch(Cluster, "d");
    let lines = driver.take_lines();
    assert!(
        lines[0].starts_with("w1 CDS d error: cannot be had: "),
        "{lines:?}"
    );
}

/// 2.13: the first response of a better server makes it the active one; the servers after it are
/// dropped.
#[test]
fn xds_2_13_recovery() {
    let mut driver = three_servers();
    driver.watch(Listener, "l");
    driver.fail_link(0, "refused");
    driver.fail_link(1, "refused");
    driver.send(2, Listener, "1", "a", &["l=c"]);
    driver.take_lines();
    driver.send(1, Listener, "1", "a", &["l=b"]);
    driver.expect(&[
        "w0 LDS l b",
        "2 disconnect",
        r#"1.0 LDS "1" "a" [l]"#,
        "1.0 read",
    ]);
    driver.send(0, Listener, "1", "a", &["l=b"]);
    driver.expect(&["1 disconnect", r#"0.0 LDS "1" "a" [l]"#, "0.0 read"]);
    let servers: Vec<_> = driver
        .events
        .iter()
        .filter_map(|event| match event {
            AdsEvent::FellBack { from, to, .. } => Some(format!("{} -> {}", from.uri, to.uri)),
            AdsEvent::Recovered { server, .. } => Some(server.uri.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(
        servers,
        [
            "dns:///a:18000 -> dns:///b:18000",
            "dns:///b:18000 -> dns:///c:18000",
            "dns:///b:18000",
            "dns:///a:18000"
        ]
    );
    // Later, an error of the first server is a new reason to fall back.
    driver.watch(Listener, "m");
    driver.fail_link(0, "refused");
    let lines = driver.take_lines();
    assert!(
        lines.contains(&"3 connect dns:///b:18000".to_owned()),
        "{lines:?}"
    );
}

/// 2.13: a better server that only connects, without a response, changes nothing.
#[test]
fn xds_2_13_recovery_needs_a_response() {
    let mut driver = three_servers();
    driver.watch(Listener, "l");
    driver.end_stream(0, "no service");
    driver.send(1, Listener, "1", "a", &["l=b"]);
    driver.take_lines();
    driver.pass(seconds(1) + seconds(1) / 2);
    let lines = driver.take_lines();
    assert!(lines[0].starts_with("0.1 start"), "{lines:?}");
    assert_eq!(
        driver.client.dump().authorities[0].asked.len(),
        2,
        "both are asked"
    );
}

/// 2.14: with `fallback_on_reachability_only`, a connection error is enough.
#[test]
fn xds_2_14_reachability_only() {
    let authority = Authority::new()
        .with_server(server("a"))
        .with_server(server("b"));
    for is_enough in [false, true] {
        let authority = authority
            .clone()
            .with_fallback_on_reachability_only(is_enough);
        let bootstrap = Bootstrap::new(server("top")).with_authority("mesh", authority);
        let mut driver = Driver::with(bootstrap);
        driver.watch(Cluster, &name("c"));
        driver.send(0, Cluster, "1", "x", &[&format!("{}=1", name("c"))]);
        driver.take_lines();
        driver.fail_link(0, "refused");
        let lines = driver.take_lines();
        let has_fallen_back = lines[0] == "1 connect dns:///b:18000";
        assert_eq!(has_fallen_back, is_enough, "{lines:?}");
    }
}

/// 1.10, 2.1: authorities with the same server share its link; its failure is that of both.
#[test]
fn xds_2_1_authorities_share_links() {
    let mesh = Authority::new()
        .with_server(server("a"))
        .with_server(server("b"));
    let mut driver = Driver::with(Bootstrap::new(server("a")).with_authority("mesh", mesh));
    let old = driver.watch(Cluster, "old");
    driver.watch(Cluster, &name("c"));
    driver.expect(&[
        "0 connect dns:///a:18000",
        "0.0 start at 0.0 s",
        r#"0.0 CDS "" "" [old] n1"#,
        "0.0 read",
        &format!(r#"0.0 CDS "" "" [old {}]"#, name("c")),
    ]);
    driver.fail_link(0, "refused");
    driver.expect(&[
        "w0 CDS old error: cannot be had: dns:///a:18000: refused",
        "1 connect dns:///b:18000",
        "1.0 start at 0.0 s",
        &format!(r#"1.0 CDS "" "" [{}] n1"#, name("c")),
        "1.0 read",
    ]);
    driver.unwatch(old);
    driver.expect(&[&format!(r#"0.0 CDS "" "" [{}]"#, name("c"))]);
}
