//! Measures against forged replies (RFC 5452).

use std::collections::BTreeSet;

use trunkline_dns::{Families, LookupErrorKind, ServerAttempt, ServerOutcome, Transport};

use crate::message::{A, AAAA, Asked, Message, ip4, ip6, ms};
use crate::sim::{Act, Acts, Sim};
use crate::support::{
    ONE, check, check4, client, config, lookup, lookup4, one, outcomes, texts, two,
};

/// Ids are unpredictable, unique on a socket, and cost no system call a query (RFC 5452 section
/// 9.2).
#[test]
fn ids_are_random_and_buffered() {
    let (sim, client) = one(|asked| asked.address(1).after(1));
    for round in 0..100 {
        lookup(&sim, &client, &format!("h{round}.test.")).expect("an answer");
    }
    let seen = sim.seen();
    let ids: Vec<u16> = seen.iter().map(|seen| seen.asked.id).collect();
    assert_eq!(ids.len(), 200);
    assert!(ids.chunks(2).all(|pair| pair[0] != pair[1]));
    assert!(ids.iter().collect::<BTreeSet<_>>().len() > 190, "{ids:?}");
    let counted = ids
        .windows(2)
        .filter(|pair| pair[1] == pair[0].wrapping_add(1))
        .count();
    assert!(counted <= 1, "{ids:?}");
    assert_eq!(sim.entropy_calls(), 1);
}

/// Each lookup has a fresh connected socket, and so a fresh port; A and AAAA share it.
#[test]
fn each_lookup_has_a_fresh_socket() {
    let (sim, client) = one(|asked| asked.address(1).after(1));
    for round in 0..10 {
        lookup(&sim, &client, &format!("h{round}.test.")).expect("an answer");
    }
    let sockets: BTreeSet<u32> = sim.seen().iter().map(|seen| seen.asked.socket).collect();
    assert_eq!(sockets.len(), 10);
    assert_eq!(sim.open_sockets(), 0);
}

/// A port that nobody listens on is known at once, since the socket is connected.
#[test]
fn a_refused_port_fails_over_at_once() {
    let sim = Sim::new();
    sim.server(ONE, |_| vec![(ms(1), Act::Refuse)]);
    sim.server("10.0.0.2:53", |asked| asked.address(2).after(1));
    let client = client(&sim, config(&[ONE, "10.0.0.2:53"]));
    let answer = lookup4(&sim, &client, "a.test.").expect("an answer");
    assert_eq!(texts(&answer), [ip4(2)]);
    assert!(sim.elapsed() <= ms(3));
    let refused = ServerOutcome::Io(std::io::ErrorKind::ConnectionRefused);
    assert_eq!(
        outcomes(&answer.attempts),
        [refused, ServerOutcome::Answered(1)]
    );
}

/// What a server sends first, before the right answer 50 ms later.
#[track_caller]
fn garbage(make: impl Fn(&Asked) -> Vec<u8> + Send + 'static) {
    let (sim, client) = one(move |asked| {
        let mut acts: Acts = vec![(ms(1), Act::Send(make(asked)))];
        acts.extend(asked.address(1).after(50));
        acts
    });
    let answer = lookup(&sim, &client, "a.test.").expect("an answer");
    assert_eq!(texts(&answer), [ip4(1), ip6(1)]);
    assert_eq!(sim.elapsed(), ms(50));
    assert_eq!(sim.seen().len(), 2, "nothing was sent again");
    let told = |attempt: &ServerAttempt| attempt.ignored > 0;
    assert!(answer.attempts.iter().all(told), "{:?}", answer.attempts);
}

fn evil(asked: &Asked) -> Message {
    match asked.code {
        A => asked.reply().answer(&asked.name, A, 300, &[6, 6, 6, 6]),
        _ => asked.reply().answer(&asked.name, AAAA, 300, &[6; 16]),
    }
}

/// What does not match is dropped, and the timer decides (RFC 5452 section 9.1).
#[test]
fn what_does_not_match_is_dropped() {
    garbage(|_| Vec::new());
    garbage(|_| vec![1, 2, 3, 4, 5]);
    garbage(|asked| asked.bytes[..12].to_vec());
    garbage(|asked| evil(asked).build()[..11].to_vec());
    // The query itself, echoed.
    garbage(|asked| asked.bytes.clone());
    // Another id.
    garbage(|asked| evil(asked).patch(0, &(asked.id ^ 1).to_be_bytes()).build());
    // Opcode NOTIFY.
    garbage(|asked| evil(asked).patch(2, &[0xa1]).build());
    // No question, two questions, as the count says.
    garbage(|asked| evil(asked).patch(4, &[0, 0]).build());
    garbage(|asked| evil(asked).patch(4, &[0, 2]).build());
    // Another type, class or name in the question.
    garbage(|asked| evil(asked).patch(asked.end - 4, &[0, 16]).build());
    garbage(|asked| evil(asked).patch(asked.end - 2, &[0, 3]).build());
    garbage(|asked| evil(asked).patch(13, b"b").build());
    // A header-only SERVFAIL.
    garbage(|asked| asked.rcode(2).patch(4, &[0, 0]).no_opt().build()[..12].to_vec());
    // The right question, and records that do not fit their counts.
    garbage(|asked| evil(asked).patch(6, &[0, 9]).build());
}

/// The question's letters may come back in another case (RFC 4343).
#[test]
fn letters_of_the_question_may_change() {
    let (sim, client) = one(|asked| asked.address(1).patch(13, b"A").after(1));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
}

/// A header-only FORMERR or NOTIMP with the right id leads to the query without EDNS, at once.
#[test]
fn a_header_alone_may_deny_edns() {
    for rcode in [1, 4] {
        let (sim, client) = one(move |asked| match asked.edns {
            true => {
                let header = asked.rcode(rcode).patch(4, &[0, 0]).no_opt().build();
                vec![(ms(1), Act::Send(header[..12].to_vec()))]
            }
            false => asked.address(1).after(1),
        });
        check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
        assert_eq!(sim.elapsed(), ms(2));
    }
}

/// One question has one id under way, however many ask it (RFC 5452 section 5); a retry
/// replaces the one before.
#[test]
fn one_question_has_one_id_under_way() {
    let (sim, client) = one(|asked| asked.address(1).after(20));
    let lookups: Vec<_> = (0..200)
        .map(|_| client.lookup_ip("a.test.", Families::Both))
        .collect();
    for answer in sim.run(join(lookups)) {
        assert_eq!(texts(&answer.expect("an answer")), [ip4(1), ip6(1)]);
    }
    assert_eq!(sim.seen().len(), 2);
}

/// A question that is repeated to the same server has the same id and another port; at another
/// server it is a new question, and the old one is not listened to any more.
#[test]
fn a_retry_shares_its_id_or_replaces() {
    let (sim, client) = one(|_| Vec::new());
    assert!(lookup4(&sim, &client, "a.test.").is_err());
    let seen = sim.seen();
    let ids: BTreeSet<u16> = seen.iter().map(|seen| seen.asked.id).collect();
    let sockets: BTreeSet<u32> = seen.iter().map(|seen| seen.asked.socket).collect();
    assert_eq!((ids.len(), sockets.len()), (1, seen.len()));

    let (sim, client) = two(|asked| asked.address(6).after(2500), |_| Vec::new());
    let answer = lookup4(&sim, &client, "a.test.");
    assert!(
        sim.elapsed() > ms(4000),
        "the late answer came to a closed socket: {answer:?}"
    );
    let seen = sim.seen();
    assert_ne!(seen[0].asked.id, seen[2].asked.id);
    assert_eq!(sim.open_sockets(), 0);
}

/// A server that always takes 3 s is waited for, where there is no other.
#[test]
fn a_slow_server_is_heard() {
    let (sim, client) = one(|asked| asked.address(1).after(3000));
    check(&sim, &client, "a.test.", Ok(&[&ip4(1), &ip6(1)]));
    assert_eq!(sim.elapsed(), ms(3000));
    assert_eq!(sim.open_sockets(), 0);
}

/// Runs futures of one type at the same time.
pub(crate) async fn join<F: Future + Unpin>(mut futures: Vec<F>) -> Vec<F::Output> {
    let mut outputs: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        for (future, output) in futures.iter_mut().zip(&mut outputs) {
            if output.is_none()
                && let std::task::Poll::Ready(value) = std::pin::Pin::new(future).poll(cx)
            {
                *output = Some(value);
            }
        }
        match outputs.iter().all(Option::is_some) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    outputs.into_iter().flatten().collect()
}

/// With random letters, a reply in others is not believed over UDP; TCP decides.
#[test]
fn random_letters_are_compared() {
    let sim = Sim::new();
    sim.server(ONE, |asked| match asked.transport {
        Transport::Udp => {
            let lower = asked.name.to_lowercase();
            let mut reply = evil(asked);
            let mut at = 13;
            for label in lower.split('.').filter(|label| !label.is_empty()) {
                reply = reply.patch(at, label.as_bytes());
                at += label.len() + 1;
            }
            reply.after(1)
        }
        Transport::Tcp => asked.address(1).after(1),
    });
    let client = client(&sim, config(&[ONE]).case_randomization(true));
    let name = "abcdefghijklmnopqrstuvwxyz.test.";
    check4(&sim, &client, name, Ok(&[&ip4(1)]));
    let sent = &sim.seen()[0].asked.name;
    assert_ne!(sent, name);
    assert!(sent.eq_ignore_ascii_case(name));
}

/// It is off by default.
#[test]
fn letters_go_out_as_they_are() {
    let (sim, client) = one(|asked| asked.address(1).after(1));
    check4(&sim, &client, "AbC.test.", Ok(&[&ip4(1)]));
    assert_eq!(sim.seen()[0].asked.name, "AbC.test.");
}

/// Only records along the CNAME chain of the question are answers.
#[test]
fn foreign_records_are_no_answers() {
    let (sim, client) = one(|asked| {
        let reply = asked.reply();
        match &*asked.name {
            "answer.test." => reply.answer("evil.test.", A, 300, &[6, 6, 6, 6]),
            "authority.test." => reply.authority("authority.test.", A, &[6, 6, 6, 6]),
            "additional.test." => reply.additional("additional.test.", A, &[6, 6, 6, 6]),
            _ => reply
                .cname("chain.test.", 300, "b.test.")
                .answer("chain.test.x.", A, 300, &[6, 6, 6, 6])
                .answer("c.test.", A, 300, &[6, 6, 6, 6]),
        }
        .after(1)
    });
    for name in [
        "answer.test.",
        "authority.test.",
        "additional.test.",
        "chain.test.",
    ] {
        check4(&sim, &client, name, Err(LookupErrorKind::NoData));
    }
}

/// On a socket that lookups share, no two questions under way have one id (RFC 5452 section 9.2);
/// each gets its own answer.
#[test]
fn ids_are_unique_on_a_shared_socket() {
    let sim = Sim::new();
    sim.server(ONE, |asked| {
        let number = asked.name[1..].split('.').next().map(str::parse::<u8>);
        asked
            .address(number.expect("a label").expect("a number"))
            .after(20)
    });
    let client = client(&sim, config(&[ONE]).udp_pool(true));
    for _ in 0..60 {
        sim.clear_seen();
        let lookups = (0..64).map(|at| client.lookup_ip(&format!("h{at}.test."), Families::Both));
        let answers = sim.run(join(lookups.collect()));
        for (answer, at) in answers.iter().zip(0..) {
            let answer = answer.as_ref().expect("an answer");
            assert_eq!(texts(answer), [ip4(at), ip6(at)]);
        }
        let seen = sim.seen();
        let ids: BTreeSet<_> = seen
            .iter()
            .map(|seen| (seen.asked.socket, seen.asked.id))
            .collect();
        assert_eq!(ids.len(), 128);
    }
}

/// With the pool, lookups share a socket, for 64 of them at most; each gets its own answer, and
/// a second copy still leaves from another port.
#[test]
fn the_pool_shares_sockets() {
    let sim = Sim::new();
    sim.server(ONE, |asked| {
        let number = asked.name[1..]
            .split('.')
            .next()
            .and_then(|text| text.parse().ok());
        let number: u8 = number.expect("a number");
        // Some are lost at first, and all come out of order.
        match number {
            7 if asked.socket == 1 => Vec::new(),
            _ => asked.address(number).after(100 - u64::from(number)),
        }
    });
    let client = client(&sim, config(&[ONE]).udp_pool(true));
    let lookups = (0..100).map(|at| client.lookup_ip(&format!("h{at}.test."), Families::Both));
    let answers = sim.run(join(lookups.collect()));
    for (answer, at) in answers.into_iter().zip(0..) {
        assert_eq!(texts(&answer.expect("an answer")), [ip4(at), ip6(at)]);
    }
    let seen = sim.seen();
    let of = |wanted: u32| {
        seen.iter()
            .filter(|seen| seen.asked.socket == wanted)
            .count()
    };
    assert_eq!((of(1), of(2), of(3)), (128, 72, 2));
    assert!(sim.elapsed() < ms(1200));
}

/// With the pool: a refused port is told to all who wait, and the socket is not used again.
#[test]
fn the_pool_forgets_a_dead_socket() {
    let sim = Sim::new();
    let mut count = 0;
    sim.server(ONE, move |asked| {
        count += 1;
        match count {
            1..=4 => vec![(ms(1), Act::Refuse)],
            _ => asked.address(1).after(1),
        }
    });
    let client = client(&sim, config(&[ONE]).udp_pool(true));
    let lookups = (0..4).map(|at| client.lookup_ip(&format!("h{at}.test."), Families::Ipv4));
    for answer in sim.run(join(lookups.collect())) {
        assert_eq!(texts(&answer.expect("an answer")), [ip4(1)]);
    }
    assert!(sim.elapsed() < ms(10));
    check4(&sim, &client, "again.test.", Ok(&[&ip4(1)]));
}
