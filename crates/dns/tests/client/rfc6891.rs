//! The form of a query, and EDNS (RFC 6891).

use trunkline_dns::{LookupErrorKind, Transport};

use crate::message::{A, AAAA, Asked, Message, ip4, ms};
use crate::support::{check4, lookup, lookup4, one, two};

fn many(asked: &Asked, count: u8) -> Message {
    (0..count).fold(asked.reply(), |message, last| match asked.code {
        A => message.answer(&asked.name, A, 300, &[192, 0, 2, last]),
        _ => message.answer(&asked.name, AAAA, 300, &crate::message::v6(last)),
    })
}

/// A query allows datagrams of 1232 bytes, by one OPT record of version 0 with DO clear.
#[test]
fn edns_allows_1232_bytes() {
    let (sim, client) = one(|asked| asked.address(1).after(1));
    lookup4(&sim, &client, "a.test.").expect("an answer");
    let asked = &sim.seen()[0].asked;
    let opt = &asked.bytes[asked.end..];
    assert_eq!(opt, [0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]);
}

/// A longer reply without TC is read whole where it fits into the buffer; else the query goes over
/// TCP.
#[test]
fn overlong_replies_are_not_lost() {
    for (count, transports) in [
        (60, vec![Transport::Udp]),
        (180, vec![Transport::Udp, Transport::Tcp]),
    ] {
        let (sim, client) = one(move |asked| many(asked, count).after(1));
        let answer = lookup4(&sim, &client, "name.that.takes.place.test.").expect("an answer");
        assert_eq!(answer.addresses.len(), usize::from(count));
        let used: Vec<_> = sim.seen().iter().map(|seen| seen.asked.transport).collect();
        assert_eq!(used, transports);
    }
}

/// After FORMERR or NOTIMP without OPT, or BADVERS, the same server is asked without EDNS, also the
/// next time.
#[test]
fn edns_is_left_out_where_it_is_not_supported() {
    for rcode in [1, 4, 16] {
        let (sim, client) = one(move |asked| {
            if !asked.edns {
                asked.address(1).after(1)
            } else if rcode == 16 {
                asked.rcode(rcode).after(1)
            } else {
                asked.rcode(rcode).no_opt().after(1)
            }
        });
        check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
        assert_eq!(sim.seen().len(), 2);
        check4(&sim, &client, "b.test.", Ok(&[&ip4(1)]));
        assert_eq!(sim.seen().len(), 3, "it is remembered");
    }
}

/// A server that is silent is asked without EDNS in the last round, and only then: a firewall before it
/// may drop queries with EDNS. If it answers, it is asked without EDNS the next time.
#[test]
fn edns_is_left_out_after_silence() {
    let (sim, client) = one(|_| Vec::new());
    check4(&sim, &client, "a.test.", Err(LookupErrorKind::Unavailable));
    let edns: Vec<bool> = sim.seen().iter().map(|seen| seen.asked.edns).collect();
    assert_eq!(edns, [true, true, false, false], "two copies in each round");

    let without = |asked: &Asked| {
        if asked.edns {
            Vec::new()
        } else {
            asked.address(1).after(1)
        }
    };
    let dead = |_: &Asked| Vec::new();
    for (sim, client) in [one(without), two(dead, without)] {
        check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
        let before = sim.elapsed();
        check4(&sim, &client, "b.test.", Ok(&[&ip4(1)]));
        assert!(sim.elapsed() - before < ms(10), "it is remembered");
    }

    // A server that answers after a while has not dropped the query.
    let (sim, client) = one(|asked| asked.address(1).after(2500));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
    sim.clear_seen();
    check4(&sim, &client, "b.test.", Ok(&[&ip4(1)]));
    assert!(sim.seen()[0].asked.edns, "it is not taken for a silent one");
}

/// A reply with an unknown extended code is a failure, not "no data".
#[test]
fn an_extended_code_is_a_failure() {
    let (sim, client) = one(|asked| asked.rcode(20).after(1));
    let error = lookup4(&sim, &client, "a.test.").expect_err("no answer");
    assert_eq!(error.kind(), LookupErrorKind::Unavailable);
    assert_eq!(error.rcode(), Some(20));
}

/// A query has RD set, CD and AD clear, one question of class IN, no client subnet.
#[test]
fn the_shape_of_a_query() {
    let (sim, client) = one(|asked| asked.address(1).after(1));
    lookup(&sim, &client, "a.test.").expect("an answer");
    for seen in sim.seen() {
        let bytes = &seen.asked.bytes;
        assert_eq!(bytes[2..12], [1, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
        assert_eq!(bytes[seen.asked.end - 2..seen.asked.end], [0, 1]);
        // No option at all.
        assert_eq!(bytes.len(), seen.asked.end + 11);
    }
}

/// The flag AD of a reply, the server's claim that it has validated the data, changes nothing.
#[test]
fn the_ad_flag_is_ignored() {
    let (sim, client) = one(|asked| asked.address(1).patch(3, &[0xa0]).after(1));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
}
