//! Datagrams and records that do not answer the query.

use trunkline_testkit::dns::{Record, Reply, Type};

use crate::command::trunkline;

use super::{
    BOTH, FromQuery, V4, evil, evil_record, honest, lie, message, patched, replying, resolve,
    server, truth,
};

/// A datagram that does not match the query is ignored: the answer after it is used, and no query is
/// repeated.
#[test]
fn what_does_not_match_is_dropped() {
    let cases: [(&str, FromQuery<Vec<Vec<u8>>>); 20] = [
        ("another id", |query| {
            vec![patched(lie(query), 0, &[!query.id()[0], query.id()[1]])]
        }),
        ("a hundred other ids", |query| {
            let [high, low] = query.id();
            let ids = (1..=100).map(|by| [high, low.wrapping_add(by)]);
            ids.map(|id| patched(lie(query), 0, &id)).collect()
        }),
        ("another name", |query| vec![patched(lie(query), 13, b"b")]),
        ("another type", |query| {
            let at = query.question_end - 4;
            vec![patched(lie(query), at, &[0, 16])]
        }),
        ("another class", |query| {
            vec![patched(lie(query), query.question_end - 2, &[0, 3])]
        }),
        ("the query itself", |query| vec![query.message.clone()]),
        ("an answer with QR clear", |query| {
            vec![patched(lie(query), 2, &[0x01])]
        }),
        ("opcode NOTIFY", |query| {
            vec![patched(lie(query), 2, &[0xa1])]
        }),
        ("opcode UPDATE", |query| {
            vec![patched(lie(query), 2, &[0xa9])]
        }),
        ("nothing", |_| vec![Vec::new()]),
        ("one byte", |query| vec![query.id()[..1].to_vec()]),
        ("the id alone", |query| vec![query.id().to_vec()]),
        ("five bytes", |query| vec![truth(query)[..5].to_vec()]),
        ("half a header", |query| vec![truth(query)[..11].to_vec()]),
        ("a header without records", |query| {
            vec![patched(truth(query)[..12].to_vec(), 4, &[0; 8])]
        }),
        ("a header that counts 65535 of everything", |query| {
            vec![patched(truth(query)[..12].to_vec(), 4, &[0xff; 8])]
        }),
        ("no question", |query| {
            let rest = &lie(query)[query.question_end..];
            vec![[&patched(lie(query)[..12].to_vec(), 4, &[0; 2])[..], rest].concat()]
        }),
        ("two questions", |query| {
            vec![patched(lie(query), 4, &[0, 2])]
        }),
        ("an answer that is cut off", |query| {
            let lie = lie(query);
            (query.question_end..lie.len())
                .map(|end| lie[..end].to_vec())
                .collect()
        }),
        ("65000 zero bytes", |query| {
            let mut bytes = vec![0; 65_000];
            bytes[..2].copy_from_slice(&query.id());
            vec![bytes]
        }),
    ];
    for (what, lies) in cases {
        let server = server(replying(move |query| {
            let mut messages = lies(query);
            messages.push(truth(query));
            messages
        }));
        resolve(&[server.address()], "", "a.test").expect(what, &BOTH);
        assert_eq!(server.total(), 2, "{what}");
    }
}

/// The number of datagrams that were ignored before an answer is printed.
#[test]
fn ignored_datagrams_are_counted() {
    let liar = server(replying(|query| {
        vec![patched(lie(query), 0, &[!query.id()[0]]), truth(query)]
    }));
    let result = resolve(&[liar.address()], "", "a.test");
    result.expect("the truth after a lie", &BOTH);
    let asked = result.object["servers"].as_array().expect("a list");
    assert!(asked.iter().any(|it| it["ignored"] != 0), "{result:?}");
    let target = format!("dns://{}/a.test:1", liar.address());
    let ran = trunkline(&["resolve", &target]);
    assert!(ran.stderr.contains("did not match"), "{ran:?}");
}

/// When only forged replies come, the next server is asked. Without a next server, the error states
/// that replies came and did not match.
#[test]
fn forged_replies_alone_count_as_silence() {
    let liar = server(replying(|query| {
        vec![
            query.message.clone(),
            patched(lie(query), 0, &[!query.id()[0]]),
        ]
    }));
    let other = honest();
    let servers = [liar.address(), other.address()];
    resolve(&servers, "options timeout:1", "a.test").expect("the other server", &BOTH);
    let result = resolve(&servers[..1], "options timeout:1 attempts:1", "a.test");
    result.expect_error("a liar alone", "unavailable", &["timed_out"]);
    let text = result.object["error"]["message"].as_str().expect("a text");
    assert!(text.contains("replies did not match"), "{text}");
}

/// Only records of the name asked or of its CNAME chain, in the answer section, are used.
#[test]
fn records_of_others_are_no_answers() {
    let cases: [(&str, FromQuery<Reply>); 4] = [
        ("an owner elsewhere", |query| {
            Reply::records([evil_record(query).owned_by("evil.test")])
        }),
        ("the additional section", |query| {
            let mut reply = Reply::no_data();
            reply.additional = vec![evil_record(query)];
            reply
        }),
        ("the authority section", |query| {
            let mut reply = Reply::default();
            reply.authority = vec![evil_record(query)];
            reply
        }),
        ("another class", |query| {
            let mut record = evil_record(query);
            record.class = 3;
            Reply::records([record])
        }),
    ];
    for (what, reply) in cases {
        let server = server(replying(move |query| vec![message(query, &reply(query))]));
        resolve(&[server.address()], "", "a.test").expect_error(what, "no_data", &["no_data"]);
    }
}

/// Records of other names do not affect the record of the name asked.
#[test]
fn records_of_others_are_passed_over() {
    let server = server(Reply::no_data());
    let record = |record: Record| record.owned_by("evil.test");
    let answers = [
        record(Record::new(evil(Type::A))),
        Record::new(trunkline_testkit::dns::Data::A(V4.into())),
        record(Record::new(evil(Type::A))),
    ];
    server.set("a.test", Type::A, Reply::records(answers));
    resolve(&[server.address()], "", "a.test").expect("one of three", &BOTH[..1]);
}
