//! Measures against forged replies (RFC 5452).

use std::collections::BTreeSet;

use trunkline_dns::{Families, LookupErrorKind, ServerAttempt, ServerOutcome, Transport};

use crate::message::{A, AAAA, Asked, Message, ip4, ip6, ms};
use crate::sim::{Act, Acts, Sim};
use crate::support::{
    ONE, check, check4, client, config, lookup, lookup4, one, outcomes, texts, two,
};

/// Ids are unpredictable and unique on a socket (RFC 5452 section 9.2), and drawing one costs no
/// system call.
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

/// Each lookup has a new connected socket, and so a new port; A and AAAA share it.
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

/// A closed port is known at once, since the socket is connected.
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

/// After 1,000 replies that do not match, whatever is wrong with them, the query goes over TCP:
/// they may be a forger's guesses, and reading them takes the processor's time.
#[test]
fn a_flood_leads_to_tcp() {
    let other_id = |asked: &Asked| asked.address(6).patch(0, &[!asked.bytes[0]]).build();
    let other_name = |asked: &Asked| asked.address(6).patch(13, b"b").build();
    let makes: [fn(&Asked) -> Vec<u8>; 2] = [other_id, other_name];
    for make in makes {
        let (sim, client) = one(move |asked| match asked.transport {
            Transport::Udp => vec![(ms(1), Act::Send(make(asked))); 1100],
            Transport::Tcp => asked.address(1).after(1),
        });
        let answer = lookup4(&sim, &client, "a.test.").expect("an answer over TCP");
        assert_eq!(texts(&answer), [ip4(1)]);
        assert_eq!(answer.attempts[0].ignored, 1000);
        assert!(answer.elapsed < ms(100), "{answer:?}");
    }
}

/// Checks that a message is ignored, which the server sends 49 ms before the right answer.
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
    let counts = |attempt: &ServerAttempt| attempt.ignored > 0;
    assert!(answer.attempts.iter().all(counts), "{:?}", answer.attempts);
}

fn evil(asked: &Asked) -> Message {
    match asked.code {
        A => asked.reply().answer(&asked.name, A, 300, &[6, 6, 6, 6]),
        _ => asked.reply().answer(&asked.name, AAAA, 300, &[6; 16]),
    }
}

/// A message that does not match is dropped, and the timeout decides (RFC 5452 section 9.1).
#[test]
fn what_does_not_match_is_dropped() {
    garbage(|_| Vec::new());
    garbage(|_| vec![1, 2, 3, 4, 5]);
    garbage(|asked| asked.bytes[..12].to_vec());
    garbage(|asked| evil(asked).build()[..11].to_vec());
    // The query itself.
    garbage(|asked| asked.bytes.clone());
    // Another id.
    garbage(|asked| evil(asked).patch(0, &(asked.id ^ 1).to_be_bytes()).build());
    // Opcode NOTIFY.
    garbage(|asked| evil(asked).patch(2, &[0xa1]).build());
    // A count of no question, and of two.
    garbage(|asked| evil(asked).patch(4, &[0, 0]).build());
    garbage(|asked| evil(asked).patch(4, &[0, 2]).build());
    // Another type, class or name in the question.
    garbage(|asked| evil(asked).patch(asked.end - 4, &[0, 16]).build());
    garbage(|asked| evil(asked).patch(asked.end - 2, &[0, 3]).build());
    garbage(|asked| evil(asked).patch(13, b"b").build());
    // A SERVFAIL that is a header alone.
    garbage(|asked| asked.rcode(2).patch(4, &[0, 0]).no_opt().build()[..12].to_vec());
    // The right question, and fewer records than their count.
    garbage(|asked| evil(asked).patch(6, &[0, 9]).build());
}

/// The question of the reply may have another letter case (RFC 4343).
#[test]
fn letters_of_the_question_may_change() {
    let (sim, client) = one(|asked| asked.address(1).patch(13, b"A").after(1));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
}

/// After a FORMERR or NOTIMP that is a header alone with the right id, the query is sent again
/// without EDNS, at once.
#[test]
fn a_header_alone_may_deny_edns() {
    for rcode in [1, 4] {
        let (sim, client) = one(move |asked| {
            if asked.edns {
                let header = asked.rcode(rcode).patch(4, &[0, 0]).no_opt().build();
                vec![(ms(1), Act::Send(header[..12].to_vec()))]
            } else {
                asked.address(1).after(1)
            }
        });
        check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
        assert_eq!(sim.elapsed(), ms(2));
    }
}

/// One question waits for its reply under one id, however many lookups ask it (RFC 5452 section 5).
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

/// A query that is repeated to the same server has the same id and another port. A query to another
/// server has another id, and the socket of the one before is closed.
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
        "the late answer reached a closed socket: {answer:?}"
    );
    let seen = sim.seen();
    assert_ne!(seen[0].asked.id, seen[2].asked.id);
    assert_eq!(sim.open_sockets(), 0);
}

/// The only server is waited for, also where it takes 3 s.
#[test]
fn a_slow_server_is_waited_for() {
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
        if outputs.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    outputs.into_iter().flatten().collect()
}

/// With random letter case, a reply over UDP in another case is not used: the query goes over TCP.
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

/// By default names are sent in the letter case of the caller.
#[test]
fn letters_are_sent_unchanged() {
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

/// On a shared socket, no two queries that wait for a reply have one id (RFC 5452 section 9.2), and
/// each lookup gets its own answer.
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

/// With the pool, at most 64 lookups share a socket. Each gets its own answer, and a second copy of
/// a query still leaves from another port.
#[test]
fn the_pool_shares_sockets() {
    let sim = Sim::new();
    sim.server(ONE, |asked| {
        let number = asked.name[1..]
            .split('.')
            .next()
            .and_then(|text| text.parse().ok());
        let number: u8 = number.expect("a number");
        // One query is lost at first, and all replies arrive in reverse order.
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

/// With the pool, a closed port is reported to all lookups that wait, and the socket is not used
/// again.
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
