//! Changes of backends in virtual time.

mod world;

use serde_json::{Value, json};
use trunkline_benches::results::{Column, Results, Row, Side, Table};
use trunkline_benches::statistics::Summary;

use self::world::{Change, Outcome, run};

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

/// Measures all changes, and adds their table. Returns the figures of each seed.
pub(crate) fn report(is_whole: bool, results: &mut Results) -> Value {
    // The number of seeds, and of calls a second.
    let (seeds, calls): (u64, u32) = if is_whole { (30, 50) } else { (1, 5) };
    results.notes.push(format!(
        "simulated: {seeds} seeds; round_robin; {calls} calls a second in an open loop, each with a deadline of 1 s; 1 ms each way"
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
    results.tables.push(Table {
        title: "Simulated: seconds until all calls go where they should, and calls that failed"
            .to_owned(),
        measure: "discovery".to_owned(),
        plot: None,
        is_judged: false,
        columns: vec![Column::new("seconds", 3), Column::new("failed calls", 0)],
        rows,
    });
    Value::Array(raw)
}
