//! DNS cookies (RFC 7873, RFC 9018).

use std::time::Duration;

use trunkline_dns::io::Client;
use trunkline_dns::{LookupErrorKind, ServerOutcome, Transport};

use crate::message::{A, Asked, Message, ip4, ms};
use crate::sim::{Act, Acts, Sim};
use crate::support::{ONE, check4, client, config, lookup4, outcomes};

fn cookies(script: impl FnMut(&Asked) -> Acts + Send + 'static) -> (Sim, Client) {
    let sim = Sim::new();
    sim.server(ONE, script);
    let client = client(&sim, config(&[ONE]).cookies(true));
    (sim, client)
}

fn with(message: Message, cookie: &[u8]) -> Message {
    let length = u8::try_from(cookie.len()).expect("short");
    message.opt_data(&[&[0, 10, 0, length], cookie].concat())
}

/// Returns the cookie of a reply: the client's part of the query's cookie, and the server's part.
fn whole(asked: &Asked) -> Vec<u8> {
    let ours = asked.cookie.as_ref().expect("a cookie").get(..8);
    [ours.expect("8 bytes"), &[7; 8]].concat()
}

fn evil(asked: &Asked) -> Message {
    asked.reply().answer(&asked.name, A, 300, &[6, 6, 6, 6])
}

/// Returns the cookies of the queries, in order; an empty one for a query without.
fn sent(sim: &Sim) -> Vec<Vec<u8>> {
    let seen = sim.seen().into_iter();
    seen.map(|seen| seen.asked.cookie.unwrap_or_default())
        .collect()
}

fn transports(sim: &Sim) -> Vec<Transport> {
    let seen = sim.seen().into_iter();
    seen.map(|seen| seen.asked.transport).collect()
}

fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// The client's part of a cookie goes out, and comes back with the server's. A reply with another
/// client part, or with a cookie of fewer than 16 or more than 40 bytes, is dropped (RFC 7873
/// section 5.3).
#[test]
fn cookies_are_learned_and_checked() {
    let (sim, client) = cookies(|asked| {
        let ours = &whole(asked)[..8];
        [
            with(evil(asked), &[9; 16]).after(1),
            with(evil(asked), &[9; 3]).after(2),
            with(evil(asked), &ours[..7]).after(2),
            with(evil(asked), &[ours, &[9; 7]].concat()).after(2),
            with(evil(asked), &[ours, &[9; 33]].concat()).after(2),
            with(asked.address(1), &whole(asked)).after(3),
        ]
        .concat()
    });
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
    check4(&sim, &client, "b.test.", Ok(&[&ip4(1)]));
    let sent = sent(&sim);
    assert_eq!(sent[0].len(), 8);
    assert_eq!(sent[1], [&sent[0][..], &[7; 8]].concat());
}

/// The client's part is replaced after a day, and then sent without the server's.
#[test]
fn the_clients_part_rotates_daily() {
    let (sim, client) = cookies(|asked| with(asked.address(1), &whole(asked)).after(1));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
    sim.pass(secs(86_000));
    check4(&sim, &client, "b.test.", Ok(&[&ip4(1)]));
    sim.pass(secs(400));
    check4(&sim, &client, "c.test.", Ok(&[&ip4(1)]));
    let sent = sent(&sim);
    assert_eq!(sent[1][..8], sent[0]);
    assert_eq!(sent[2].len(), 8);
    assert_ne!(sent[2], sent[0]);
}

/// The client's part differs from server to server, and changes with the client's address (RFC 9018
/// section 8.1).
#[test]
fn the_clients_part_is_for_one_server_and_one_source() {
    const TWO: &str = crate::support::TWO;
    let sim = Sim::new();
    sim.server(ONE, |asked| match asked.cookie {
        Some(_) => asked.rcode(2).after(1),
        None => Vec::new(),
    });
    sim.server(TWO, |asked| with(asked.address(2), &whole(asked)).after(1));
    let client = client(&sim, config(&[ONE, TWO]).cookies(true));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(2)]));
    let before = sent(&sim);
    assert_ne!(before[0], before[1]);
    sim.set_source([10, 0, 0, 99].into());
    sim.clear_seen();
    check4(&sim, &client, "b.test.", Ok(&[&ip4(2)]));
    let after = sent(&sim);
    assert_eq!(after[0].len(), 8);
    assert_ne!(after[0], before[1]);
}

/// After BADCOOKIE the query is sent again, with the server's cookie from that reply.
#[test]
fn a_bad_cookie_is_replaced() {
    let (sim, client) = cookies(|asked| match asked.cookie.as_ref().map(Vec::len) {
        Some(16) => with(asked.address(1), &whole(asked)).after(1),
        _ => with(asked.rcode(23), &whole(asked)).after(1),
    });
    let answer = lookup4(&sim, &client, "a.test.").expect("an answer");
    let expected = [ServerOutcome::Rcode(23), ServerOutcome::Answered(1)];
    assert_eq!(outcomes(&answer.attempts), expected);
}

/// After three queries that were sent again, the query goes over TCP (RFC 7873 section 5.3).
#[test]
fn bad_cookies_end_at_tcp() {
    let (sim, client) = cookies(|asked| match asked.transport {
        Transport::Udp => with(asked.rcode(23), &whole(asked)).after(1),
        Transport::Tcp => asked.address(1).after(1),
    });
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
    let (udp, tcp) = (Transport::Udp, Transport::Tcp);
    assert_eq!(transports(&sim), [udp, udp, udp, udp, tcp]);
}

/// A server that sends no cookies gets none for 300 s, and then one as a trial.
#[test]
fn a_server_without_cookies_gets_none() {
    let (sim, client) = cookies(|asked| asked.address(1).after(1));
    for (pass, cookies) in [(0, 1), (299, 1), (1, 2), (1, 2)] {
        sim.pass(secs(pass));
        check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
        let sent = sent(&sim);
        let with = sent.iter().filter(|cookie| !cookie.is_empty()).count();
        assert_eq!(with, cookies, "{sent:?}");
    }
}

/// A server that rejects the option is asked again without it, still with EDNS.
#[test]
fn a_refused_option_is_left_out() {
    let (sim, client) = cookies(|asked| match asked.cookie {
        Some(_) => asked.rcode(1).after(1),
        None => asked.address(1).after(1),
    });
    for _ in 0..2 {
        check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
    }
    assert_eq!(sim.seen().len(), 3, "it is remembered");
    assert!(sim.seen().iter().all(|seen| seen.asked.edns));
}

/// Checks that a reply over UDP without a cookie, from a server that has sent one, is not used: the
/// query goes over TCP.
#[track_caller]
fn not_used(without: impl Fn(&Asked) -> Acts + Send + 'static) {
    let (sim, client) = cookies(move |asked| match (&*asked.name, asked.transport) {
        ("b.test.", Transport::Udp) => without(asked),
        _ => with(asked.address(1), &whole(asked)).after(1),
    });
    for name in ["a.test.", "b.test.", "c.test."] {
        check4(&sim, &client, name, Ok(&[&ip4(1)]));
    }
    let (udp, tcp) = (Transport::Udp, Transport::Tcp);
    // The reply over TCP had the server's cookie: the server still supports cookies.
    assert_eq!(transports(&sim), [udp, udp, tcp, udp]);
    assert!(sent(&sim).iter().skip(1).all(|cookie| cookie.len() == 16));
}

/// An answer over UDP without a cookie, from a server that has sent one, is not used.
#[test]
fn a_missing_cookie_is_not_used() {
    not_used(|asked| {
        let right = with(asked.address(1), &whole(asked)).after(2);
        [evil(asked).after(1), right].concat()
    });
}

/// A reply that is a header alone, from a server that has sent a cookie, is not used: it would turn
/// off EDNS and so the cookies.
#[test]
fn a_header_alone_is_not_used() {
    not_used(|asked| {
        let header = asked.rcode(1).patch(4, &[0, 0]).no_opt().build();
        vec![(ms(1), Act::Send(header[..12].to_vec()))]
    });
}

/// When a server that has sent cookies sends none for 120 s, its replies without are used.
#[test]
fn cookies_may_be_given_up() {
    let mut first = true;
    let (sim, client) = cookies(move |asked| {
        if std::mem::take(&mut first) {
            with(asked.address(1), &whole(asked)).after(1)
        } else {
            asked.address(1).after(1)
        }
    });
    let (udp, tcp) = (Transport::Udp, Transport::Tcp);
    let mut expected = vec![udp];
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
    // For 120 s from the first reply without a cookie, such replies over UDP are not used.
    for pass in [0, 60, 59] {
        sim.pass(secs(pass));
        check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
        expected.extend([udp, tcp]);
    }
    // After that the client's part is sent alone, as to an unknown server, and then none.
    sim.pass(secs(1));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
    expected.extend([udp, udp]);
    assert_eq!(transports(&sim), expected);
    let lengths: Vec<_> = sent(&sim).iter().map(Vec::len).collect();
    assert_eq!(lengths[lengths.len() - 2..], [8, 0]);
}

/// By default no query has a cookie, and one in a reply is ignored.
#[test]
fn no_cookies_by_default() {
    let sim = Sim::new();
    sim.server(ONE, |asked| with(asked.address(1), &[9; 16]).after(1));
    let client = client(&sim, config(&[ONE]));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
    assert_eq!(sent(&sim), [[]; 1]);
    // BADCOOKIE for a query without a cookie is a failure like other response codes.
    let sim = Sim::new();
    sim.server(ONE, |asked| asked.rcode(23).after(1));
    let client = self::client(&sim, config(&[ONE]));
    check4(&sim, &client, "a.test.", Err(LookupErrorKind::Unavailable));
}
