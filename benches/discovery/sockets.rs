//! Changes of backends on sockets, beside grpc-go.

mod endings;
mod timetable;
mod world;

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use trunkline_benches::clock::wall_time;
use trunkline_benches::contest::Contest;
use trunkline_benches::results::{Results, Side};
use trunkline_benches::runs::{self, Run, is_whole};
use trunkline_benches::{go, versions};
use trunkline_testkit::dns::DnsServer;

use self::endings::{ENDINGS, Ending};
use self::timetable::{QUICK, Timetable, WHOLE};
use self::world::{Figures, Program, World};

const OURS: &str = "trunkline";
const GO: &str = "grpc-go";
const SIDES: [(&str, Side); 2] = [(OURS, Side::Ours), (GO, Side::Peer)];

/// The minimum interval of the resolver of a client.
struct Interval {
    /// `None` leaves the client as it is.
    millis: Option<u64>,
    /// What it is called in headings.
    name: &'static str,
}

/// The default of both is 30 s.
const DEFAULT: Interval = Interval {
    millis: None,
    name: "interval 30 s",
};

/// What an application chooses that wants to follow DNS closely.
const SHORT: Interval = Interval {
    millis: Some(5_000),
    name: "interval 5 s",
};

/// That of a short run.
const SECOND: Interval = Interval {
    millis: Some(1_000),
    name: "interval 1 s",
};

/// What is measured of each client.
struct Measure {
    name: &'static str,
    digits: usize,
    value: fn(&Figures) -> f64,
}

const MEASURES: [Measure; 4] = [
    Measure {
        name: "seconds to the first call of the new backend",
        digits: 1,
        value: |of| of.first_call.as_secs_f64(),
    },
    Measure {
        name: "seconds to the last call of the old backend",
        digits: 2,
        value: |of| of.last_call.as_secs_f64(),
    },
    Measure {
        name: "failed calls",
        digits: 0,
        value: |of| of.failed as f64,
    },
    Measure {
        name: "messages to the DNS server",
        digits: 0,
        value: |of| of.messages as f64,
    },
];

/// Measures both clients, or ours alone where there is no Go, and in a short run.
pub(crate) fn measure(is_whole: bool) -> Run {
    let mut left_out = Vec::new();
    let built = if is_whole {
        build()
    } else {
        Err("this is a short run".to_owned())
    };
    let mut programs = vec![Program::Ours];
    match built {
        Ok(program) => programs.push(Program::Go(program)),
        Err(why) => left_out.push(format!("{GO}: {why}")),
    }
    let (timetable, intervals) = size(is_whole);
    let contests = run(timetable, intervals, &programs);
    Run { contests, left_out }
}

/// Returns how long the clients are watched, and the intervals with which they resolve.
fn size(is_whole: bool) -> (&'static Timetable, &'static [Interval]) {
    if is_whole {
        (&WHOLE, &[DEFAULT, SHORT])
    } else {
        (&QUICK, &[SECOND])
    }
}

/// Builds the client with grpc-go.
fn build() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/grpc-go/discovery");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("discovery-grpc-go");
    go::build(&folder, &program)?;
    Ok(program)
}

/// What happens next in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Change,
    End,
}

/// Runs all clients at the same time, each in a world of its own.
fn run(timetable: &Timetable, intervals: &[Interval], programs: &[Program]) -> Vec<Contest> {
    let dns = DnsServer::start().expect("a loopback port");
    let mut worlds = Vec::new();
    let mut steps = Vec::new();
    for round in 0..timetable.rounds {
        for (at, interval) in intervals.iter().enumerate() {
            for (ending, _) in ENDINGS {
                // The program that is started first changes with each round.
                let mut order: Vec<usize> = (0..programs.len()).collect();
                order.rotate_left(round as usize % programs.len());
                for program in order {
                    let client = (&programs[program], interval.millis);
                    let world = World::start(worlds.len(), client, ending, &dns, timetable);
                    let change = wall_time() + timetable.warm + timetable.step * round;
                    steps.push((change, worlds.len(), Step::Change));
                    steps.push((change + timetable.watch, worlds.len(), Step::End));
                    worlds.push(((at, ending, program), world, None));
                }
            }
        }
    }
    steps.sort_unstable();
    for (at, number, step) in steps {
        let (_, world, figures) = &mut worlds[number];
        match step {
            Step::Change => {
                wait_until(at);
                world.change(&dns, timetable);
            }
            Step::End => {
                // The change can be late.
                wait_until(at.max(world.changed + timetable.watch));
                *figures = Some(world.end(&dns, timetable));
            }
        }
    }
    let figures = |key: (usize, Ending, usize)| -> Vec<&Figures> {
        let worlds = worlds.iter().filter(|(of, ..)| *of == key);
        worlds
            .filter_map(|(.., figures)| figures.as_ref())
            .collect()
    };
    let mut contests = Vec::new();
    for (at, interval) in intervals.iter().enumerate() {
        for measure in MEASURES {
            let mut contest = Contest::new(&name(&measure, interval), &SIDES);
            for (ending, case) in ENDINGS {
                let figures = (0..SIDES.len()).map(|program| {
                    let figures = figures((at, ending, program));
                    figures.into_iter().map(measure.value).collect()
                });
                contest.add(case, figures.collect());
            }
            contests.push(contest);
        }
    }
    contests
}

/// Returns the name of a contest.
fn name(measure: &Measure, interval: &Interval) -> String {
    format!("{}, {}", measure.name, interval.name)
}

/// Waits until a moment of the machine's clock.
fn wait_until(at: Duration) {
    while let Some(rest) = at.checked_sub(wall_time()).filter(|rest| !rest.is_zero()) {
        thread::park_timeout(rest);
    }
}

/// Adds the tables.
pub(crate) fn report(run: &Run, results: &mut Results) {
    let (timetable, intervals) = size(is_whole());
    let Timetable {
        step,
        rounds,
        watch,
        ttl_secs,
        rate,
        ..
    } = timetable;
    results.versions = vec![(GO.to_owned(), versions::of_grpc_go().to_owned())];
    results.notes.push(format!(
        "sockets: {} separate runs of {rounds} rounds, whose changes are {} s apart; round_robin over two backends; {rate} calls a second in an open loop, each with a deadline of 1 s; records with a TTL of {ttl_secs} s; keepalive of 10 s and 2 s",
        runs::RUNS,
        step.as_secs_f64(),
    ));
    results.notes.push(format!(
        "sockets: {0} s, the end of the watch, is for what did not happen within {0} s; what took less than {1} s, the time between two calls, counts as {1} s",
        watch.as_secs(),
        1.0 / f64::from(*rate),
    ));
    for interval in intervals {
        for measure in MEASURES {
            let name = name(&measure, interval);
            let title = format!("Sockets: {name}");
            let table = run.contest(&name).table_of_figures(&title, measure.digits);
            results.tables.push(table);
        }
    }
}
