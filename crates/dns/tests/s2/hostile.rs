//! Number 45: messages made to cost time or memory (RFC 9267).

use std::time::Duration;

use trunkline_dns::wire::{Reply, Skeleton, read_reply};
use trunkline_dns::{Name, RecordType, Transport};

use crate::message::{Asked, Message, wire};

fn query(name: &str, code: u16) -> Asked {
    let bytes = [
        &[0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..],
        &wire(name),
        &code.to_be_bytes(),
        &[0, 1],
    ]
    .concat();
    let server = "10.0.0.1:53".parse().expect("an address");
    Asked::read(server, Transport::Tcp, 0, &bytes)
}

/// A record of unknown type around octets that others point into.
fn around(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("short data");
    [
        &[0, 0xff, 0x00, 0, 1, 0, 0, 0, 0][..],
        &length.to_be_bytes(),
        data,
    ]
    .concat()
}

/// A record whose owner is a pointer.
fn pointing(target: usize, code: u16, data: &[u8]) -> Vec<u8> {
    let pointer = 0xc000 | u16::try_from(target).expect("a short message");
    let length = u16::try_from(data.len()).expect("short data");
    let numbers = [pointer, code, 1, 0, 60, length]
        .map(u16::to_be_bytes)
        .concat();
    [&numbers[..], data].concat()
}

/// Adds records until the message is as long as one can be.
fn filled(mut message: Message, record: impl Fn(usize) -> Vec<u8>) -> Message {
    for at in 0.. {
        let record = record(at);
        if message.build().len() + record.len() > 65_535 || at > 8000 {
            break;
        }
        message = message.raw(6, &record);
    }
    message
}

/// Reads a message some times; the shortest time that it took.
fn time(message: &[u8], name: &str, record_type: RecordType) -> (Reply, Duration) {
    let name = Name::parse(name).expect("a name");
    let mut best = Duration::MAX;
    let mut reply = Reply::Foreign;
    for _ in 0..10 {
        #[expect(clippy::disallowed_methods, reason = "what is measured is time")]
        let start = std::time::Instant::now();
        reply = read_reply(message, 7, &name, record_type, Transport::Tcp);
        best = best.min(start.elapsed());
    }
    (reply, best)
}

/// The longest that a message may take: 1 ms; without optimisation more.
const LIMIT: Duration = Duration::from_millis(if cfg!(debug_assertions) { 25 } else { 1 });

#[track_caller]
fn check_cheap(what: &str, message: &Message, name: &str, record_type: RecordType) -> Reply {
    let bytes = message.build();
    let (reply, took) = time(&bytes, name, record_type);
    eprintln!("{what}: {} octets, {took:?}", bytes.len());
    assert!(took < LIMIT, "{what} took {took:?}");
    reply
}

/// Pointers that each lead to the one before are not followed without end.
#[test]
fn s2_45_chained_pointers_cost_little() {
    let asked = query("a.test.", 1);
    let start = asked.end + 11;
    let chain: Vec<u8> = (0..8000)
        .flat_map(|at| {
            let target = if at == 0 { 12 } else { start + 2 * (at - 1) };
            (0xc000 | u16::try_from(target).expect("short")).to_be_bytes()
        })
        .collect();
    let message = asked.reply().raw(6, &around(&chain));
    let message = filled(message, |at| {
        pointing(start + 2 * (7990 - at % 64), 1, &[6, 6, 6, 6])
    });
    let reply = check_cheap("chained pointers", &message, "a.test.", RecordType::A);
    assert_eq!(reply, Reply::NoData(None));
}

/// Counts that promise more than there is cost nothing.
#[test]
fn s2_45_counts_promise_nothing() {
    let header = [
        0, 7, 0x81, 0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    ];
    assert!(Skeleton::walk(&header).is_err());
    let asked = query("a.test.", 1);
    for at in [6, 8, 10] {
        let message = asked.address(1).patch(at, &[0xff, 0xff]);
        let reply = check_cheap("counts", &message, "a.test.", RecordType::A);
        assert!(matches!(reply, Reply::Failed(_)), "{reply:?}");
    }
}

/// Records that nearly belong to the name, CNAMEs that lead everywhere, strings of nothing,
/// compressed targets: none takes long.
#[test]
fn s2_45_full_messages_cost_little() {
    let long = "a.".repeat(126);
    let asked = query(&long, 1);
    // Owners that differ from the name in their length alone.
    let message = filled(asked.reply(), |at| {
        pointing(12 + 2 * (at % 125), 1, &[6, 6, 6, 6])
    });
    check_cheap("near owners", &message, &long, RecordType::A);

    let other = format!("{}b.", "a.".repeat(125));
    let start = asked.end + 11;
    let message = asked.reply().raw(6, &around(&wire(&other)));
    let message = filled(message, |at| {
        pointing(start + 2 * (at % 2), 1, &[6, 6, 6, 6])
    });
    check_cheap(
        "owners that differ at their end",
        &message,
        &long,
        RecordType::A,
    );

    let message = filled(asked.reply(), |at| {
        pointing(
            12,
            5,
            &[1, b'b', 0xc0, u8::try_from(14 + at % 120).expect("small")],
        )
    });
    check_cheap("many CNAMEs", &message, &long, RecordType::A);

    let asked = query("a.test.", 16);
    let message = asked.reply().raw(6, &pointing(12, 16, &vec![0; 65_000]));
    let reply = check_cheap("strings of nothing", &message, "a.test.", RecordType::Txt);
    assert!(matches!(reply, Reply::Found(_)), "{reply:?}");

    let asked = query(&long, 33);
    let message = filled(asked.reply(), |at| {
        let data = [
            0,
            0,
            0,
            0,
            0,
            0,
            0xc0,
            u8::try_from(12 + 2 * (at % 8)).expect("small"),
        ];
        pointing(12, 33, &data)
    });
    let reply = check_cheap("compressed targets", &message, &long, RecordType::Srv);
    assert!(matches!(reply, Reply::Failed(_)), "{reply:?}");

    let asked = query("a.test.", 1);
    let message = filled(asked.reply(), |at| {
        let [.., high, low] = at.to_be_bytes();
        pointing(12, 1, &[10, 0, high, low])
    });
    let reply = check_cheap("thousands of addresses", &message, "a.test.", RecordType::A);
    let Reply::Found(found) = reply else {
        panic!("{reply:?}");
    };
    assert_eq!(found.records.count(), 1000);
}

/// What RFC 9267 lists: pointers ahead, to themselves, into the header; labels of types that do not
/// exist; names above 255 octets; lengths beyond the end.
#[test]
fn s2_45_broken_names_are_refused() {
    let asked = query("a.test.", 1);
    let here = asked.end;
    let owners: [&[u8]; 8] = [
        &[0xc0, u8::try_from(here).expect("small")],
        &[0xc0, u8::try_from(here + 2).expect("small")],
        &[0xff, 0xff],
        &[0xc0, 0],
        &[0xc0, 11],
        &[0x40, 0],
        &[0x80, 0],
        &[63; 300],
    ];
    for owner in owners {
        let record = [owner, &[0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 6, 6, 6, 6]].concat();
        let message = asked.reply().raw(6, &record).no_opt();
        let name = Name::parse("a.test.").expect("a name");
        let reply = read_reply(&message.build(), 7, &name, RecordType::A, Transport::Tcp);
        assert!(matches!(reply, Reply::Failed(_)), "{owner:?}: {reply:?}");
    }
    // Each cut of a good message is refused, and none panics.
    let whole = asked.address(1).build();
    let name = Name::parse("a.test.").expect("a name");
    for length in 0..whole.len() {
        let reply = read_reply(&whole[..length], 7, &name, RecordType::A, Transport::Udp);
        assert_eq!(reply, Reply::Foreign, "{length}");
    }
}

/// Two OPT records, or one elsewhere than at the root: no answer. Options that do not fit into the
/// record cost nothing: the answer does not rest on them.
#[test]
fn s2_45_broken_opt_records() {
    let asked = query("a.test.", 1);
    let opt = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];
    let name = Name::parse("a.test.").expect("a name");
    for message in [
        asked.address(1).raw(10, &opt).raw(10, &opt),
        asked.address(1).raw(10, &pointing(12, 41, &[])),
    ] {
        let reply = read_reply(&message.build(), 7, &name, RecordType::A, Transport::Tcp);
        assert!(matches!(reply, Reply::Failed(_)), "{reply:?}");
    }
    for options in [&[0, 10, 0, 9, 1][..], &[0, 10, 0]] {
        let message = asked.address(1).opt_data(options).build();
        let reply = read_reply(&message, 7, &name, RecordType::A, Transport::Tcp);
        assert!(matches!(reply, Reply::Found(_)), "{options:?}: {reply:?}");
    }
    let plain = asked.address(1).raw(10, &opt).build();
    let reply = read_reply(&plain, 7, &name, RecordType::A, Transport::Tcp);
    assert!(matches!(reply, Reply::Found(_)), "{reply:?}");
}
