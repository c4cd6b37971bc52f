//! A message of 64 KiB that is made to cost time: its names are pointers to pointers.

use std::time::{Duration, Instant};

use hickory_resolver::proto::op::Message;
use trunkline_dns::wire::read_reply;
use trunkline_dns::{Name, RecordType, Transport};

/// The most that the message may cost.
const MOST: Duration = Duration::from_millis(1);

/// Says what the message costs, and whether that is little enough.
pub(crate) fn measure(is_whole: bool) -> bool {
    let message = message();
    let rounds = if is_whole { 21 } else { 1 };
    let name = Name::parse("a.test.").expect("a name");
    let ours = median(rounds, || {
        read_reply(&message, 7, &name, RecordType::A, Transport::Tcp)
    });
    let theirs = median(rounds, || Message::from_vec(&message));
    let is_met = ours <= MOST;
    let word = match (is_whole, is_met) {
        (false, _) => "not judged",
        (true, true) => "met",
        (true, false) => "missed",
    };
    println!(
        "a message of {} octets, all pointers: {ours:.1?}, at most {MOST:?}: {word}; \
         a whole decode by hickory-proto: {theirs:.1?}",
        message.len()
    );
    is_met
}

/// One name of which each label is behind a pointer to the one before, and as many records as fit
/// that are owned by its end.
fn message() -> Vec<u8> {
    let mut message = vec![0, 7, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0];
    message.extend(b"\x01a\x04test\0\0\x01\0\x01");
    // A record of a type that nobody reads, full of pointers.
    message.extend([0, 0xff, 0, 0, 1, 0, 0, 0, 0, 0x3e, 0x80]);
    let start = message.len();
    let mut last = 12;
    for at in (start..start + 16_000).step_by(2) {
        message.extend((0xc000 | last as u16).to_be_bytes());
        last = at;
    }
    let mut count = 1_u16;
    while message.len() + 16 <= usize::from(u16::MAX) {
        message.extend((0xc000 | last as u16).to_be_bytes());
        message.extend([0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 6, 6, 6, 6]);
        count += 1;
    }
    message[6..8].copy_from_slice(&count.to_be_bytes());
    message
}

#[expect(clippy::disallowed_methods, reason = "this measures real time")]
fn median<T>(rounds: usize, mut work: impl FnMut() -> T) -> Duration {
    let mut times: Vec<Duration> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(work());
            start.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}
