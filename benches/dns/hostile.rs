//! Measures parsing of messages that are made to cost time. They come from the client's tests.

use std::time::{Duration, Instant};

use hickory_resolver::proto::op::Message;
use trunkline_dns::wire::read_reply;
use trunkline_dns::{Name, Transport};

use crate::costly::costly;

/// Highest accepted time for a message.
const MOST: Duration = Duration::from_millis(1);

/// Prints how long the messages take, and returns whether each is fast enough.
pub(crate) fn measure(is_whole: bool) -> bool {
    let rounds = if is_whole { 21 } else { 1 };
    let mut worst = (Duration::ZERO, "");
    let mut worst_of_hickory = (Duration::ZERO, "");
    let list = costly();
    let count = list.len();
    for costly in list {
        let name = Name::parse(&costly.name).expect("a name");
        let message = &costly.message;
        let ours = median(rounds, || {
            read_reply(message, 7, &name, costly.record_type, Transport::Tcp)
        });
        let theirs = median(rounds, || Message::from_vec(message));
        worst = worst.max((ours, costly.what));
        worst_of_hickory = worst_of_hickory.max((theirs, costly.what));
    }
    let is_met = worst.0 <= MOST;
    let word = match (is_whole, is_met) {
        (false, _) => "not judged",
        (true, true) => "met",
        (true, false) => "missed",
    };
    println!(
        "the worst of {count} hostile messages ({}): {:.1?}, at most {MOST:?}: {word}; \
         a whole decode by hickory-proto at its worst ({}): {:.1?}",
        worst.1, worst.0, worst_of_hickory.1, worst_of_hickory.0
    );
    is_met
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
