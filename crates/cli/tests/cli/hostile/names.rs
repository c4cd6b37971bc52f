//! Names that are not sent, search lists, hosts, and files with invalid lines.

use trunkline_testkit::dns::{DnsServer, Rcode, Reply, Type};

use super::{BOTH, honest, replying, resolve, resolve_target, truth};

/// No query is sent for an invalid name, an address literal, or a name whose answer a standard fixes.
#[test]
fn names_that_are_not_sent() {
    let server = honest();
    let long_label = format!("{}.test", "a".repeat(64));
    let long_name = "a.".repeat(127) + "test";
    for name in [
        &*long_label,
        &long_name,
        "a..test",
        "1.2.3.256",
        "1.2.3.4.5",
    ] {
        let result = resolve(&[server.address()], "", name);
        assert_eq!(
            (result.status, result.kind()),
            (2, "invalid_name"),
            "{name}: {result:?}"
        );
    }
    for name in ["x.onion", "x.invalid", "invalid."] {
        let result = resolve(&[server.address()], "", name);
        assert_eq!(
            (result.status, result.kind()),
            (1, "not_found"),
            "{name}: {result:?}"
        );
    }
    for name in ["localhost", "LocalHost.", "x.localhost"] {
        let result = resolve(&[server.address()], "search test", name);
        result.expect(name, &["127.0.0.1:1", "[::1]:1"]);
    }
    resolve(&[server.address()], "", "192.0.2.1").expect("a literal", &BOTH[..1]);
    resolve(&[server.address()], "", "[2001:db8::1]").expect("a literal", &BOTH[1..]);
    assert_eq!(server.total(), 0, "{:?}", server.queries());
}

/// Starts a server that has addresses for the name `known` only.
fn only(known: &str) -> DnsServer {
    let server = DnsServer::start().expect("a DNS server");
    for record_type in [Type::A, Type::AAAA] {
        server.set(known, record_type, replying(|query| vec![truth(query)]));
    }
    server
}

fn asked(server: &DnsServer) -> Vec<String> {
    let queries = server.queries().into_iter();
    let of_a = queries.filter(|query| query.record_type == Type::A);
    of_a.map(|query| query.name).collect()
}

/// With fewer dots than `ndots` the name itself is the last candidate. A name that ends with a dot
/// is not searched. Each candidate is asked for once.
#[test]
fn search_lists() {
    let lines = "search x.test y.test X.test\noptions ndots:2";
    let cases: [(&str, &str, &[&str]); 5] = [
        ("a", "a.y.test", &["a.x.test", "a.y.test"]),
        ("a.b", "a.b", &["a.b.x.test", "a.b.y.test", "a.b"]),
        ("a.b.c", "a.b.c", &["a.b.c"]),
        ("a.b.c", "a.b.c.x.test", &["a.b.c", "a.b.c.x.test"]),
        ("a.b.", "a.b", &["a.b"]),
    ];
    for (name, known, names) in cases {
        let server = only(known);
        resolve(&[server.address()], lines, name).expect(name, &BOTH);
        assert_eq!(asked(&server), names, "{name}");
    }
}

/// A candidate without addresses is followed by the next. After the failure of a candidate, the
/// error is `unavailable`, not `not_found`.
#[test]
fn a_soft_failure_is_no_absence() {
    let lines = "search x.test y.test\noptions attempts:1";
    let server = only("a.y.test");
    server.set("a.x.test", Type::A, Reply::no_data());
    server.set("a.x.test", Type::AAAA, Reply::no_data());
    resolve(&[server.address()], lines, "a").expect("after one without data", &BOTH);

    for rcode in [Rcode::SERVFAIL, Rcode::REFUSED] {
        let server = only("other.test");
        server.set("a.x.test", Type::A, Reply::rcode(rcode));
        server.set("a.x.test", Type::AAAA, Reply::rcode(rcode));
        let result = resolve(&[server.address()], lines, "a");
        assert_eq!(
            (result.status, result.kind()),
            (1, "unavailable"),
            "{result:?}"
        );
    }
    let server = only("other.test");
    let result = resolve(&[server.address()], lines, "a");
    let nowhere = ["nxdomain"; 3];
    result.expect_error("nowhere", "not_found", &nowhere);
}

/// For a name in the hosts file no query is sent, also when the file has one family only.
#[test]
fn hosts_come_first() {
    let server = honest();
    let hosts = "\u{feff}# hosts\r\n192.0.2.1\tOne one.Test # a\r\n2001:db8::1 both\n192.0.2.1 both\n\
        not-an-address one\n";
    for (target, addresses) in [
        ("dns:///ONE:1", &BOTH[..1]),
        ("dns:///one.test:1", &BOTH[..1]),
        ("dns:///both:1", &BOTH[..]),
    ] {
        let result = resolve_target(&[server.address()], "", hosts, &[target]);
        result.expect(target, addresses);
    }
    assert_eq!(server.total(), 0, "{:?}", server.queries());
}

/// Invalid lines of a `resolv.conf` are ignored, and the valid ones are used.
#[test]
fn nonsense_in_the_file_is_passed_over() {
    let server = honest();
    let long = format!("search {}", "x".repeat(1 << 20));
    for lines in [
        "\0nameserver\nnameserver\nnameserver x y z\nnameserver 1.2.3.4.5\n",
        "options ndots:99999999999 timeout:-1 attempts: nonsense:1 :\nsortlist 1.2.3.4\n",
        &long,
        "\u{7f}\u{1}search\nlookup file bind\nfamily inet6\n",
    ] {
        resolve(&[server.address()], lines, "a.test").expect(&lines[..9.min(lines.len())], &BOTH);
    }
}

/// The server in the target is asked, not those of the file.
#[test]
fn the_targets_own_server_is_asked() {
    let (named, other) = (honest(), honest());
    let target = format!("dns://{}/a.test:1", named.address());
    let result = resolve_target(&[other.address()], "", "", &[&target]);
    result.expect("its own", &BOTH);
    assert_eq!((named.total(), other.total()), (2, 0));
}
