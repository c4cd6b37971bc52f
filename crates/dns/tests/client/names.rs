//! Names, the search list, the hosts file.

use trunkline_dns::{
    AnswerSource, ClientConfig, Families, Hosts, LookupErrorKind, Name, ResolvConf,
};

use crate::message::{A, ip4, ip6, ms};
use crate::sim::Sim;
use crate::support::{
    ONE, asked, check, check4, client, config, lookup, lookup4, names, one, texts,
};

/// A text that is not a name is an error without a packet; the error has the offset.
#[test]
fn bad_names_are_not_sent() {
    let (sim, client) = one(|asked| asked.address(1).after(1));
    let label = "a".repeat(64);
    let long = [
        "a".repeat(63),
        "b".repeat(63),
        "c".repeat(63),
        "d".repeat(62),
    ]
    .join(".");
    for name in [
        "", ".", "..", ".a", "a..b", "a b", "a\0b", "a/b", "a@b", "b\\.c", "*.test.", &label, &long,
    ] {
        let error = lookup(&sim, &client, name).expect_err(name);
        assert_eq!(error.kind(), LookupErrorKind::InvalidName, "{name:?}");
    }
    assert_eq!(sim.seen().len(), 0);
    // The longest name: 253 characters.
    let longest = &long[1..];
    check4(&sim, &client, longest, Ok(&[&ip4(1)]));
    check4(&sim, &client, &format!("{longest}."), Ok(&[&ip4(1)]));
    check4(&sim, &client, "a_b.-x-.test.", Ok(&[&ip4(1)]));
}

/// IP literals need no packet. A text that only looks like one is an error and is not sent.
#[test]
fn literals() {
    let (sim, client) = one(|asked| asked.address(1).after(1));
    for (text, expected) in [
        ("192.0.2.7", "192.0.2.7"),
        ("::1", "::1"),
        ("2001:DB8::7", "2001:db8::7"),
        ("fe80::1%3", "fe80::1%3"),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.7"),
    ] {
        let answer = lookup(&sim, &client, text).expect(text);
        assert_eq!(texts(&answer), [expected]);
        assert_eq!(
            (answer.source, answer.ttl, answer.server()),
            (AnswerSource::Literal, None, None)
        );
    }
    for text in [
        "127.1",
        "1",
        "0x7f.1",
        "1.2.3.256",
        "1.2.3",
        "1.2.3.4.5",
        "01.02.03.04",
        "1.2.3.4.",
        "a.0x7F",
        "::g",
        "1::2::3",
        "[::1]",
        "a:80",
        "example.123",
    ] {
        let error = lookup(&sim, &client, text).expect_err(text);
        assert_eq!(error.kind(), LookupErrorKind::InvalidName, "{text}");
    }
    let other = sim
        .run(client.lookup_ip("192.0.2.7", Families::Ipv6))
        .expect_err("IPv4");
    assert_eq!(other.kind(), LookupErrorKind::NoData);
    assert_eq!(sim.seen().len(), 0);
}

/// An IPv6 zone may be the name of an interface.
#[test]
fn zones_by_name() {
    let (sim, client) = one(|asked| asked.address(1).after(1));
    let index = 4711;
    sim.interface("lo", index);
    let answer = lookup(&sim, &client, "fe80::1%lo").expect("a literal");
    assert_eq!(answer.addresses[0].scope_id, index);
    let text = answer.addresses[0].with_port(53).to_string();
    assert_eq!(text, format!("[fe80::1%{index}]:53"));
    let unknown = lookup(&sim, &client, "fe80::1%nosuch0").expect_err("no such interface");
    assert_eq!(unknown.kind(), LookupErrorKind::Unavailable);
    assert!(
        unknown.to_string().contains("interface nosuch0"),
        "{unknown}"
    );
    let hosts = Hosts::parse(b"fe80::1%nosuch0 a.test\nfe80::1%nosuch0 b.test\n10.0.0.2 b.test\n");
    let config = config(&[ONE]).hosts(hosts);
    let client = crate::support::client(&sim, config);
    let unknown = lookup(&sim, &client, "a.test").expect_err("no such interface");
    assert!(
        unknown.to_string().contains("interface nosuch0"),
        "{unknown}"
    );
    check(&sim, &client, "b.test", Ok(&["10.0.0.2"]));
}

/// Names with a fixed answer need no packet (RFC 6761, RFC 7686). Names under `.local` are asked
/// for like any other.
#[test]
fn special_names() {
    let (sim, client) = one(|asked| asked.address(1).after(1));
    for name in ["localhost", "LocalHost.", "a.b.localhost"] {
        check(&sim, &client, name, Ok(&["127.0.0.1", "::1"]));
    }
    let six = sim
        .run(client.lookup_ip("localhost", Families::Ipv6))
        .expect("loopback");
    assert_eq!(texts(&six), ["::1"]);
    for name in ["invalid", "a.invalid.", "a.ONION", "x.y.onion."] {
        check(&sim, &client, name, Err(LookupErrorKind::NotFound));
    }
    assert_eq!(sim.seen().len(), 0);
    check4(&sim, &client, "a.cluster.local.", Ok(&[&ip4(1)]));
}

/// A simulation whose server has the names `good`, and a client with this `resolv.conf`.
fn searching(conf: &str, good: &'static [&'static str]) -> (Sim, trunkline_dns::io::Client) {
    let sim = Sim::new();
    sim.server(ONE, move |asked| match &*asked.name {
        name if good.contains(&name) => asked.address(1).after(1),
        name if name.starts_with("nodata.") => asked.no_data().after(1),
        name if name.contains("broken") => asked.rcode(2).after(1),
        name if name.contains("silent") => Vec::new(),
        _ => asked.nxdomain().after(1),
    });
    let conf = ResolvConf::parse(format!("nameserver 10.0.0.1\n{conf}\n").as_bytes());
    let client = client(&sim, ClientConfig::system().no_hosts().resolv_conf(conf));
    (sim, client)
}

/// A name with `ndots` dots is tried as it is first, another one last. A name with a dot at the end
/// is tried only as it is. Each candidate is asked for once.
#[test]
fn the_order_of_candidates() {
    let conf = "search x.test y.test x.test.";
    for (options, name, expected) in [
        ("", "a", &["a.x.test.", "a.y.test.", "a."][..]),
        ("", "a.b", &["a.b.", "a.b.x.test.", "a.b.y.test."]),
        (
            "options ndots:2",
            "a.b",
            &["a.b.x.test.", "a.b.y.test.", "a.b."],
        ),
        ("options ndots:0", "a", &["a.", "a.x.test.", "a.y.test."]),
        ("", "a.b.", &["a.b."]),
        ("options ndots:15", "a.", &["a."]),
    ] {
        let (sim, client) = searching(&format!("{conf}\n{options}"), &[]);
        check4(&sim, &client, name, Err(LookupErrorKind::NotFound));
        assert_eq!(asked(&sim), expected);
    }
}

/// After "no data" the next candidate is tried, as after NXDOMAIN.
#[test]
fn no_data_leads_on() {
    let (sim, client) = searching("search x.test y.test", &["nodata.y.test."]);
    check4(&sim, &client, "nodata", Ok(&[&ip4(1)]));
    assert_eq!(asked(&sim), ["nodata.x.test.", "nodata.y.test."]);
    let (sim, client) = searching("search x.test y.test", &[]);
    check4(&sim, &client, "nodata", Err(LookupErrorKind::NoData));
}

/// Where one candidate has failed softly, the error is not "does not exist".
#[test]
fn a_soft_failure_is_no_denial() {
    let (sim, client) = searching("search broken.test y.test", &[]);
    check4(&sim, &client, "a", Err(LookupErrorKind::Unavailable));
    assert_eq!(asked(&sim).last().expect("queries"), "a.");
    let (sim, client) = searching("search broken.test y.test", &["a.y.test."]);
    check4(&sim, &client, "a", Ok(&[&ip4(1)]));
    let (sim, client) = searching("search silent.test y.test", &["a.y.test."]);
    check4(&sim, &client, "a", Ok(&[&ip4(1)]));
}

/// A candidate that is too long is left out.
#[test]
fn candidates_have_a_length() {
    let suffix = "s".repeat(60);
    let (sim, client) = searching(&format!("search {suffix}.{suffix}.test"), &[]);
    let name = format!("{0}.{0}.{0}", "a".repeat(50));
    check4(&sim, &client, &name, Err(LookupErrorKind::NotFound));
    assert_eq!(asked(&sim), [format!("{name}.")]);
}

/// The candidate that had records is asked first the next time. When it no longer has any, all
/// candidates are tried again.
#[test]
fn the_winner_is_asked_first() {
    let sim = Sim::new();
    let mut moved = false;
    sim.server(ONE, move |asked| match &*asked.name.to_lowercase() {
        "api.z.test." if !moved => asked.address(1).after(1),
        "move.test." => {
            moved = true;
            asked.address(9).after(1)
        }
        "api.x.test." if moved => asked.address(2).after(1),
        _ => asked.nxdomain().after(1),
    });
    let search = names(&["x.test.", "y.test.", "z.test."]);
    let client = client(&sim, config(&[ONE]).search(search).ndots(5));
    check(&sim, &client, "api", Ok(&[&ip4(1), &ip6(1)]));
    assert_eq!(sim.seen().len(), 6);
    sim.clear_seen();
    check(&sim, &client, "API", Ok(&[&ip4(1), &ip6(1)]));
    assert_eq!(asked(&sim), ["API.z.test.", "API.z.test."]);
    check4(&sim, &client, "move.test.", Ok(&[&ip4(9)]));
    sim.clear_seen();
    check4(&sim, &client, "api", Ok(&[&ip4(2)]));
    assert_eq!(asked(&sim), ["api.z.test.", "api.x.test."]);
}

/// The hosts file comes before the servers. Lines with one name add up. A name of the file is not
/// asked for, not even for a family that the file does not have.
#[test]
fn the_hosts_file() {
    let text = b"\xef\xbb\xbf127.0.0.1\tlocalhost # comment\r\n10.0.0.1 Both both.alias\n\
        fe80::1%3 both\n 10.0.0.2\tBOTH. \n#10.0.0.9 none\nbad none\n10.0.0.3\n10.0.0.4 four\n";
    let sim = Sim::new();
    sim.server(ONE, |asked| asked.address(1).after(1));
    let client = client(&sim, config(&[ONE]).hosts(Hosts::parse(text)));
    check(
        &sim,
        &client,
        "both",
        Ok(&["10.0.0.1", "10.0.0.2", "fe80::1%3"]),
    );
    check(&sim, &client, "bOth.aLias.", Ok(&["10.0.0.1"]));
    let error = sim
        .run(client.lookup_ip("four", Families::Ipv6))
        .expect_err("IPv4 alone");
    assert_eq!(error.kind(), LookupErrorKind::NoData);
    assert_eq!(sim.seen().len(), 0);
    check4(&sim, &client, "none", Ok(&[&ip4(1)]));
    let answer = lookup4(&sim, &client, "four").expect("an answer");
    assert_eq!((answer.source, answer.ttl), (AnswerSource::Hosts, None));
}

/// Bytes that are not UTF-8 invalidate their word, not the line.
#[test]
fn odd_bytes_in_the_hosts_file() {
    let hosts = Hosts::parse(b"\xff\n10.0.0.1 \xe4rger a.test \xff\n");
    let name = Name::parse("a.test").expect("a name");
    let found = hosts.get(&name, |_| None).expect("it is there");
    assert_eq!(found[0].to_string(), "10.0.0.1");
}

/// Where the hosts file has one loopback address for `localhost`, that of the other family is
/// added. Another address stays the only one.
#[test]
fn localhost_in_the_hosts_file() {
    for (text, expected) in [
        ("127.0.0.1 localhost", &["127.0.0.1", "::1"][..]),
        ("127.0.0.9 localhost\n::1 localhost", &["127.0.0.9", "::1"]),
        ("10.0.0.1 localhost", &["10.0.0.1"]),
        ("10.0.0.1 a.localhost", &["127.0.0.1", "::1"]),
    ] {
        let sim = Sim::new();
        let config = config(&[ONE]).hosts(Hosts::parse(text.as_bytes()));
        let client = client(&sim, config);
        check(&sim, &client, "localhost", Ok(expected));
    }
}

/// A name that is not ASCII is an error, which advises to write the `xn--` form.
#[cfg(not(feature = "idna"))]
#[test]
fn names_are_ascii() {
    let (sim, client) = one(|asked| asked.address(1).after(1));
    let error = lookup(&sim, &client, "b\u{fc}cher.test.").expect_err("not ASCII");
    assert_eq!(error.kind(), LookupErrorKind::InvalidName);
    assert!(error.to_string().contains("xn--"), "{error}");
    check4(&sim, &client, "xn--bcher-kva.test.", Ok(&[&ip4(1)]));
}

/// With the feature `idna` a name that is not ASCII is converted (UTS 46, non-transitional); one
/// that cannot be converted is an error.
#[cfg(feature = "idna")]
#[test]
fn names_are_converted() {
    let (sim, client) = one(|asked| asked.address(1).after(1));
    check4(&sim, &client, "b\u{fc}cher.test.", Ok(&[&ip4(1)]));
    check4(&sim, &client, "stra\u{df}e.test.", Ok(&[&ip4(1)]));
    assert_eq!(asked(&sim), ["xn--bcher-kva.test.", "xn--strae-oqa.test."]);
    for name in ["xn--.test.", "a\u{fffd}.test.", "xn--b\u{fc}.test."] {
        let error = lookup(&sim, &client, name).expect_err(name);
        assert_eq!(error.kind(), LookupErrorKind::InvalidName);
    }
}

/// Addresses keep the server's order, IPv4 first: sorting by RFC 6724 is left to the caller.
#[test]
fn the_order_is_the_servers() {
    let (sim, client) = one(|asked| match asked.code {
        A => [3, 1, 2, 1]
            .into_iter()
            .fold(asked.reply(), |message, last| {
                message.answer(&asked.name, A, 60, &[192, 0, 2, last])
            })
            .after(5),
        _ => asked.address(1).after(1),
    });
    let answer = lookup(&sim, &client, "a.test.").expect("an answer");
    assert_eq!(texts(&answer), [ip4(3), ip4(1), ip4(2), ip6(1)]);
}

/// ANY is never asked for, and each lookup asks only for the types that it needs.
#[test]
fn only_what_is_needed_is_asked() {
    let (sim, client) = one(|asked| asked.address(1).after(1));
    lookup(&sim, &client, "a.test.").expect("an answer");
    sim.run(client.lookup_ip("a.test.", Families::Ipv6))
        .expect("an answer");
    let _ = sim.run(client.lookup_srv("a.test."));
    let _ = sim.run(client.lookup_txt("a.test."));
    let codes: Vec<_> = sim.seen().iter().map(|seen| seen.asked.code).collect();
    assert_eq!(codes, [1, 28, 28, 33, 16]);
    assert!(sim.elapsed() < ms(1000));
}
