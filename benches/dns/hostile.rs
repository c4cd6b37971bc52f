//! Measures parsing of messages that are made to cost time. They come from the client's tests.

use std::time::{Duration, Instant};

use hickory_resolver::proto::op::Message;
use trunkline_benches::contest::Contest;
use trunkline_benches::results::{Results, Side};
use trunkline_benches::runs::Run;
use trunkline_dns::wire::read_reply;
use trunkline_dns::{Name, Transport};

use crate::costly::costly;

/// What is measured.
const NAME: &str = "milliseconds of the worst hostile message";
const CASE: &str = "all kinds of messages";
const OURS: &str = "trunkline-dns";

/// Highest accepted time for a message, in milliseconds.
const MOST: f64 = 1.0;

/// Returns the time of the message that takes the longest, for our parser and for a whole decode by
/// hickory-proto.
pub(crate) fn measure(is_whole: bool) -> Contest {
    let rounds = if is_whole { 21 } else { 1 };
    let mut worst = (Duration::ZERO, "");
    let mut worst_of_hickory = (Duration::ZERO, "");
    for costly in costly() {
        let name = Name::parse(&costly.name).expect("a name");
        let message = &costly.message;
        let ours = median(rounds, || {
            read_reply(message, 7, &name, costly.record_type, Transport::Tcp)
        });
        let theirs = median(rounds, || Message::from_vec(message));
        worst = worst.max((ours, costly.what));
        worst_of_hickory = worst_of_hickory.max((theirs, costly.what));
    }
    eprintln!(
        "the worst message: {}; for hickory-proto: {}",
        worst.1, worst_of_hickory.1
    );
    let sides = [
        (OURS, Side::Ours),
        ("hickory-proto, a whole decode", Side::Peer),
    ];
    let mut contest = Contest::new(NAME, &sides);
    let milliseconds = |time: Duration| vec![time.as_secs_f64() * 1e3];
    contest.add(
        CASE,
        vec![milliseconds(worst.0), milliseconds(worst_of_hickory.0)],
    );
    contest
}

/// Adds the table and the target.
pub(crate) fn report(run: &Run, results: &mut Results) {
    let contest = run.contest(NAME);
    let title = "The hostile message that takes the longest to read, in milliseconds";
    results.tables.push(contest.table_of_figures(title, 2));
    results.targets.push(contest.target(CASE, OURS, MOST));
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
