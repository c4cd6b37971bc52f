//! TTLs, the cache, lookups that share one query, bounds.

use std::time::Duration;

use trunkline_dns::io::Client;
use trunkline_dns::{AnswerSource, ClientConfig, Families, LookupErrorKind};

use crate::message::{A, AAAA, Asked, TXT, ip4, ms};
use crate::rfc5452::join;
use crate::sim::{Acts, Sim};
use crate::support::{ONE, Scratch, TWO, check, check4, client, config, lookup4, one, texts};

fn caching(entries: usize, script: impl FnMut(&Asked) -> Acts + Send + 'static) -> (Sim, Client) {
    let sim = Sim::new();
    sim.server(ONE, script);
    let client = client(&sim, config(&[ONE]).cache(entries));
    (sim, client)
}

fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// The key is the name, in any letter case, and the type.
#[test]
fn the_key_ignores_letters() {
    let (sim, client) = caching(100, |asked| asked.address(1).after(1));
    check4(&sim, &client, "Name.test.", Ok(&[&ip4(1)]));
    let answer = lookup4(&sim, &client, "nAME.Test.").expect("an answer");
    assert_eq!(
        answer.source,
        AnswerSource::Cache(ONE.parse().expect("an address"))
    );
    assert_eq!(sim.seen().len(), 1);
    sim.run(client.lookup_txt("name.test."))
        .expect_err("another type");
    assert_eq!(sim.seen().len(), 2);
}

/// By default nothing is cached.
#[test]
fn there_is_no_cache_by_default() {
    let (sim, client) = one(|asked| asked.address(1).after(1));
    for _ in 0..3 {
        check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
    }
    assert_eq!(sim.seen().len(), 3);
}

/// The TTL is the shortest of the chain and the records; other records of the message do not count.
#[test]
fn the_shortest_ttl_of_the_chain_counts() {
    let (sim, client) = caching(100, |asked| {
        asked
            .reply()
            .cname("a.test.", 40, "b.test.")
            .answer("b.test.", A, 100, &[192, 0, 2, 1])
            .answer("b.test.", A, 90, &[192, 0, 2, 2])
            .answer("other.test.", A, 1, &[192, 0, 2, 3])
            .soa("test.", 2, 2)
            .after(1)
    });
    let answer = lookup4(&sim, &client, "a.test.").expect("an answer");
    assert_eq!(answer.ttl, Some(secs(40)));
    sim.pass(secs(15));
    let answer = lookup4(&sim, &client, "a.test.").expect("an answer");
    assert_eq!((answer.ttl, sim.seen().len()), (Some(secs(25)), 1));
    sim.pass(secs(25));
    lookup4(&sim, &client, "a.test.").expect("an answer");
    assert_eq!(sim.seen().len(), 2);
}

/// A TTL with the top bit set counts as 0 (RFC 2181 section 8). An answer with TTL 0 is used once.
/// A TTL above the bound counts as the bound.
#[test]
fn ttls_at_the_ends() {
    for (ttl, kept) in [
        (0, 0),
        (1 << 31, 0),
        (u32::MAX, 0),
        (i32::MAX as u32, 86_400),
    ] {
        let (sim, client) = caching(100, move |asked| {
            asked
                .reply()
                .answer(&asked.name, A, ttl, &[192, 0, 2, 1])
                .after(1)
        });
        let answer = lookup4(&sim, &client, "a.test.").expect("an answer");
        assert_eq!(answer.ttl, Some(secs(kept)));
        lookup4(&sim, &client, "a.test.").expect("an answer");
        assert_eq!(sim.seen().len(), if kept == 0 { 2 } else { 1 });
    }
}

/// A denial is kept for the smaller of the SOA's TTL and its minimum, and not kept without an SOA
/// (RFC 2308 section 5).
#[test]
fn denials_are_kept_as_the_soa_says() {
    for (rcode, kind) in [(3, LookupErrorKind::NotFound), (0, LookupErrorKind::NoData)] {
        for (ttl, minimum, kept) in [(60, 30, 30), (20, 90, 20)] {
            let (sim, client) = caching(100, move |asked| {
                asked.rcode(rcode).soa("test.", ttl, minimum).after(1)
            });
            check4(&sim, &client, "a.test.", Err(kind));
            sim.pass(secs(kept - 1));
            check4(&sim, &client, "a.test.", Err(kind));
            assert_eq!(sim.seen().len(), 1);
            sim.pass(secs(1));
            check4(&sim, &client, "a.test.", Err(kind));
            assert_eq!(sim.seen().len(), 2);
        }
        let (sim, client) = caching(100, move |asked| asked.rcode(rcode).after(1));
        check4(&sim, &client, "a.test.", Err(kind));
        check4(&sim, &client, "a.test.", Err(kind));
        assert_eq!(sim.seen().len(), 2);
    }
}

/// NXDOMAIN is kept for all types of the name, "no data" for the one type.
#[test]
fn a_name_that_does_not_exist_has_no_records_of_any_type() {
    for (rcode, queries) in [(3, 1), (0, 3)] {
        let (sim, client) = caching(100, move |asked| {
            asked.rcode(rcode).soa("test.", 60, 30).after(1)
        });
        check4(&sim, &client, "a.test.", Err(kind(rcode)));
        let error = sim.run(client.lookup_txt("A.test.")).expect_err("none");
        assert_eq!(error.kind(), kind(rcode));
        let error = sim.run(client.lookup_ip("a.test.", Families::Ipv6));
        assert_eq!(error.expect_err("none").kind(), kind(rcode));
        assert_eq!(sim.seen().len(), queries);
        sim.pass(secs(30));
        sim.run(client.lookup_txt("a.test.")).expect_err("none");
        assert_eq!(sim.seen().len(), queries + 1);
    }
}

/// A name with records exists, even where a server replies NXDOMAIN for another type (RFC 4074
/// section 4.2).
#[test]
fn a_name_with_records_exists() {
    for first in [A, AAAA] {
        let (sim, client) = caching(100, |asked| match asked.code {
            AAAA => asked.rcode(3).soa("test.", 300, 300).after(1),
            _ => asked
                .reply()
                .answer(&asked.name, A, 5, &[192, 0, 2, 1])
                .after(1),
        });
        let six = || sim.run(client.lookup_ip("a.test.", Families::Ipv6));
        match first {
            A => check4(&sim, &client, "a.test.", Ok(&[&ip4(1)])),
            _ => check(&sim, &client, "a.test.", Ok(&[&ip4(1)])),
        }
        six().expect_err("no IPv6");
        sim.pass(secs(6));
        check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
        assert_eq!(six().expect_err("no IPv6").kind(), LookupErrorKind::NoData);
        assert_eq!(sim.seen().len(), 3);
    }
}

fn kind(rcode: u8) -> LookupErrorKind {
    match rcode {
        3 => LookupErrorKind::NotFound,
        _ => LookupErrorKind::NoData,
    }
}

/// A denial is for one name, not for names below it. One with the SOA of another zone is not kept.
#[test]
fn denials_are_for_one_name() {
    let (sim, client) = caching(100, |asked| match &*asked.name {
        "a.test." => asked.nxdomain().after(1),
        "c.test." => asked.rcode(3).soa("elsewhere.", 60, 60).after(1),
        _ => asked.address(1).after(1),
    });
    check4(&sim, &client, "a.test.", Err(LookupErrorKind::NotFound));
    check4(&sim, &client, "b.a.test.", Ok(&[&ip4(1)]));
    check4(&sim, &client, "c.test.", Err(LookupErrorKind::NotFound));
    check4(&sim, &client, "c.test.", Err(LookupErrorKind::NotFound));
    assert_eq!(sim.seen().len(), 4);
}

/// A failure is kept for 1 s (RFC 9520), so that a broken name is not asked for in a loop.
#[test]
fn failures_are_kept_shortly() {
    let (sim, client) = caching(100, |asked| asked.rcode(2).after(1));
    check4(&sim, &client, "a.test.", Err(LookupErrorKind::Unavailable));
    let sent = sim.seen().len();
    check4(&sim, &client, "a.test.", Err(LookupErrorKind::Unavailable));
    assert_eq!(sim.seen().len(), sent);
    sim.pass(secs(1));
    check4(&sim, &client, "a.test.", Err(LookupErrorKind::Unavailable));
    assert!(sim.seen().len() > sent);
}

/// Lookups of one name share one query, also where it fails; another name has its own.
#[test]
fn flights_are_shared() {
    let (sim, client) = one(|asked| match &*asked.name {
        "BAD.test." => asked.rcode(3).after(20),
        _ => asked.address(1).after(20),
    });
    let lookups = (0..100).map(|at| {
        let name = ["good.test.", "BAD.test.", "GOOD.test.", "bad.TEST."][at % 4];
        client.lookup_ip(name, Families::Ipv4)
    });
    let results = sim.run(join(lookups.collect()));
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 50);
    assert_eq!(sim.seen().len(), 2);
}

/// After a change of the servers, an answer of the old ones is not cached, and a lookup does not
/// join a query to them.
#[test]
fn new_servers_are_asked_again() {
    let sim = Sim::new();
    sim.server(ONE, |asked| asked.address(1).after(20));
    sim.server(TWO, |asked| asked.address(2).after(1));
    let file = Scratch::new("new-servers");
    file.write("nameserver 10.0.0.1\n");
    let config = ClientConfig::system()
        .resolv_conf_file(file.path())
        .no_hosts();
    let client = client(&sim, config.cache(100));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
    sim.pass(secs(5) - ms(30));
    let mut old = client.lookup_ip("b.test.", Families::Ipv4);
    let until = sim.elapsed_instant() + ms(10);
    assert!(sim.run_until(&mut old, Some(until)).is_none());
    file.write("nameserver 10.0.0.2\n");
    let new = sim.run(join(vec![old, client.lookup_ip("b.test.", Families::Ipv4)]));
    let new: Vec<_> = new.iter().flatten().map(texts).collect();
    assert_eq!(new, [[ip4(1)], [ip4(2)]]);
    check4(&sim, &client, "b.test.", Ok(&[&ip4(2)]));
}

/// After a change of the servers, the candidate that had records at the old ones is not asked
/// first.
#[test]
fn a_winner_of_old_servers_does_not_count() {
    let sim = Sim::new();
    sim.server(ONE, |asked| match &*asked.name {
        "db.home.test." => asked.address(1).after(20),
        _ => asked.nxdomain().after(1),
    });
    sim.server(TWO, |asked| asked.address(2).after(1));
    let file = Scratch::new("old-winner");
    let write = |server: &str| {
        file.write(&format!(
            "search corp.test home.test\nnameserver {server}\n"
        ));
    };
    write("10.0.0.1");
    let config = ClientConfig::system()
        .resolv_conf_file(file.path())
        .no_hosts();
    let client = client(&sim, config);
    check4(&sim, &client, "a.test.", Err(LookupErrorKind::NotFound));
    sim.pass(secs(5) - ms(10));
    let mut old = client.lookup_ip("db", Families::Ipv4);
    let until = sim.elapsed_instant() + ms(9);
    assert!(sim.run_until(&mut old, Some(until)).is_none());
    sim.pass(ms(1));
    write("10.0.0.2");
    check4(&sim, &client, "b.test.", Ok(&[&ip4(2)]));
    sim.run(old).expect("an answer of the old servers");
    sim.clear_seen();
    check4(&sim, &client, "db", Ok(&[&ip4(2)]));
    assert_eq!(sim.seen()[0].asked.name, "db.corp.test.");
}

/// At most 8192 lookups are under way at the same time. One more is an error that names this limit,
/// until one of them is dropped.
#[test]
fn lookups_under_way_are_bounded() {
    let (sim, client) = one(|_| Vec::new());
    let start = |name: &str| {
        let mut lookup = client.lookup_ip(name, Families::Ipv4);
        let result = sim.run_until(&mut lookup, Some(sim.elapsed_instant()));
        (lookup, result)
    };
    let mut lookups: Vec<_> = (0..8192).map(|at| start(&format!("h{at}.test."))).collect();
    assert!(lookups.iter().all(|(_, result)| result.is_none()));
    let (_, result) = start("one-more.test.");
    let error = result.expect("at once").expect_err("no room");
    assert_eq!(error.kind(), LookupErrorKind::Unavailable);
    assert!(error.to_string().contains("8192 lookups"), "{error}");
    // A lookup that joins one of them does not count as one more.
    assert!(start("h7.test.").1.is_none());
    lookups.pop();
    assert!(start("one-more.test.").1.is_none());
}

/// The bytes of the cache are bounded, however large its answers are.
#[test]
fn the_cache_has_a_size() {
    let sim = Sim::new();
    sim.server(ONE, |asked| {
        let text = [&[255][..], &[b'x'; 255]].concat().repeat(200);
        asked.reply().answer(&asked.name, TXT, 300, &text).after(1)
    });
    let client = client(&sim, config(&[ONE]).tcp_only(true).cache(65_536));
    for number in 0..1000 {
        sim.run(client.lookup_txt(&format!("h{number}.test.")))
            .expect("an answer");
    }
    // The last answers are kept, but fewer than the 50 MB of all.
    sim.clear_seen();
    for number in 0..1000 {
        sim.run(client.lookup_txt(&format!("h{}.test.", 999 - number)))
            .expect("an answer");
        if sim.seen().len() == 1 {
            assert!((300..700).contains(&number), "{number}");
            return;
        }
    }
    panic!("all are kept");
}

/// A lookup that was answered from the cache and is kept does not answer a later lookup, for which
/// the answer may have expired.
#[test]
fn a_kept_lookup_is_not_joined() {
    let (sim, client) = caching(100, |asked| asked.address(1).after(1));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
    let mut kept = client.lookup_ip("a.test.", Families::Ipv4);
    sim.run(&mut kept).expect("an answer");
    assert_eq!(sim.seen().len(), 1);
    sim.pass(secs(3600));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
    assert_eq!(sim.seen().len(), 2);
    drop(kept);
}

/// The cache is bounded, and so are the records of one answer.
#[test]
fn bounds() {
    let (sim, client) = caching(64, |asked| asked.address(1).after(1));
    for round in 0..500 {
        check4(&sim, &client, &format!("h{round}.test."), Ok(&[&ip4(1)]));
    }
    // The last answers are in the cache, the first ones are not.
    sim.clear_seen();
    check4(&sim, &client, "h499.test.", Ok(&[&ip4(1)]));
    assert_eq!(sim.seen().len(), 0);
    check4(&sim, &client, "h0.test.", Ok(&[&ip4(1)]));
    assert_eq!(sim.seen().len(), 1);

    let sim = Sim::new();
    sim.server(ONE, |asked| {
        let record = |at: u16| {
            let [high, low] = at.to_be_bytes();
            [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, high, low]
        };
        (0..4000)
            .fold(asked.reply(), |message, at| message.raw(6, &record(at)))
            .after(1)
    });
    let client = crate::support::client(&sim, config(&[ONE]).tcp_only(true));
    let answer = lookup4(&sim, &client, "a.test.").expect("an answer");
    assert_eq!(answer.addresses.len(), 1000);
    assert_eq!(texts(&answer)[999], "10.0.3.231");
    assert!(sim.elapsed() < ms(10));
}
