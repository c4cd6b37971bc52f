//! The core alone, without I/O: the CPU time of a race, or of an address of it, and its allocations.

use std::hint::black_box;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use trunkline_benches::allocations::allocations;
use trunkline_benches::clock::nanoseconds;
use trunkline_benches::contest::Contest;
use trunkline_benches::policies::now;
use trunkline_benches::results::{Results, Side};
use trunkline_benches::runs::Run;
use trunkline_benches::turns::{Turns, Work};
use trunkline_connect::{Family, KeepOrder, Race, RaceOptions, RaceOutput};
use trunkline_endpoint::interleave;

const WHOLE: Turns = Turns {
    rounds: 25,
    least: 2e6,
};

const TIME: &str = "time of the core";
const ALLOCATIONS: &str = "allocations of the core";
const OURS: [(&str, Side); 1] = [("ours", Side::Ours)];

/// Returns the figures of the core.
pub(crate) fn measure(is_whole: bool) -> Vec<Contest> {
    let turns = if is_whole { WHOLE } else { Turns::ONCE };
    let (mut time, mut allocated) = (Contest::new(TIME, &OURS), Contest::new(ALLOCATIONS, &OURS));
    let mut add = |case: String, of: usize, work: &dyn Fn()| {
        let each = |value: f64| value / of as f64;
        let count = allocations(work) as f64;
        allocated.add(&*case, vec![vec![each(count)]]);
        let work: Work<'_> = Box::new(|times| nanoseconds(|| (0..times).for_each(|_| work())));
        let figures = turns.measure(&mut [work]).into_iter();
        let figures = figures.map(|figures| figures.into_iter().map(each).collect());
        time.add(case, figures.collect());
    };
    let (now, options) = (now(), RaceOptions::default());
    let two = list(2);
    add("a healthy race of two".to_owned(), 1, &|| {
        black_box(healthy(black_box(&two), &options, now));
    });
    for count in [8, 32, 1_024] {
        let list = list(count);
        let case = format!("all but one of {count} refuse, an address");
        add(case, count.into(), &|| {
            black_box(run(black_box(&list), &options, now));
        });
    }
    for count in [2, 32, 1_024] {
        let list = list(count);
        let case = format!("interleave {count}, an address");
        add(case, count.into(), &|| {
            let families = |one: &SocketAddr| Family::from(*one);
            black_box(interleave(list.iter().copied(), families, 1));
        });
    }
    vec![time, allocated]
}

/// Adds the tables of the core.
pub(crate) fn report(run: &Run, results: &mut Results) {
    for (contest, title, digits) in [
        (
            TIME,
            "The core alone, without I/O: CPU time in nanoseconds",
            0,
        ),
        (ALLOCATIONS, "The core alone: allocations", 2),
    ] {
        let mut table = run.contest(contest).table_of_figures(title, digits);
        if contest == ALLOCATIONS {
            table.hide_spread();
        }
        results.tables.push(table);
    }
}

/// Returns addresses as a resolver returns them: half IPv6, half IPv4, one family after the other.
fn list(count: u16) -> Vec<SocketAddr> {
    let v6 = (0..count / 2).map(|n| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n).into());
    let v4 = (count / 2..count).map(|n| Ipv4Addr::from_bits(0xc000_0200 + u32::from(n)).into());
    v6.chain(v4).map(|ip| SocketAddr::new(ip, 443)).collect()
}

/// Runs a race in which the last address accepts and all others refuse at once.
fn run(list: &[SocketAddr], options: &RaceOptions, now: Instant) -> Race {
    let mut race = Race::over(list.iter().copied(), &KeepOrder, options.clone(), now);
    while let Some(output) = race.poll_output(now) {
        if let RaceOutput::Start { id, .. } = output {
            if id.index() + 1 == list.len() {
                race.handle_connected(id, now);
            } else {
                race.handle_failure(id, io::ErrorKind::ConnectionRefused.into(), now);
            }
        }
    }
    race
}

/// Runs a race in which the first address accepts.
fn healthy(list: &[SocketAddr], options: &RaceOptions, now: Instant) -> Race {
    let mut race = Race::over(list.iter().copied(), &KeepOrder, options.clone(), now);
    while let Some(output) = race.poll_output(now) {
        if let RaceOutput::Start { id, .. } = output {
            black_box(race.poll_timeout());
            race.handle_connected(id, now);
        }
    }
    race
}
