//! How soon a channel follows its backends: from a backend's entry in DNS to its first call, from
//! its removal to the last call sent there, and how long calls fail after its death.
//!
//! Everything runs in virtual time over a simulated network (`crates/sim`), so the figures are the
//! same on every machine. A run is an order of events by its seed; the moment of the change within
//! the TTL of the records is another one in each.
//!
//! `--json FILE` writes all figures. Without `--bench`, as `cargo test` runs it, there are few seeds.

mod world;

use std::env;

use serde_json::{Value, json};
use trunkline_benches::publish::publish;
use trunkline_benches::results::{Column, Results, Row, Side, Table};
use trunkline_benches::statistics::Summary;

use crate::world::{Change, Outcome, run};

/// Every change, with its name in the table.
const CHANGES: [(&str, Change); 6] = [
    (
        "added to DNS, TTL 5 s (records are asked for again after 30 s at the earliest)",
        Change::Added { ttl_secs: 5 },
    ),
    ("added to DNS, TTL 60 s", Change::Added { ttl_secs: 60 }),
    ("removed from DNS, TTL 5 s", Change::Removed { ttl_secs: 5 }),
    ("its process ends: resets", Change::Killed),
    ("it stops gracefully: GOAWAY", Change::Stopped),
    (
        "its host is lost without a sign, keepalive of 10 s and 2 s",
        Change::Lost,
    ),
];

fn main() {
    let is_whole = env::args().any(|arg| arg == "--bench");
    // The number of seeds, and of calls a second.
    let (seeds, calls): (u64, u32) = if is_whole { (30, 50) } else { (1, 5) };
    let mut results = Results::new("discovery");
    results.notes.push(format!(
        "{seeds} seeds; round_robin; {calls} calls a second in an open loop, each with a deadline of 1 s; 1 ms each way"
    ));
    let (mut rows, mut raw) = (Vec::new(), Vec::new());
    for (name, change) in CHANGES {
        let outcomes: Vec<Outcome> = (0..seeds).map(|seed| run(seed, calls, change)).collect();
        let column = |figure: fn(&Outcome) -> f64| {
            let figures: Vec<f64> = outcomes.iter().map(figure).collect();
            (Summary::of(&figures), figures)
        };
        let (time, times) = column(|outcome| outcome.time.as_secs_f64());
        let (failed, counts) = column(|outcome| outcome.failed as f64);
        raw.push(json!({ "change": name, "seconds": times, "failed": counts }));
        rows.push(Row {
            name: name.to_owned(),
            side: Side::Ours,
            cells: vec![time, failed],
        });
    }
    results.raw = Value::Array(raw);
    results.tables.push(Table {
        title: "Seconds until all calls go where they should, and calls that failed".to_owned(),
        measure: "discovery".to_owned(),
        plot: None,
        is_judged: false,
        columns: vec![Column::new("seconds", 3), Column::new("failed calls", 0)],
        rows,
    });
    publish(&results).expect("a file that can be written");
}
