//! Sections 2.4 and 2.8 of what a stub needs: datagrams that are no answer to what was asked.

use trunkline_testkit::dns::{Record, Reply, Type};

use crate::command::trunkline;

use super::{
    BOTH, Made, V4, evil, evil_record, honest, lie, message, patched, resolve, server, telling,
    truth,
};

/// Everything that does not match is as if it had not come: the answer that follows is taken, and
/// nothing is asked twice.
#[test]
fn what_does_not_match_is_dropped() {
    let cases: [(&str, Made<Vec<Vec<u8>>>); 20] = [
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
        ("an answer that says it is a query", |query| {
            vec![patched(lie(query), 2, &[0x01])]
        }),
        ("opcode NOTIFY", |query| {
            vec![patched(lie(query), 2, &[0xa1])]
        }),
        ("opcode UPDATE", |query| {
            vec![patched(lie(query), 2, &[0xa9])]
        }),
        ("nothing", |_| vec![Vec::new()]),
        ("one octet", |query| vec![query.id()[..1].to_vec()]),
        ("the id alone", |query| vec![query.id().to_vec()]),
        ("five octets", |query| vec![truth(query)[..5].to_vec()]),
        ("half a header", |query| vec![truth(query)[..11].to_vec()]),
        ("a header that says all is well", |query| {
            vec![patched(truth(query)[..12].to_vec(), 4, &[0; 8])]
        }),
        ("a header that promises all", |query| {
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
        ("64 KiB of nothing", |query| {
            let mut octets = vec![0; 65_000];
            octets[..2].copy_from_slice(&query.id());
            vec![octets]
        }),
    ];
    for (what, lies) in cases {
        let server = server(telling(move |query| {
            let mut messages = lies(query);
            messages.push(truth(query));
            messages
        }));
        resolve(&[server.address()], "", "a.test").expect(what, &BOTH);
        assert_eq!(server.total(), 2, "{what}");
    }
}

/// An answer that came in spite of lies says that there were some.
#[test]
fn lies_before_an_answer_are_told() {
    let liar = server(telling(|query| {
        vec![patched(lie(query), 0, &[!query.id()[0]]), truth(query)]
    }));
    let told = resolve(&[liar.address()], "", "a.test");
    told.expect("the truth after a lie", &BOTH);
    let asked = told.object["servers"].as_array().expect("a list");
    assert!(asked.iter().any(|it| it["ignored"] != 0), "{told:?}");
    let target = format!("dns://{}/a.test:1", liar.address());
    let ran = trunkline(&["resolve", &target]);
    assert!(ran.stderr.contains("did not match"), "{ran:?}");
}

/// Where nothing but lies comes, the next server is asked; where there is none, the error says that
/// something came.
#[test]
fn lies_alone_are_silence() {
    let liar = server(telling(|query| {
        vec![
            query.message.clone(),
            patched(lie(query), 0, &[!query.id()[0]]),
        ]
    }));
    let other = honest();
    let servers = [liar.address(), other.address()];
    resolve(&servers, "options timeout:1", "a.test").expect("the other server", &BOTH);
    let told = resolve(&servers[..1], "options timeout:1 attempts:1", "a.test");
    told.expect_error("a liar alone", "unavailable", &["timed_out"]);
    let text = told.object["error"]["message"].as_str().expect("a text");
    assert!(text.contains("replies did not match"), "{text}");
}

/// Only records along the chain of the question, in the answer section, are answers.
#[test]
fn records_of_others_are_no_answers() {
    let cases: [(&str, Made<Reply>); 4] = [
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
        let server = server(telling(move |query| vec![message(query, &reply(query))]));
        resolve(&[server.address()], "", "a.test").expect_error(what, "no_data", &["no_data"]);
    }
}

/// A right answer stays one with somebody else's records around it.
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
