//! The page on scale: 10,000 clients of 1,000 backends, through a rolling restart and a doubling.

mod client;
mod outcome;
mod page;
mod tally;
mod world;

use std::time::Duration;

use serde_json::{Value, json};
use trunkline_backoff::Rng;
use trunkline_benches::policies::now;

use self::client::Client;
use self::outcome::Outcome;
use self::tally::Tally;
use self::world::World;
use crate::file::File;

/// How many clients there are.
const CLIENTS: u64 = 10_000;
/// Fewer clients, whose spread is shown too.
const FEWER: [u64; 3] = [30, 100, 1_000];
/// The measurement of the load at which all is steady.
const STEADY: usize = 1;
/// The time in which they start, evenly spread, in seconds.
const STARTS: f64 = 60.0;

/// A policy that all clients have.
struct Case {
    name: &'static str,
    config: Value,
    /// One in this many clients is simulated, and counts for that many. Clients do not affect each
    /// other, and those with a connection to every backend are much alike.
    sampled: u64,
}

fn cases() -> [Case; 4] {
    let subset = |child: Value| json!([{"random_subsetting_experimental": {"subsetSize": 20, "childPolicy": [child]}}]);
    let round_robin = json!({"round_robin": {}});
    let weighted = json!({"weighted_round_robin": {}});
    [
        Case {
            name: "round_robin",
            config: json!([round_robin]),
            sampled: 10,
        },
        Case {
            name: "weighted",
            config: json!([weighted]),
            sampled: 10,
        },
        Case {
            name: "subset of 20",
            config: subset(round_robin),
            sampled: 1,
        },
        Case {
            name: "subset of 20, weighted",
            config: subset(weighted),
            sampled: 1,
        },
    ]
}

/// Runs all cases, and returns the page with its pictures.
pub(crate) fn draw() -> Vec<File> {
    let world = World::new();
    let cases = cases().into_iter();
    let outcomes: Vec<Outcome> = cases.map(|case| run(&world, &case)).collect();
    page::files(&world, &outcomes)
}

fn run(world: &World, case: &Case) -> Outcome {
    let mut tally = Tally::new(world, case.sampled);
    let mut with_fewer = Vec::new();
    let mut rng = Rng::from_seed(11);
    for client in 1..=CLIENTS / case.sampled {
        let (seed, start) = (rng.next_seed(), now());
        let share = (client as f64 - rng.fraction()) / (CLIENTS / case.sampled) as f64;
        let at = Duration::from_secs_f64(share * STARTS);
        Client::new(world, &case.config, seed, start, at).run(&mut tally);
        if FEWER.contains(&client) {
            with_fewer.push((client, tally.spread(STEADY, world)));
        }
    }
    Outcome {
        name: case.name,
        tally,
        with_fewer,
    }
}
