//! Truncated replies, and queries over TCP (RFC 7766).

use std::collections::BTreeSet;

use trunkline_dns::{ClientConfig, Families, LookupErrorKind, ServerOutcome, Transport};

use crate::message::{A, AAAA, Asked, Message, ip4, ip6, ms};
use crate::rfc5452::join;
use crate::sim::{Accept, Act, Sim};
use crate::support::{
    ONE, Scratch, TWO, check, check4, client, config, lookup, lookup4, one, outcomes, texts, two,
};

/// A truncated reply is dropped, and the query goes to the same server over TCP.
#[test]
fn truncation_leads_to_tcp() {
    let (sim, client) = one(|asked| match asked.transport {
        Transport::Udp => asked.address(6).truncated().after(1),
        Transport::Tcp => asked.address(1).after(1),
    });
    let answer = lookup(&sim, &client, "a.test.").expect("an answer");
    assert_eq!(texts(&answer), [ip4(1), ip6(1)]);
    assert_eq!(
        outcomes(&answer.attempts)[..2],
        [ServerOutcome::Truncated, ServerOutcome::Truncated]
    );
    assert_eq!(answer.attempts[2].transport, Transport::Tcp);
}

/// The records of a reply over TCP are used although it has the flag TC, and the answer shows that there
/// may be more. Without records, such a
/// reply does not show that there are none.
#[test]
fn truncation_over_tcp() {
    let (sim, client) = one(|asked| asked.address(1).truncated().after(1));
    let answer = lookup4(&sim, &client, "a.test.").expect("an answer");
    assert_eq!((texts(&answer), answer.left_out), (vec![ip4(1)], true));
    for negative in [Asked::no_data, Asked::nxdomain, Asked::reply] {
        let (sim, client) = one(move |asked| negative(asked).truncated().after(1));
        check4(&sim, &client, "a.test.", Err(LookupErrorKind::Unavailable));
    }
}

/// Where the server refuses TCP or is silent over it, the next server is asked; the records of the
/// truncated reply are never used.
#[test]
fn a_cut_set_is_never_used() {
    for accept in [Accept::Refuse, Accept::Silent] {
        let (sim, client) = two(
            |asked| asked.address(6).truncated().after(1),
            |asked| asked.address(2).after(1),
        );
        sim.accept(ONE.parse().expect("an address"), accept);
        check4(&sim, &client, "a.test.", Ok(&[&ip4(2)]));
    }
}

/// A server that floods a connection with messages that answer nothing has failed: the next one is
/// asked at once.
#[test]
fn a_flood_is_a_failure() {
    let (sim, client) = two(
        |asked| match asked.transport {
            Transport::Udp => asked.reply().truncated().after(1),
            Transport::Tcp => {
                let foreign = framed(&asked.address(6).patch(0, &[!asked.bytes[0]]));
                vec![(ms(1), Act::Bytes(foreign.repeat(100)))]
            }
        },
        |asked| asked.address(2).after(1),
    );
    let answer = lookup4(&sim, &client, "a.test.").expect("the second server");
    assert_eq!(texts(&answer), [ip4(2)]);
    let malformed = ServerOutcome::Malformed("its messages over TCP answer no query");
    assert!(
        outcomes(&answer.attempts).contains(&malformed),
        "{answer:?}"
    );
    assert!(answer.elapsed < ms(100), "{answer:?}");
}

/// The length and the message are sent in one write (RFC 7766 section 8).
#[test]
fn length_and_message_are_one_write() {
    let sim = Sim::new();
    sim.server(ONE, |asked| asked.address(1).after(1));
    let client = client(&sim, config(&[ONE]).tcp_only(true));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
    let query = sim.seen()[0].asked.bytes.len();
    assert_eq!(sim.writes(), [query + 2]);
}

fn framed(message: &Message) -> Vec<u8> {
    let message = message.build();
    let length = u16::try_from(message.len()).expect("short");
    [&length.to_be_bytes(), &message[..]].concat()
}

/// A message may arrive byte by byte. One that stops in the middle is waited for until the timeout.
#[test]
fn a_half_reply_has_a_deadline() {
    let sim = Sim::new();
    let mut whole = true;
    sim.server(ONE, move |asked| {
        let bytes = framed(&asked.address(1));
        let until = if whole { bytes.len() } else { 9 };
        whole = false;
        let pieces = bytes[..until].iter().zip(1..);
        pieces
            .map(|(&byte, at)| (ms(at), Act::Bytes(vec![byte])))
            .collect()
    });
    let client = client(&sim, config(&[ONE]).tcp_only(true));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
    let before = sim.elapsed();
    check4(&sim, &client, "b.test.", Err(LookupErrorKind::Unavailable));
    assert!(sim.elapsed() - before < ms(10_000));
}

/// After a timeout over one connection, the query goes over a new one.
#[test]
fn a_stuck_connection_is_left() {
    let sim = Sim::new();
    let mut first = None;
    sim.server(ONE, move |asked| {
        if *first.get_or_insert(asked.socket) == asked.socket {
            Vec::new()
        } else {
            asked.address(1).after(1)
        }
    });
    let client = client(&sim, config(&[ONE]).tcp_only(true));
    check(&sim, &client, "a.test.", Ok(&[&ip4(1), &ip6(1)]));
    assert!(sim.elapsed() < ms(2010), "{:?}", sim.elapsed());
    assert_eq!(sim.open_sockets(), 1);
}

/// A message with another id is ignored over TCP too.
#[test]
fn foreign_messages_are_passed_over() {
    let sim = Sim::new();
    sim.server(ONE, |asked| {
        let foreign = asked.address(6).patch(0, &(asked.id ^ 1).to_be_bytes());
        let bytes = [framed(&foreign), vec![0, 0], framed(&asked.address(1))].concat();
        vec![(ms(1), Act::Bytes(bytes))]
    });
    let client = client(&sim, config(&[ONE]).tcp_only(true));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
}

/// A connection that ends in the middle of a message is replaced at once.
#[test]
fn an_early_end_is_tried_again() {
    let sim = Sim::new();
    let mut first = true;
    sim.server(ONE, move |asked| {
        let bytes = framed(&asked.address(1));
        if std::mem::take(&mut first) {
            return vec![
                (ms(1), Act::Bytes(bytes[..9].to_vec())),
                (ms(1), Act::Close),
            ];
        }
        vec![(ms(1), Act::Bytes(bytes))]
    });
    let client = client(&sim, config(&[ONE]).tcp_only(true));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
    assert!(sim.elapsed() < ms(10));
}

/// A message of the greatest length is read.
#[test]
fn messages_of_65535_bytes() {
    let sim = Sim::new();
    sim.server(ONE, |asked| {
        let message = asked.address(1);
        let room = 65_535 - message.build().len() - 11 - 11;
        let filler = [
            &[0, 0, 16, 0, 1, 0, 0, 0, 9][..],
            &(room as u16).to_be_bytes(),
            &vec![0; room],
        ]
        .concat();
        let message = message.raw(8, &filler);
        assert!(message.build().len() > 65_500);
        message.after(1)
    });
    let client = client(&sim, config(&[ONE]).tcp_only(true));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
}

/// A and AAAA go over one connection, and may be answered in any order (RFC 7766).
#[test]
fn queries_share_a_connection() {
    let sim = Sim::new();
    sim.server(ONE, |asked| {
        asked
            .address(1)
            .after(if asked.code == A { 20 } else { 10 })
    });
    let client = client(&sim, config(&[ONE]).tcp_only(true));
    check(&sim, &client, "a.test.", Ok(&[&ip4(1), &ip6(1)]));
    assert_eq!(connections(&sim), 1);
    assert_eq!(sim.writes().len(), 1, "both leave in one write");
}

/// Returns the number of connections that queries were sent over.
fn connections(sim: &Sim) -> usize {
    let seen = sim.seen();
    let tcp = seen
        .iter()
        .filter(|seen| seen.asked.transport == Transport::Tcp);
    let sockets: BTreeSet<_> = tcp.map(|seen| seen.asked.socket).collect();
    sockets.len()
}

/// Lookups, one after the other and at the same time, share one connection, and answers may arrive
/// in any order.
#[test]
fn lookups_share_a_connection() {
    let sim = Sim::new();
    sim.server(ONE, |asked| {
        let number: u64 = asked.name[1..3].parse().expect("a number");
        asked.address(number as u8).after(100 - number)
    });
    let client = client(&sim, config(&[ONE]).tcp_only(true));
    for round in 0..2 {
        let lookups = (10..42).map(|number| {
            let name = format!("h{number}.test.");
            client.lookup_ip(&name, Families::Ipv4)
        });
        let answers = sim.run(join(lookups.collect()));
        for (answer, number) in answers.iter().zip(10..) {
            let answer = answer.as_ref().expect("an answer");
            assert_eq!(texts(answer), [ip4(number)], "round {round}");
        }
    }
    assert_eq!((sim.seen().len(), connections(&sim)), (64, 1));
    let ids: BTreeSet<_> = sim.seen()[..32].iter().map(|seen| seen.asked.id).collect();
    assert_eq!(ids.len(), 32, "unique among those that wait for a reply");
}

/// Where a connection is full, the next question does not wait but opens another one.
#[test]
fn more_than_32_in_flight_take_another_connection() {
    let sim = Sim::new();
    sim.server(ONE, |asked| asked.address(1).after(5));
    let client = client(&sim, config(&[ONE]).tcp_only(true));
    let lookups = (0..33).map(|number| {
        let name = format!("h{number}.test.");
        client.lookup_ip(&name, Families::Ipv4)
    });
    let answers = sim.run(join(lookups.collect()));
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(connections(&sim), 2);
}

/// A question that two lookups ask at the same time is sent once.
#[test]
fn no_question_is_outstanding_twice() {
    let sim = Sim::new();
    sim.server(ONE, |asked| asked.address(1).after(20));
    let client = client(&sim, config(&[ONE]).tcp_only(true));
    let lookups = [Families::Ipv4, Families::Both].map(|of| client.lookup_ip("a.test.", of));
    let answers = sim.run(join(lookups.into()));
    assert!(answers.iter().all(Result::is_ok));
    let asked: Vec<_> = sim.seen().iter().map(|seen| seen.asked.code).collect();
    assert_eq!(asked, [A, AAAA]);
}

/// After a truncated reply over UDP the query uses the open connection, which stays open.
#[test]
fn truncation_uses_the_open_connection() {
    let (sim, client) = one(|asked| match asked.transport {
        Transport::Udp => asked.reply().truncated().after(1),
        Transport::Tcp => asked.address(1).after(1),
    });
    for name in ["a.test.", "b.test."] {
        check4(&sim, &client, name, Ok(&[&ip4(1)]));
    }
    assert_eq!((connections(&sim), sim.open_sockets()), (1, 1));
}

/// A connection is closed after 10 s without a question, and not before; then no timer is left.
#[test]
fn an_idle_connection_is_closed() {
    let sim = Sim::new();
    sim.server(ONE, |asked| asked.address(1).after(1));
    let client = client(&sim, config(&[ONE]).tcp_only(true));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
    sim.pass(ms(9990));
    assert_eq!(sim.open_sockets(), 1);
    check4(&sim, &client, "b.test.", Ok(&[&ip4(1)]));
    sim.pass(ms(9990));
    assert_eq!((connections(&sim), sim.open_sockets()), (1, 1));
    sim.pass(ms(11));
    assert_eq!((sim.open_sockets(), sim.pending()), (0, 0));
    check4(&sim, &client, "c.test.", Ok(&[&ip4(1)]));
    assert_eq!(connections(&sim), 2);
}

/// The idle time can be set; with zero a connection is closed after its last question.
#[test]
fn the_idle_time_is_set() {
    for idle in [0, 500] {
        let sim = Sim::new();
        sim.server(ONE, |asked| asked.address(1).after(1));
        let config = config(&[ONE]).tcp_only(true).tcp_idle(ms(idle));
        let client = client(&sim, config);
        check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
        let start = sim.elapsed();
        while sim.open_sockets() > 0 {
            sim.pass(ms(1));
        }
        assert!(sim.elapsed() - start <= ms(idle + 1));
        assert!(sim.elapsed() - start >= ms(idle));
    }
}

/// A FIN while no question waits for its reply is no failure: the next question goes over a new
/// connection, at once.
#[test]
fn a_quiet_end_is_no_failure() {
    let sim = Sim::new();
    sim.server(ONE, |asked| {
        let reply = asked.address(1).after(1);
        [reply, vec![(ms(5), Act::Close)]].concat()
    });
    let client = client(&sim, config(&[ONE]).tcp_only(true));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
    sim.pass(ms(5));
    assert_eq!(sim.open_sockets(), 0);
    let answer = lookup4(&sim, &client, "b.test.").expect("an answer");
    assert_eq!(outcomes(&answer.attempts), [ServerOutcome::Answered(1)]);
    assert_eq!(connections(&sim), 2);
}

/// After a FIN or a reset, the questions of several lookups that wait for a reply are sent over a
/// new connection each.
#[test]
fn an_end_under_questions_asks_them_again() {
    for end in [Act::Close, Act::Refuse] {
        let sim = Sim::new();
        let mut first = None;
        sim.server(ONE, move |asked| {
            if *first.get_or_insert(asked.socket) == asked.socket {
                vec![(ms(5), end.clone())]
            } else {
                asked.address(1).after(1)
            }
        });
        let client = client(&sim, config(&[ONE]).tcp_only(true));
        let lookups = ["a.test.", "b.test.", "c.test."];
        let lookups = lookups.map(|name| client.lookup_ip(name, Families::Both));
        for answer in sim.run(join(lookups.into())) {
            let answer = answer.expect("an answer");
            assert_eq!(texts(&answer), [ip4(1), ip6(1)]);
            let answered = [ServerOutcome::Answered(1), ServerOutcome::Answered(1)];
            assert_eq!(outcomes(&answer.attempts), answered);
        }
        assert_eq!(sim.seen().len(), 12, "each was sent twice");
    }
}

/// With a server that closes the connection after one answer, all lookups get their answers.
#[test]
fn a_server_that_answers_once_a_connection() {
    let sim = Sim::new();
    let mut served = BTreeSet::new();
    sim.server(ONE, move |asked| {
        if served.insert(asked.socket) {
            [asked.address(1).after(1), vec![(ms(1), Act::Close)]].concat()
        } else {
            Vec::new()
        }
    });
    let client = client(&sim, config(&[ONE]).tcp_only(true));
    let lookups = ["a.test.", "b.test.", "c.test.", "d.test."];
    let lookups = lookups.map(|name| client.lookup_ip(name, Families::Both));
    let answers = sim.run(join(lookups.into()));
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert!(sim.elapsed() < ms(20), "{:?}", sim.elapsed());
}

/// A lookup that is dropped before its answer does not disturb the others on its connection, but
/// later lookups get another connection.
#[test]
fn a_lookup_that_is_dropped_takes_nothing_from_others() {
    let sim = Sim::new();
    sim.server(ONE, |asked| match &*asked.name {
        "slow.test." => Vec::new(),
        _ => asked.address(1).after(20),
    });
    let client = client(&sim, config(&[ONE]).tcp_only(true));
    let mut slow = client.lookup_ip("slow.test.", Families::Ipv4);
    let mut other = client.lookup_ip("a.test.", Families::Ipv4);
    let until = sim.elapsed_instant() + ms(10);
    let both = join(vec![&mut slow, &mut other]);
    assert!(sim.run_until(both, Some(until)).is_none());
    drop(slow);
    sim.run(other).expect("an answer");
    check4(&sim, &client, "b.test.", Ok(&[&ip4(1)]));
    assert_eq!((connections(&sim), sim.open_sockets()), (2, 1));
}

/// When a client is dropped, its connections are closed. When its servers change, the connections
/// to the old ones are closed.
#[test]
fn connections_are_closed_with_the_client() {
    let sim = Sim::new();
    sim.server(ONE, |asked| asked.address(1).after(1));
    sim.server(TWO, |asked| asked.address(2).after(1));
    let file = Scratch::new("client-goes");
    let conf = |server: &str| file.write(&format!("nameserver {server}\noptions use-vc\n"));
    conf("10.0.0.1");
    let config = ClientConfig::system()
        .resolv_conf_file(file.path())
        .no_hosts();
    let client = client(&sim, config.tcp_idle(ms(60_000)));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
    sim.pass(ms(6000));
    conf("10.0.0.2");
    check4(&sim, &client, "b.test.", Ok(&[&ip4(2)]));
    sim.pass(ms(1));
    assert_eq!((connections(&sim), sim.open_sockets()), (2, 1));
    drop(client);
    sim.pass(ms(1));
    assert_eq!(sim.open_sockets(), 0);
}

/// A connection that is closed before the answer is replaced once; the second time the server has
/// failed.
#[test]
fn a_closed_connection_is_replaced_once() {
    let sim = Sim::new();
    sim.server(ONE, |_| vec![(ms(1), Act::Close)]);
    sim.server(TWO, |asked| asked.address(2).after(1));
    let client = client(&sim, config(&[ONE, TWO]).tcp_only(true));
    let answer = lookup4(&sim, &client, "a.test.").expect("an answer");
    assert_eq!(
        outcomes(&answer.attempts),
        [ServerOutcome::Closed, ServerOutcome::Answered(1)]
    );
    assert_eq!(sim.seen().len(), 3);
}
