//! Messages that are made to cost time or memory (RFC 9267).

use std::hint::black_box;
use std::time::Duration;

use allocation_counter::AllocationInfo;
use rustix::time::{ClockId, clock_gettime};
use trunkline_dns::core::{
    ClientState, Lookup, LookupOutput, LookupRequest, Settings, TcpConnection,
};
use trunkline_dns::wire::{Reply, Skeleton, read_reply};
use trunkline_dns::{ClientConfig, Name, RecordType, ResolvConf, Transport};

use crate::costly::{Costly, costly};
use crate::message::{Asked, wire};

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

/// Returns a record whose owner is a pointer.
fn pointing(target: usize, code: u16, data: &[u8]) -> Vec<u8> {
    let pointer = 0xc000 | u16::try_from(target).expect("a short message");
    let length = u16::try_from(data.len()).expect("short data");
    let numbers = [pointer, code, 1, 0, 60, length]
        .map(u16::to_be_bytes)
        .concat();
    [&numbers[..], data].concat()
}

/// The most CPU time that the reading of a message may take: 1 ms, without optimisation 25 ms.
const LIMIT: Duration = Duration::from_millis(if cfg!(debug_assertions) { 25 } else { 1 });

/// Returns the CPU time of this thread: other work on the machine does not count.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).expect("a time since the thread's start");
    let nanos = u32::try_from(time.tv_nsec).expect("less than a second");
    Duration::new(seconds, nanos)
}

/// Returns the shortest of ten CPU times in which a message was read.
fn time(costly: &Costly, name: &Name) -> Duration {
    let read = |_| {
        let start = cpu_time();
        let Costly { message, .. } = costly;
        black_box(read_reply(
            message,
            7,
            name,
            costly.record_type,
            Transport::Tcp,
        ));
        cpu_time() - start
    };
    (0..10).map(read).min().unwrap_or_default()
}

/// No message takes longer to read than the limit.
#[test]
fn no_message_costs_much_time() {
    for costly in costly() {
        let name = Name::parse(&costly.name).expect("a name");
        let took = time(&costly, &name);
        assert!(took < LIMIT, "{} took {took:?}", costly.what);
    }
}

/// Bytes that a message may take beyond its own.
const MEMORY: u64 = 64 << 10;

/// No message takes more memory than the limit: neither to be read, nor in a whole lookup over TCP,
/// with the answer for the cache.
#[test]
fn no_message_costs_much_memory() {
    for costly in costly() {
        let Costly { what, message, .. } = &costly;
        let name = Name::parse(&costly.name).expect("a name");
        let read = allocation_counter::measure(|| {
            black_box(read_reply(
                message,
                7,
                &name,
                costly.record_type,
                Transport::Tcp,
            ));
        });
        assert!(read.bytes_max <= MEMORY, "{what}: {} bytes", read.bytes_max);
        let (connection, lookup) = carry(&costly, name);
        // The connection holds the message once.
        let own = message.len() as u64;
        assert!(
            connection.bytes_max <= own + MEMORY,
            "{what} by a connection: {} bytes and {own}",
            connection.bytes_max - own
        );
        assert!(
            lookup.bytes_max <= MEMORY,
            "{what} by a lookup: {} bytes",
            lookup.bytes_max
        );
    }
}

/// Returns the memory that a connection takes to receive a message in pieces, and that a lookup
/// takes to end with this message.
fn carry(costly: &Costly, name: Name) -> (AllocationInfo, AllocationInfo) {
    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    let now = std::time::Instant::now();
    let server = "10.0.0.1:53".parse().expect("an address");
    let config = ClientConfig::with_servers(vec![server]);
    let config = config.tcp_only(true).cache(100);
    let settings = Settings::new(&config, &ResolvConf::default(), |_| None);
    let mut client_state = ClientState::new(settings, [7; 32]);
    let plan = client_state.plan(LookupRequest::records(name, costly.record_type), now);
    let mut lookup = Lookup::new(&costly.name, plan, now);
    let (mut connection, asker) = TcpConnection::new(Duration::from_secs(10));
    let mut socket = None;
    while let Some(output) = lookup.poll_output() {
        match output {
            LookupOutput::OpenTcp { socket: id, .. } => socket = Some(id),
            LookupOutput::Send { bytes, .. } => connection.ask(asker, &bytes),
            _ => {}
        }
    }
    let id = &connection.unsent()[2..4];
    let length = u16::try_from(costly.message.len()).expect("short");
    let framed = [&length.to_be_bytes(), id, &costly.message[2..]].concat();
    let mut message = None;
    let of_connection = allocation_counter::measure(|| {
        for piece in framed.chunks(4096) {
            connection.handle_received(piece);
        }
        message = connection.poll_reply(asker);
    });
    let (socket, message) = (socket.expect("open"), message.expect("delivered"));
    let of_lookup = allocation_counter::measure(|| {
        lookup.handle_message(socket, &message, now);
        while let Some(output) = lookup.poll_output() {
            if let LookupOutput::Report(report) = output {
                client_state.handle_report(report, now);
            }
        }
    });
    (of_connection, of_lookup)
}

/// Records that are left out of an answer take no memory in it.
#[test]
fn what_is_left_out_takes_up_nothing() {
    let repeated = |costly: &Costly| costly.what == "one A, thousands of times";
    let costly = costly().into_iter().find(repeated).expect("it is there");
    let name = Name::parse(&costly.name).expect("a name");
    let mut reply = None;
    let kept = allocation_counter::measure(|| {
        let read = read_reply(
            &costly.message,
            7,
            &name,
            costly.record_type,
            Transport::Tcp,
        );
        reply = Some(read);
    });
    assert!(matches!(reply, Some(Reply::Found(_))), "{reply:?}");
    assert!(kept.bytes_current < 1024, "{kept:?}");
}

/// As many records are kept as fit, and the reply shows that there are more. A record that does not
/// fit alone is no answer.
#[test]
fn as_many_records_are_kept_as_fit() {
    for costly in costly() {
        let name = Name::parse(&costly.name).expect("a name");
        let reply = read_reply(
            &costly.message,
            7,
            &name,
            costly.record_type,
            Transport::Tcp,
        );
        let (count, left_out) = match &reply {
            Reply::Found(found) => (found.records.count(), found.left_out),
            _ => (0, true),
        };
        let expected = match costly.what {
            "thousands of A" | "thousands of AAAA" | "thousands of TXT" => 1000..=1000,
            "one A, thousands of times" | "strings of nothing" => 1..=1,
            "SRV as Kubernetes has them" => 550..=650,
            "a thousand TXT" | "hundreds of long TXT" => 200..=800,
            "an ECH of 64 KiB" | "a TXT of 64 KiB" => 0..=0,
            _ => continue,
        };
        assert!(expected.contains(&count), "{}: {count}", costly.what);
        let is_whole = costly.what == "strings of nothing";
        assert_eq!(left_out, !is_whole, "{}", costly.what);
    }
}

/// Counts that are greater than the number of records allocate nothing.
#[test]
fn counts_promise_nothing() {
    let header = [
        0, 7, 0x81, 0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    ];
    assert!(Skeleton::walk(&header).is_err());
    let asked = query("a.test.", 1);
    for at in [6, 8, 10] {
        let message = asked.address(1).patch(at, &[0xff, 0xff]);
        let name = Name::parse("a.test.").expect("a name");
        let reply = read_reply(&message.build(), 7, &name, RecordType::A, Transport::Tcp);
        assert!(matches!(reply, Reply::Failed(_)), "{reply:?}");
    }
}

/// The defects that RFC 9267 lists are refused: pointers that point forwards, to themselves or into
/// the header; label types that do not exist; names of more than 255 bytes; lengths beyond the end.
#[test]
fn broken_names_are_refused() {
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
    // A good message that is cut off anywhere is refused, without a panic.
    let whole = asked.address(1).build();
    let name = Name::parse("a.test.").expect("a name");
    for length in 0..whole.len() {
        let reply = read_reply(&whole[..length], 7, &name, RecordType::A, Transport::Udp);
        assert_eq!(reply, Reply::Foreign, "{length}");
    }
}

/// Two OPT records, or one whose owner is not the root, make a reply malformed. Options that do not
/// fit into the record are ignored, since the answer does not depend on them.
#[test]
fn broken_opt_records() {
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
