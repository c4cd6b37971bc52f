//! What a query looks like, and EDNS (RFC 6891).

use trunkline_dns::{LookupErrorKind, Transport};

use crate::message::{A, AAAA, Asked, Message, ip4};
use crate::support::{check4, lookup, lookup4, one};

fn many(asked: &Asked, count: u8) -> Message {
    (0..count).fold(asked.reply(), |message, last| match asked.code {
        A => message.answer(&asked.name, A, 300, &[192, 0, 2, last]),
        _ => message.answer(&asked.name, AAAA, 300, &crate::message::v6(last)),
    })
}

/// A query asks for datagrams of 1232 octets, in one OPT record, version 0, DO clear.
#[test]
fn edns_asks_for_1232_octets() {
    let (sim, client) = one(|asked| asked.address(1).after(1));
    lookup4(&sim, &client, "a.test.").expect("an answer");
    let asked = &sim.seen()[0].asked;
    let opt = &asked.bytes[asked.end..];
    assert_eq!(opt, [0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]);
}

/// A longer reply without TC is taken whole, as far as the buffer goes; beyond it TCP has it.
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

/// FORMERR without OPT: the same server is asked without EDNS, and it is remembered.
#[test]
fn edns_is_left_out_where_it_is_not_known() {
    for rcode in [1, 4, 16] {
        let (sim, client) = one(move |asked| match asked.edns {
            true if rcode == 16 => asked.rcode(rcode).after(1),
            true => asked.rcode(rcode).no_opt().after(1),
            false => asked.address(1).after(1),
        });
        check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
        assert_eq!(sim.seen().len(), 2);
        check4(&sim, &client, "b.test.", Ok(&[&ip4(1)]));
        assert_eq!(sim.seen().len(), 3, "it is remembered");
    }
}

/// Silence is no reason to leave EDNS out.
#[test]
fn edns_stays_after_silence() {
    let (sim, client) = one(|_| Vec::new());
    check4(&sim, &client, "a.test.", Err(LookupErrorKind::Unavailable));
    assert!(sim.seen().iter().all(|seen| seen.asked.edns));
}

/// An extended code is no answer: BADVERS again after EDNS was left out is a failure.
#[test]
fn an_extended_code_is_no_data_never() {
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

/// That a reply says its data were checked changes nothing.
#[test]
fn the_ad_bit_is_not_believed() {
    let (sim, client) = one(|asked| asked.address(1).patch(3, &[0xa0]).after(1));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
}
