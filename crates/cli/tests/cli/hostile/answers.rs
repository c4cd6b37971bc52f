//! Replies that match the query: which of their records are used.

use serde_json::json;
use trunkline_testkit::dns::{Data, Rcode, Record, Reply, Type};

use super::{
    BOTH, FromQuery, V4, evil_record, honest, message, replying, resolve, resolve_target, server,
    truth,
};

fn cname(owner: &str, target: &str) -> Record {
    Record::new(Data::Cname(target.into())).owned_by(owner)
}

fn address(owner: &str) -> Record {
    Record::new(Data::A(V4.into())).owned_by(owner)
}

/// Returns a chain of `length` CNAME records from `a.test`, and the address at its end.
fn chain(length: usize) -> Vec<Record> {
    let name = |at: usize| match at {
        0 => "a.test".to_owned(),
        at => format!("n{at}.test"),
    };
    let mut records: Vec<_> = (0..length)
        .map(|at| cname(&name(at), &name(at + 1)))
        .collect();
    records.push(address(&name(length)));
    records
}

/// A CNAME chain of up to 16 records is followed within the message, in any order of the records,
/// without further queries. A longer chain or a loop is the server's failure: it does not mean that
/// the name has no addresses.
#[test]
fn chains_are_followed_in_the_message() {
    let reversed = |mut records: Vec<Record>| {
        records.reverse();
        records
    };
    let self_loop = vec![cname("a.test", "a.test")];
    let loop_of_two = vec![cname("a.test", "b.test"), cname("b.test", "a.test")];
    let cases: [(&str, Vec<Record>, &str); 9] = [
        ("one", chain(1), ""),
        (
            "in other letters",
            vec![cname("A.test", "B.TEST"), address("b.Test")],
            "",
        ),
        ("reversed", reversed(chain(3)), ""),
        ("16", chain(16), ""),
        ("16, reversed", reversed(chain(16)), ""),
        ("17", chain(17), "unavailable"),
        ("to itself", self_loop, "unavailable"),
        ("in a circle", loop_of_two, "unavailable"),
        ("to nowhere", vec![cname("a.test", "b.test")], "no_data"),
    ];
    for (what, records, kind) in cases {
        let server = server(Reply::no_data());
        server.set("a.test", Type::A, Reply::records(records));
        let result = resolve(&[server.address()], "", "a.test");
        if kind.is_empty() {
            result.expect(what, &BOTH[..1]);
        } else {
            assert_eq!(
                (result.status, result.kind()),
                (1, kind),
                "{what}: {result:?}"
            );
        }
        // After a failure A is asked for again.
        let expected = if kind == "unavailable" { 3 } else { 2 };
        assert_eq!(server.total(), expected, "{what}");
    }
}

/// NXDOMAIN means that the name does not exist, whatever records come with it.
#[test]
fn nxdomain_with_records_is_nxdomain() {
    let cases: [(&str, FromQuery<Vec<Record>>); 2] = [
        ("an address", |query| vec![evil_record(query)]),
        ("a chain", |_| vec![cname("a.test", "gone.test")]),
    ];
    for (what, records) in cases {
        let server = server(replying(move |query| {
            let mut reply = Reply::rcode(Rcode::NXDOMAIN);
            reply.answers = records(query);
            vec![message(query, &reply)]
        }));
        let result = resolve(&[server.address()], "", "a.test");
        result.expect_error(what, "not_found", &["nxdomain"]);
    }
}

/// An address of the wrong length is a failure of the server, and the next server is asked.
#[test]
fn addresses_of_another_length_are_the_servers_failure() {
    let other = honest();
    for length in [0, 3, 5, 15, 17] {
        let bad = server(replying(move |query| {
            let data = Data::Raw(query.record_type, vec![6; length]);
            vec![message(query, &Reply::data(60, [data]))]
        }));
        let result = resolve(&[bad.address(), other.address()], "", "a.test");
        result.expect("the other server's", &BOTH);
        let result = resolve(&[bad.address()], "options attempts:1", "a.test");
        result.expect_error("alone", "unavailable", &["malformed"]);
    }
}

/// Malformed records of types that were not asked for are ignored.
#[test]
fn broken_records_of_other_types_are_passed_over() {
    let server = server(replying(|query| {
        let broken = [(257, 1), (65, 0), (64, 3), (46, 2), (48, 0), (65_280, 0)];
        let mut reply = Reply::default();
        let all = broken.map(|(code, length)| Data::Raw(Type(code), vec![0xff; length]));
        reply.answers = all.clone().map(Record::new).to_vec();
        reply.additional = all.map(Record::new).to_vec();
        let good = match query.record_type {
            Type::A => Data::A(V4.into()),
            _ => Data::Aaaa(super::V6.parse().expect("an address")),
        };
        reply.answers.push(Record::new(good));
        vec![message(query, &reply)]
    }));
    resolve(&[server.address()], "", "a.test").expect("one that is good", &BOTH);
}

/// The TTL is the least of the chain; one with the top bit set counts as 0.
#[test]
fn the_least_ttl_counts() {
    for (cname_ttl, ttl, least) in [(9000, 60, 60), (30, 300, 30), (60, 1 << 31, 0), (0, 60, 0)] {
        let server = server(Reply::no_data());
        let chain = [
            cname("a.test", "b.test").with_ttl(cname_ttl),
            address("b.test").with_ttl(ttl),
            Record::new(Data::A([192, 0, 2, 7].into()))
                .owned_by("z.test")
                .with_ttl(1),
        ];
        server.set("a.test", Type::A, Reply::records(chain));
        let result = resolve(&[server.address()], "", "a.test");
        result.expect("a chain", &BOTH[..1]);
        let left = result.object["ttl_secs"].as_f64().expect("a TTL");
        let least = f64::from(least);
        assert!((least - 5.0..=least).contains(&left), "{result:?}");
    }
}

/// An address that occurs several times in a reply is one endpoint.
#[test]
fn doubled_addresses_are_one() {
    let server = server(replying(|query| {
        let one = truth(query);
        let data = one[query.question_end..].to_vec();
        // The record of the honest answer three times, then the OPT record once.
        let (record, opt) = data.split_at(data.len() - 11);
        let head = [&one[..6], &[0, 3], &one[8..query.question_end]].concat();
        vec![[&head[..], record, record, record, opt].concat()]
    }));
    resolve(&[server.address()], "", "a.test").expect("three of one", &BOTH);
}

/// An SRV target of `.` means that there is no such service. Addresses in the additional section are
/// not used. Control characters in an SRV target are not printed.
#[test]
fn services() {
    let srv = |target: &str| Data::Srv {
        priority: 0,
        weight: 0,
        port: 1,
        target: target.into(),
    };
    let service = "_grpc._tcp.x.test";
    let target = format!("srv:///{service}");
    let server = honest();
    server.set(service, Type::SRV, Reply::data(60, [srv(".")]));
    let result = resolve_target(&[server.address()], "", "", &[&target]);
    assert_eq!((result.status, result.kind()), (1, "no_data"), "{result:?}");

    let mut lying = Reply::data(60, [srv("host.test")]);
    lying.additional = vec![Record::new(Data::A(super::EVIL.into())).owned_by("host.test")];
    server.set(service, Type::SRV, lying);
    let result = resolve_target(&[server.address()], "", "", &[&target]);
    assert_eq!(result.object["endpoints"][0]["addresses"], json!(BOTH));

    server.set(
        service,
        Type::SRV,
        Reply::data(60, [srv("a\x1b[31m\n.test")]),
    );
    let result = resolve_target(&[server.address()], "", "", &[&target]);
    assert_ne!(result.status, 0, "{result:?}");
    let text = result.object.to_string();
    assert!(!text.contains("\\u001b") && !text.contains("\\n"), "{text}");
}

/// A service config that a channel would refuse is printed, with a warning.
#[test]
fn a_service_config_is_checked() {
    for (policy, warned) in [("round_robin", false), ("nope", true)] {
        let config = json!({"loadBalancingConfig": [{policy: {}}]});
        let text = format!("grpc_config={}", json!([{"serviceConfig": config}]));
        let server = honest();
        let reply = Reply::data(60, [Data::Txt(vec![text.into_bytes()])]);
        server.set("_grpc_config.a.test", Type::TXT, reply);
        let result = resolve_target(&[server.address()], "", "", &["dns:///a.test:1", "--txt"]);
        assert_eq!(result.object["service_config"], config, "{result:?}");
        let warning = &result.object["warnings"][0]["message"];
        let names_it = warning.as_str().is_some_and(|text| text.contains("nope"));
        assert_eq!(names_it, warned, "{result:?}");
    }
}

/// A failed lookup of the service config changes nothing else, and its outcome is printed.
#[test]
fn a_failing_text_record_changes_nothing() {
    let text = |text: &[u8]| Reply::data(60, [Data::Txt(vec![text.to_vec()])]);
    for (reply, outcome, warned) in [
        (Reply::nxdomain(), "nxdomain", false),
        (Reply::rcode(Rcode::SERVFAIL), "servfail", false),
        (
            Reply::data(60, [Data::Raw(Type::TXT, vec![200, 1])]),
            "malformed",
            false,
        ),
        (text(b"grpc_config={"), "answer", true),
        (text(b"v=spf1 -all"), "answer", false),
    ] {
        let server = honest();
        server.set("_grpc_config.a.test", Type::TXT, reply.clone());
        let args = ["dns:///a.test:1", "--txt"];
        let result = resolve_target(&[server.address()], "", "", &args);
        result.expect(&format!("{reply:?}"), &BOTH);
        assert!(result.object["service_config"].is_null(), "{result:?}");
        let asked = result.object["servers"].as_array().expect("a list");
        let text = asked.iter().find(|asked| asked["type"] == "TXT");
        assert_eq!(text.expect("a TXT query")["outcome"], outcome, "{result:?}");
        let warning = &result.object["warnings"][0]["kind"];
        assert_eq!(*warning == "service_config", warned, "{result:?}");
    }
}
