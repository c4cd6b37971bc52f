//! Order of the servers, retries, timeouts.

use std::time::Duration;

use trunkline_dns::{
    ClientConfig, Families, IpFamily, LookupErrorKind, ResolvConf, ServerOutcome, Transport,
};

use crate::message::{A, AAAA, ip4, ip6, ms};
use crate::rfc5452::join;
use crate::sim::Sim;
use crate::support::{
    ONE, TWO, check, check4, client, config, lookup, lookup4, names, one, outcomes, texts, two,
};

/// Servers are asked in the order of the list.
#[test]
fn servers_are_asked_in_order() {
    let (sim, client) = two(
        |asked| asked.address(1).after(1),
        |asked| asked.address(2).after(1),
    );
    for _ in 0..20 {
        check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
    }
}

/// Only the first lookup waits for a server that is silent.
#[test]
fn a_dead_server_is_remembered() {
    let (sim, client) = two(|_| Vec::new(), |asked| asked.address(2).after(1));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(2)]));
    assert_eq!(sim.elapsed(), ms(2001));
    for round in 0..50 {
        let before = sim.elapsed();
        check4(&sim, &client, &format!("h{round}.test."), Ok(&[&ip4(2)]));
        assert_eq!(sim.elapsed() - before, ms(1));
    }
}

/// A server that has failed is probed after 5 s, one query at a time, and no lookup waits for the
/// probe. Once the server has answered it is asked first again.
#[test]
fn a_server_that_is_back_is_found() {
    let sim = Sim::new();
    let mut lookups = 0;
    sim.server(ONE, move |asked| {
        lookups += 1;
        // The query and its copy are lost, the later ones are answered.
        if lookups <= 2 {
            Vec::new()
        } else {
            asked.address(1).after(1)
        }
    });
    sim.server(TWO, |asked| asked.address(2).after(1));
    let client = client(&sim, config(&[ONE, TWO]));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(2)]));
    sim.clear_seen();
    for round in 0..20 {
        check4(&sim, &client, &format!("h{round}.test."), Ok(&[&ip4(2)]));
    }
    let one = ONE.parse().expect("an address");
    assert!(
        sim.seen().iter().all(|seen| seen.asked.server != one),
        "not before 5 s"
    );
    sim.pass(ms(5000));
    let mut back = 0;
    for round in 0..200 {
        let before = sim.elapsed();
        let answer = lookup4(&sim, &client, &format!("i{round}.test.")).expect("an answer");
        assert!(
            sim.elapsed() - before <= ms(1),
            "no lookup waits for a probe"
        );
        sim.pass(ms(5));
        back += usize::from(texts(&answer) == [ip4(1)]);
    }
    assert!(
        back > 100,
        "{back} of 200 were answered by the first server again"
    );
}

/// With `rotate` each lookup starts at a random server.
#[test]
fn rotate_spreads_the_lookups() {
    let sim = Sim::new();
    sim.server(ONE, |asked| asked.address(1).after(1));
    sim.server(TWO, |asked| asked.address(2).after(1));
    let conf = ResolvConf::parse(b"nameserver 10.0.0.1\nnameserver 10.0.0.2\noptions rotate\n");
    let own = client(&sim, ClientConfig::system().no_hosts().resolv_conf(conf));
    let mut first = 0;
    for round in 0..100 {
        let answer = lookup4(&sim, &own, &format!("h{round}.test.")).expect("an answer");
        first += usize::from(texts(&answer) == [ip4(1)]);
    }
    assert!((20..=80).contains(&first), "{first} of 100");
}

/// The timeout of an unknown server is 2 s. Once round trips were measured it is five times their
/// mean, and at least 250 ms.
#[test]
fn attempts_adapt_to_the_server() {
    let mut count = 0;
    let (sim, client) = two(
        move |asked| {
            count += 1;
            if count <= 5 {
                asked.address(1).after(10)
            } else {
                Vec::new()
            }
        },
        |asked| asked.address(2).after(1),
    );
    for round in 0..5 {
        check4(&sim, &client, &format!("h{round}.test."), Ok(&[&ip4(1)]));
    }
    let before = sim.elapsed();
    check4(&sim, &client, "a.test.", Ok(&[&ip4(2)]));
    assert_eq!(sim.elapsed() - before, ms(251));
}

/// The timeout doubles with each round and is jittered; attempts and timeout bound the whole
/// lookup.
#[test]
fn all_attempts_have_a_bound() {
    let (sim, client) = one(|_| Vec::new());
    let error = lookup4(&sim, &client, "a.test.").expect_err("no answer");
    assert_eq!(error.kind(), LookupErrorKind::Unavailable);
    // 2 s, then between 2 s and 4 s.
    assert!(
        (ms(4000)..=ms(6000)).contains(&sim.elapsed()),
        "{:?}",
        sim.elapsed()
    );
    assert_eq!(error.elapsed(), sim.elapsed());
    let silence = ServerOutcome::TimedOut;
    assert_eq!(outcomes(error.attempts()), [silence, silence]);
}

/// The deadline of the configuration bounds the whole lookup.
#[test]
fn the_deadline_bounds_the_whole() {
    let sim = Sim::new();
    sim.server(ONE, |_| Vec::new());
    let config = config(&[ONE])
        .deadline(ms(700))
        .search(names(&["x.test.", "y.test."]));
    let client = client(&sim, config);
    let error = lookup(&sim, &client, "a").expect_err("no answer");
    assert_eq!(error.kind(), LookupErrorKind::Deadline);
    assert_eq!(sim.elapsed(), ms(700));
    assert_eq!(sim.open_sockets(), 0);
    assert!(error.to_string().contains("10.0.0.1:53"), "{error}");
}

/// After SERVFAIL, REFUSED, NOTIMP or a lame reply the next server is asked, at once.
#[test]
fn failures_lead_to_the_next_server() {
    for rcode in [2, 4, 5, 9] {
        let (sim, client) = two(
            move |asked| asked.rcode(rcode).after(1),
            |asked| asked.address(2).after(1),
        );
        check(&sim, &client, "a.test.", Ok(&[&ip4(2), &ip6(2)]));
        assert!(sim.elapsed() <= ms(3));
    }
    // A referral: no recursion, no authority, no SOA (Go #15434).
    let (sim, client) = two(
        |asked| {
            asked
                .reply()
                .patch(2, &[0x80, 0])
                .authority("test.", 2, b"\x01n\0")
                .after(1)
        },
        |asked| asked.address(2).after(1),
    );
    let answer = lookup4(&sim, &client, "a.test.").expect("an answer");
    assert_eq!(texts(&answer), [ip4(2)]);
    assert_eq!(answer.attempts[0].outcome, ServerOutcome::Lame);
}

/// NXDOMAIN and "no data" are final: no other server is asked.
#[test]
fn a_verdict_is_final() {
    let (sim, client) = two(
        |asked| asked.nxdomain().after(1),
        |asked| asked.address(2).after(1),
    );
    check(&sim, &client, "a.test.", Err(LookupErrorKind::NotFound));
    let (sim2, client2) = two(
        |asked| asked.no_data().after(1),
        |asked| asked.address(2).after(1),
    );
    check(&sim2, &client2, "a.test.", Err(LookupErrorKind::NoData));
    assert_eq!((sim.seen().len(), sim2.seen().len()), (2, 2));
}

/// A and AAAA are sent at the same time. A second copy of a query is sent after 1 s, from a new
/// port, with the same id.
#[test]
fn a_second_copy_leaves_from_a_new_port() {
    let mut count = 0;
    let (sim, client) = one(move |asked| {
        count += 1;
        // One of the first two queries is lost.
        if count == 2 {
            Vec::new()
        } else {
            asked.address(1).after(1)
        }
    });
    check(&sim, &client, "a.test.", Ok(&[&ip4(1), &ip6(1)]));
    let seen = sim.seen();
    assert_eq!(seen[0].at, seen[1].at);
    assert_eq!(seen[0].asked.socket, seen[1].asked.socket);
    assert_eq!(seen[2].at, ms(1000));
    assert_eq!(seen[2].asked.id, seen[1].asked.id);
    assert_ne!(seen[2].asked.socket, seen[1].asked.socket);
    assert_eq!(sim.elapsed(), ms(1001));
}

/// A second answer, to the other copy of a query, does not count as a message that did not match.
#[test]
fn a_second_answer_is_ignored() {
    let mut copies = [0; 2];
    let (sim, client) = one(move |asked| {
        let (copies, first, second) = match asked.code {
            A => (&mut copies[0], 1050, 50),
            _ => (&mut copies[1], 1300, 300),
        };
        *copies += 1;
        asked
            .address(1)
            .after(if *copies == 1 { first } else { second })
    });
    let answer = lookup(&sim, &client, "a.test.").expect("an answer");
    assert_eq!(texts(&answer), [ip4(1), ip6(1)]);
    assert_eq!(sim.seen().len(), 4);
    let ignored = answer.attempts.iter().map(|attempt| attempt.ignored);
    assert_eq!(ignored.sum::<u32>(), 0, "{:?}", answer.attempts);
}

/// With `single-request` AAAA is asked for after A has been answered, with `single-request-reopen`
/// at the same time from another socket.
#[test]
fn single_request_options() {
    for (option, apart) in [("single-request", true), ("single-request-reopen", false)] {
        let sim = Sim::new();
        sim.server(ONE, |asked| asked.address(1).after(10));
        let conf = format!("nameserver 10.0.0.1\noptions {option}\n");
        let conf = ResolvConf::parse(conf.as_bytes());
        let client = client(&sim, ClientConfig::system().no_hosts().resolv_conf(conf));
        check(&sim, &client, "a.test.", Ok(&[&ip4(1), &ip6(1)]));
        let seen = sim.seen();
        assert_eq!(seen[1].at > seen[0].at, apart);
        assert_ne!(seen[0].asked.socket, seen[1].asked.socket);
    }
}

/// When one family has arrived, the other gets the timeout of one query. Then the one family is
/// returned, and the answer is marked as partial.
#[test]
fn a_silent_family_is_not_waited_for_long() {
    for silent in [A, AAAA] {
        let (sim, client) = one(move |asked| {
            if asked.code == silent {
                Vec::new()
            } else {
                asked.address(1).after(10)
            }
        });
        let answer = lookup(&sim, &client, "a.test.").expect("an answer");
        let (there, missing) = match silent {
            A => (ip6(1), IpFamily::Ipv4),
            _ => (ip4(1), IpFamily::Ipv6),
        };
        assert_eq!(texts(&answer), [there]);
        let partial = answer.partial.expect("partial");
        assert_eq!(
            (partial.family, partial.kind),
            (missing, LookupErrorKind::Unavailable)
        );
        assert_eq!(sim.elapsed(), ms(2000));
    }
}

/// A family has failed only when the server that has answered for the other family was asked for it
/// too.
#[test]
fn the_server_that_answered_is_asked_for_both() {
    for silent in [A, AAAA] {
        let (sim, client) = two(
            move |asked| {
                if asked.code == silent {
                    Vec::new()
                } else {
                    asked.rcode(2).after(1)
                }
            },
            |asked| asked.address(2).after(1),
        );
        let answer = lookup(&sim, &client, "a.test.").expect("an answer");
        assert_eq!(texts(&answer), [ip4(2), ip6(2)]);
        assert_eq!(answer.partial, None);
        assert_eq!(sim.elapsed(), ms(2001));
    }
}

/// Each family is an event as soon as it arrives.
#[test]
fn families_are_events_when_they_arrive() {
    let (sim, client) = one(|asked| asked.address(1).after(if asked.code == A { 5 } else { 80 }));
    let mut lookup = client.lookup_ip("a.test.", Families::Both);
    let first = sim.run(lookup.next_event()).expect("an event");
    assert_eq!((first.family, sim.elapsed()), (IpFamily::Ipv4, ms(5)));
    assert_eq!(first.addresses.expect("addresses")[0].to_string(), ip4(1));
    let second = sim.run(lookup.next_event()).expect("an event");
    assert_eq!((second.family, sim.elapsed()), (IpFamily::Ipv6, ms(80)));
    assert_eq!(sim.run(lookup.next_event()), None);
    assert_eq!(sim.run(lookup).expect("an answer").addresses.len(), 2);
}

/// Where one family has failed softly or is denied, the other one is returned.
#[test]
fn the_family_with_records_is_returned() {
    for (rcode, partial) in [(2, true), (5, true), (3, false)] {
        let (sim, client) = one(move |asked| match asked.code {
            A => asked.address(1).after(1),
            _ => asked.rcode(rcode).after(1),
        });
        let answer = lookup(&sim, &client, "a.test.").expect("an answer");
        assert_eq!(texts(&answer), [ip4(1)]);
        assert_eq!(answer.partial.is_some(), partial, "rcode {rcode}");
        assert!(sim.elapsed() < ms(100));
    }
}

/// Dropping a lookup closes its sockets, unless another lookup waits for the same answer.
#[test]
fn dropping_cancels_a_lookup_without_other_waiters() {
    let (sim, client) = one(|asked| asked.address(1).after(50));
    let mut first = client.lookup_ip("a.test.", Families::Both);
    let mut second = client.lookup_ip("a.test.", Families::Both);
    let until = sim.elapsed_instant() + ms(10);
    sim.run_until(first.next_event(), Some(until));
    sim.run_until(second.next_event(), Some(until));
    drop(first);
    assert_eq!(
        texts(&sim.run(second).expect("an answer")),
        [ip4(1), ip6(1)]
    );
    assert_eq!(sim.seen().len(), 2);

    let mut alone = client.lookup_ip("b.test.", Families::Both);
    let until = sim.elapsed_instant() + ms(10);
    sim.run_until(alone.next_event(), Some(until));
    assert_eq!(sim.open_sockets(), 1);
    drop(alone);
    assert_eq!(sim.open_sockets(), 0);
    // A later lookup asks again.
    check(&sim, &client, "b.test.", Ok(&[&ip4(1), &ip6(1)]));
    assert_eq!(sim.seen().len(), 6);
}

/// Of many lookups that wait for one answer, each gets it, also when others are dropped before.
#[test]
fn waiters_survive_each_other() {
    let (sim, client) = one(|asked| asked.address(1).after(50));
    let mut lookups: Vec<_> = (0..50)
        .map(|_| client.lookup_ip("a.test.", Families::Ipv4))
        .collect();
    for lookup in &mut lookups {
        let until = sim.elapsed_instant();
        sim.run_until(lookup.next_event(), Some(until));
    }
    let lookups: Vec<_> = lookups.into_iter().skip(1).step_by(2).collect();
    assert!(sim.run(join(lookups)).iter().all(Result::is_ok));
    assert_eq!(sim.seen().len(), 1);
}

/// With `options use-vc` servers are asked over TCP from the start.
#[test]
fn tcp_from_the_start() {
    let sim = Sim::new();
    sim.server(ONE, |asked| asked.address(1).after(1));
    let conf = ResolvConf::parse(b"nameserver 10.0.0.1\noptions use-vc timeout:1 attempts:1\n");
    assert_eq!(conf.options.timeout, Some(Duration::from_secs(1)));
    let client = client(&sim, ClientConfig::system().no_hosts().resolv_conf(conf));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
    assert_eq!(sim.seen()[0].asked.transport, Transport::Tcp);
}
