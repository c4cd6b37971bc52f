//! The child that makes calls, in the protocol of `benches/README.md`.

use std::io::BufRead;
use std::sync::Arc;
use std::time::Duration;

use trunkline_benches::allocations::allocations_of_all_threads;
use trunkline_benches::protocol::{
    Cost, FromClient, Hello, Kind, Measure, Round, ToClient, VERSION,
};
use trunkline_benches::statistics::quantile;
use trunkline_benches::usage::{Switches, cpu_time, max_rss_bytes, switches};
use trunkline_benches::versions;

use crate::bare::Bare;
use crate::executor::Executor;
use crate::load::{Times, cold, stream, unary};
use crate::stack::{Connected, Stack, Tonic, Trunkline};
use crate::variant::{self, Variant};
use crate::{resident, watchers};

pub(crate) fn run(name: &str) {
    let variant = Variant::named(name);
    watchers::listen(variant.watcher);
    let package = match variant.stack {
        variant::Stack::Bare | variant::Stack::BareWithUserAgent => "h2",
        variant::Stack::Tonic => "tonic",
        variant::Stack::Trunkline => "trunkline",
    };
    print(&FromClient::Hello(Hello {
        protocol: VERSION,
        name: variant.name.to_owned(),
        version: format!("{package} {}", versions::of(package)),
        can: variant.can(),
    }));
    let mut orders = orders();
    let Some(ToClient::Setup(setup)) = orders.next() else {
        panic!("the first line is no setup");
    };
    let executor = Executor::new(&variant, setup.threads);
    let setup = Arc::new(setup);
    let rounds = orders.map(|order| match order {
        ToClient::Round(round) => round,
        ToClient::Setup(_) => panic!("a second setup"),
    });
    match variant.stack {
        variant::Stack::Bare | variant::Stack::BareWithUserAgent => {
            serve(&executor, &Bare::new(setup, variant), &variant, rounds);
        }
        variant::Stack::Tonic => serve(&executor, &Tonic { setup }, &variant, rounds),
        variant::Stack::Trunkline => {
            serve(&executor, &Trunkline { setup, variant }, &variant, rounds);
        }
    }
}

/// Iterates over what the coordinator orders, until it has ended.
fn orders() -> impl Iterator<Item = ToClient> {
    let lines = std::io::stdin().lock().lines().map_while(Result::ok);
    lines.map(|line| serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}")))
}

fn print(line: &FromClient) {
    let line = serde_json::to_string(line).expect("plain data");
    println!("{line}");
}

/// Runs rounds, and prints what they cost.
fn serve<S: Stack>(
    executor: &Executor,
    stack: &S,
    variant: &Variant,
    rounds: impl Iterator<Item = Round>,
) {
    // Connections are made when they are first needed, and then kept.
    let mut channels: Vec<(usize, bool, Connected<S::Channel>)> = Vec::new();
    for round in rounds {
        let case = round.case;
        if case.kind == Kind::Resident {
            print(&FromClient::Result(resident::measure(
                executor, stack, round,
            )));
            continue;
        }
        let made = channels
            .iter()
            .position(|(backends, tls, _)| (*backends, *tls) == (case.backends, case.tls));
        let at = made.unwrap_or_else(|| {
            let channel = executor.block_on(stack.connect(case));
            channels.push((case.backends, case.tls, channel));
            channels.len() - 1
        });
        let work = prepare(executor, stack, &channels[at].2, variant, round);
        print(&FromClient::Result(measure(round.measure, work)));
    }
}

/// Makes the callers of a round. The result runs them.
fn prepare<'a, S: Stack>(
    executor: &'a Executor,
    stack: &S,
    channel: &Connected<S::Channel>,
    variant: &Variant,
    round: Round,
) -> Box<dyn FnOnce() -> Vec<Times> + 'a> {
    let Round {
        case,
        calls,
        measure,
    } = round;
    let share = |at: usize| calls / case.in_flight + usize::from(at < calls % case.in_flight);
    match case.kind {
        Kind::Unary if variant.shape.is_each_call() => {
            let stub = channel.stub();
            Box::new(move || {
                let call =
                    |at| executor.block_on(unary(stub.clone(), case, 0, at..at + 1, measure));
                (0..calls).map(call).collect()
            })
        }
        Kind::Unary => {
            let callers: Vec<_> = (0..case.in_flight)
                .map(|at| unary(channel.stub(), case, at, 0..share(at), measure))
                .collect();
            Box::new(|| executor.run(callers))
        }
        Kind::Stream => {
            let caller = stream(channel.clone(), case, calls, measure);
            Box::new(|| executor.run(vec![caller]))
        }
        Kind::Cold => {
            let callers: Vec<_> = (0..case.in_flight)
                .map(|at| cold(stack.clone(), case, at, share(at), measure))
                .collect();
            Box::new(|| executor.run(callers))
        }
        Kind::Resident => unreachable!("it is measured by itself"),
    }
}

/// Runs the work of a round, and returns what it cost.
fn measure(measure: Measure, work: impl FnOnce() -> Vec<Times>) -> Cost {
    let mut cost = Cost::default();
    let mut times = Vec::new();
    if measure == Measure::Allocations {
        cost.allocations = Some(allocations_of_all_threads(|| times = work()));
        return cost;
    }
    let before = (switches(), cpu_time());
    times.extend(work());
    cost.cpu_ns = nanoseconds(cpu_time() - before.1);
    let used = before.0.zip(switches());
    let growth = |count: fn(&Switches) -> u64| {
        used.as_ref()
            .map(|(before, after)| count(after).saturating_sub(count(before)))
    };
    cost.voluntary_switches = growth(|switches| switches.voluntary);
    cost.involuntary_switches = growth(|switches| switches.involuntary);
    cost.max_rss_bytes = max_rss_bytes();
    cost.latency_ns = percentiles(times);
    cost
}

fn percentiles(times: Vec<Times>) -> Option<[u64; 3]> {
    let times: Vec<f64> = times
        .into_iter()
        .flat_map(Times::into_vec)
        .map(|time| time as f64)
        .collect();
    let at = |part| Some(quantile(&times, part)? as u64);
    Some([at(0.5)?, at(0.9)?, at(0.99)?])
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
