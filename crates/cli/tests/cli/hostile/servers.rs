//! Sections 2.17 to 2.22: servers that are dead, silent, or fail; families that do not come.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use trunkline_testkit::dns::{DnsServer, Query, Rcode, Reply, Type};

use super::{BOTH, Told, honest, message, patched, resolve, server, telling, truth};

/// An address where nobody listens: whoever had it is gone.
fn nobody() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.local_addr().expect("an address")
}

fn lame(query: &Query) -> Vec<Vec<u8>> {
    let empty = message(query, &Reply::default());
    vec![patched(empty, 2, &[0x81, 0])]
}

fn ms(told: &Told) -> f64 {
    told.object["elapsed_ms"].as_f64().expect("a time")
}

/// The next server is asked at once where the first is dead or fails, for both families.
#[test]
fn a_failing_server_is_passed_at_once() {
    let failures: [(&str, Reply); 8] = [
        ("SERVFAIL", Reply::rcode(Rcode::SERVFAIL)),
        ("REFUSED", Reply::rcode(Rcode::REFUSED)),
        ("NOTIMP", Reply::rcode(Rcode::NOTIMP)),
        ("FORMERR", Reply::rcode(Rcode::FORMERR)),
        ("NOTAUTH", Reply::rcode(Rcode(9))),
        ("code 15", Reply::rcode(Rcode(15))),
        ("BADKEY", Reply::rcode(Rcode(17))),
        ("lame", telling(lame)),
    ];
    let other = honest();
    for (what, reply) in failures {
        let first = server(reply);
        other.forget_queries();
        let told = resolve(&[first.address(), other.address()], "", "a.test");
        told.expect(what, &BOTH);
        assert_eq!(
            told.object["server"],
            other.address().to_string(),
            "{what}: {told:?}"
        );
        assert_eq!(other.total(), 2, "{what}");
    }
    let told = resolve(&[nobody(), other.address()], "", "a.test");
    told.expect("nobody is there", &BOTH);
    assert!(ms(&told) < 1000.0, "{told:?}");
}

/// A silent server costs one attempt.
#[test]
fn a_silent_server_costs_one_attempt() {
    let (silent, other) = (server(Reply::silence()), honest());
    let servers = [silent.address(), other.address()];
    let told = resolve(&servers, "options timeout:1", "a.test");
    told.expect("a black hole first", &BOTH);
    assert!((900.0..1900.0).contains(&ms(&told)), "{told:?}");
}

/// Where all fail, the error names each of them, and what it did.
#[test]
fn an_error_names_every_server() {
    let (one, two) = (
        server(Reply::rcode(Rcode::SERVFAIL)),
        server(Reply::rcode(Rcode::REFUSED)),
    );
    let servers = [one.address(), two.address(), nobody()];
    let told = resolve(&servers, "options attempts:1", "a.test");
    let outcomes = ["servfail", "refused", "connection_refused"];
    told.expect_error("all fail", "unavailable", &outcomes);
    let asked = told.object["error"]["servers"].as_array().expect("a list");
    let asked = asked.iter().filter(|server| server["type"] == "A");
    let names: Vec<&str> = asked.filter_map(|it| it["server"].as_str()).collect();
    assert_eq!(names, servers.map(|server| server.to_string()));
}

/// A server set of one that is dead is told at once, not after all retries.
#[test]
fn a_dead_server_alone_is_told_at_once() {
    let told = resolve(&[nobody()], "options attempts:1", "a.test");
    told.expect_error("nobody", "unavailable", &["connection_refused"]);
    let took = told.object["error"]["servers"][0]["elapsed_ms"].as_f64();
    assert!(took.expect("a time") < 1000.0, "{told:?}");
}

/// One family that never comes costs one attempt; the answer says that it is missing.
#[test]
fn a_dropped_family_is_said_to_be_missing() {
    for (dropped, addresses) in [(Type::AAAA, &BOTH[..1]), (Type::A, &BOTH[1..])] {
        let server = honest();
        server.set("a.test", dropped, Reply::silence());
        server.set(
            "a.test",
            if dropped == Type::A {
                Type::AAAA
            } else {
                Type::A
            },
            telling(|query| vec![truth(query)]),
        );
        let told = resolve(&[server.address()], "options timeout:1", "a.test");
        assert_eq!((told.status, told.addresses()), (0, addresses.to_vec()));
        assert!(told.is_partial(), "{told:?}");
        assert!((900.0..1900.0).contains(&ms(&told)), "{told:?}");
    }
}

/// One family that fails takes nothing from the other; that it does not exist makes the answer no
/// less whole.
#[test]
fn a_failing_family_leaves_the_other() {
    let with = |reply: Reply| -> DnsServer {
        let server = honest();
        server.set("a.test", Type::A, telling(|query| vec![truth(query)]));
        server.set("a.test", Type::AAAA, reply);
        server
    };
    for (reply, partial) in [
        (Reply::rcode(Rcode::SERVFAIL), true),
        (Reply::rcode(Rcode::REFUSED), true),
        (Reply::rcode(Rcode::NOTIMP), true),
        (telling(lame), true),
        (Reply::nxdomain(), false),
        (Reply::no_data(), false),
    ] {
        let server = with(reply.clone());
        let told = resolve(&[server.address()], "", "a.test");
        assert_eq!(told.addresses(), &BOTH[..1], "{reply:?}: {told:?}");
        assert_eq!(told.is_partial(), partial, "{reply:?}: {told:?}");
        assert!(ms(&told) < 1000.0, "{reply:?}: {told:?}");
    }
}

/// A family that is late is waited for.
#[test]
fn a_late_family_completes_the_answer() {
    let server = honest();
    server.set("a.test", Type::A, telling(|query| vec![truth(query)]));
    let late = telling(|query| vec![truth(query)]).after(Duration::from_millis(300));
    server.set("a.test", Type::AAAA, late);
    let told = resolve(&[server.address()], "", "a.test");
    told.expect("300 ms late", &BOTH);
    assert!(ms(&told) >= 300.0, "{told:?}");
}
