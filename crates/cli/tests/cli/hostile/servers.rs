//! Servers that are dead, silent or fail, and address families without an answer.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use trunkline_testkit::closed::ClosedUdp;
use trunkline_testkit::dns::{DnsServer, Query, Rcode, Reply, Type};

use super::{BOTH, CommandResult, honest, message, patched, replying, resolve, server, truth};
use crate::command::with_enough_time;

/// A time, in milliseconds, that is shorter than one attempt at a server is without options. What takes
/// less did not wait for the end of an attempt.
const BELOW_ONE_ATTEMPT_MS: f64 = 4000.0;

fn closed() -> ClosedUdp {
    ClosedUdp::new().expect("a port")
}

fn lame(query: &Query) -> Vec<Vec<u8>> {
    let empty = message(query, &Reply::default());
    vec![patched(empty, 2, &[0x81, 0])]
}

/// Returns the time of the resolution, in milliseconds.
fn ms(result: &CommandResult) -> f64 {
    result.object["elapsed_ms"].as_f64().expect("a time")
}

/// Resolves, with attempts long enough for this machine. The time must be in the range, in attempts.
#[track_caller]
pub(super) fn resolve_in_attempts(servers: &[SocketAddr], range: Range<f64>) -> CommandResult {
    let attempts = |(seconds, result): &(u32, _)| ms(result) / 1000.0 / f64::from(*seconds);
    let run = |seconds| {
        let options = format!("options timeout:{seconds}");
        (seconds, resolve(servers, &options, "a.test"))
    };
    let ran = with_enough_time(run, |ran| range.contains(&attempts(ran)));
    assert!(range.contains(&attempts(&ran)), "{ran:?}");
    ran.1
}

/// When the first server is dead or fails, the next one is asked at once, for both families.
#[test]
fn after_a_failing_server_the_next_is_asked_at_once() {
    let failures: [(&str, Reply); 8] = [
        ("SERVFAIL", Reply::rcode(Rcode::SERVFAIL)),
        ("REFUSED", Reply::rcode(Rcode::REFUSED)),
        ("NOTIMP", Reply::rcode(Rcode::NOTIMP)),
        ("FORMERR", Reply::rcode(Rcode::FORMERR)),
        ("NOTAUTH", Reply::rcode(Rcode(9))),
        ("code 15", Reply::rcode(Rcode(15))),
        ("BADKEY", Reply::rcode(Rcode(17))),
        ("lame", replying(lame)),
    ];
    let other = honest();
    for (what, reply) in failures {
        let first = server(reply);
        other.forget_queries();
        let result = resolve(&[first.address(), other.address()], "", "a.test");
        result.expect(what, &BOTH);
        assert_eq!(
            result.object["server"],
            other.address().to_string(),
            "{what}: {result:?}"
        );
        assert_eq!(other.total(), 2, "{what}");
    }
    let dead = closed();
    let result = resolve(&[dead.address(), other.address()], "", "a.test");
    result.expect("nothing listens", &BOTH);
    assert!(ms(&result) < BELOW_ONE_ATTEMPT_MS, "{result:?}");
}

/// A silent server costs the time of one attempt.
#[test]
fn a_silent_server_costs_one_attempt() {
    let (silent, other) = (server(Reply::silence()), honest());
    let servers = [silent.address(), other.address()];
    let result = resolve_in_attempts(&servers, 0.9..1.9);
    result.expect("a black hole first", &BOTH);
}

/// When all servers fail, the error names each of them and its outcome.
#[test]
fn an_error_names_every_server() {
    let (one, two) = (
        server(Reply::rcode(Rcode::SERVFAIL)),
        server(Reply::rcode(Rcode::REFUSED)),
    );
    let dead = closed();
    let servers = [one.address(), two.address(), dead.address()];
    let result = resolve(&servers, "options attempts:1", "a.test");
    let outcomes = ["servfail", "refused", "connection_refused"];
    result.expect_error("all fail", "unavailable", &outcomes);
    let asked = result.object["error"]["servers"]
        .as_array()
        .expect("a list");
    let asked = asked.iter().filter(|server| server["type"] == "A");
    let names: Vec<&str> = asked.filter_map(|it| it["server"].as_str()).collect();
    assert_eq!(names, servers.map(|server| server.to_string()));
}

/// When the only server is dead, that is reported at once, not after all retries.
#[test]
fn a_dead_server_alone_is_reported_at_once() {
    let dead = closed();
    let result = resolve(&[dead.address()], "options attempts:1", "a.test");
    result.expect_error("nothing listens", "unavailable", &["connection_refused"]);
    let took = result.object["error"]["servers"][0]["elapsed_ms"].as_f64();
    assert!(took.expect("a time") < BELOW_ONE_ATTEMPT_MS, "{result:?}");
}

/// When one family has no answer, that costs the time of one attempt, and the answer is partial.
#[test]
fn without_one_family_the_answer_is_partial() {
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
            replying(|query| vec![truth(query)]),
        );
        let result = resolve_in_attempts(&[server.address()], 0.9..1.9);
        assert_eq!((result.status, result.addresses()), (0, addresses.to_vec()));
        assert!(result.is_partial(), "{result:?}");
    }
}

/// A failure of one family does not affect the other's addresses. The answer is partial, except
/// when the reply is that the family has no records.
#[test]
fn a_failing_family_leaves_the_other() {
    let with = |reply: Reply| -> DnsServer {
        let server = honest();
        server.set("a.test", Type::A, replying(|query| vec![truth(query)]));
        server.set("a.test", Type::AAAA, reply);
        server
    };
    for (reply, partial) in [
        (Reply::rcode(Rcode::SERVFAIL), true),
        (Reply::rcode(Rcode::REFUSED), true),
        (Reply::rcode(Rcode::NOTIMP), true),
        (replying(lame), true),
        (Reply::nxdomain(), false),
        (Reply::no_data(), false),
    ] {
        let server = with(reply.clone());
        let result = resolve(&[server.address()], "", "a.test");
        assert_eq!(result.addresses(), &BOTH[..1], "{reply:?}: {result:?}");
        assert_eq!(result.is_partial(), partial, "{reply:?}: {result:?}");
        assert!(ms(&result) < BELOW_ONE_ATTEMPT_MS, "{reply:?}: {result:?}");
    }
}

/// The command waits for a family whose answer is late.
#[test]
fn a_late_family_completes_the_answer() {
    let server = honest();
    server.set("a.test", Type::A, replying(|query| vec![truth(query)]));
    let late = replying(|query| vec![truth(query)]).after(Duration::from_millis(300));
    server.set("a.test", Type::AAAA, late);
    let result = resolve(&[server.address()], "", "a.test");
    result.expect("300 ms late", &BOTH);
    assert!(ms(&result) >= 300.0, "{result:?}");
}
