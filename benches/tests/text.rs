//! Results are printed as tables of Markdown.

use trunkline_benches::results::{Column, Results, Row, Side, Table, Target, Verdict};
use trunkline_benches::statistics::Summary;
use trunkline_benches::text;

fn target(most: f64, figure: Option<f64>) -> Target {
    Target {
        what: "16 B".into(),
        against: "A".into(),
        most,
        figure,
        runs: figure.map(|figure| (figure - 0.01, figure + 0.01)),
    }
}

#[test]
fn a_table_has_quartiles_and_gaps() {
    let summary = Summary {
        low: 0.9,
        median: 1.0,
        high: 1.125,
    };
    let table = Table {
        title: "CPU a call".into(),
        measure: "CPU".into(),
        plot: None,
        is_judged: true,
        columns: vec![
            Column::new("tokio", 2).with_base("5 us"),
            Column::new("bytes", 0).without_spread(),
        ],
        rows: vec![
            Row {
                name: "16 B".into(),
                side: Side::Ours,
                cells: vec![Some(summary), Some(Summary::exact(1_234_567.0))],
            },
            Row {
                name: "1 KiB".into(),
                side: Side::Peer,
                cells: vec![None, Some(Summary::exact(-999.0))],
            },
        ],
    };
    let expected = "\
| | tokio (5 us) | bytes |
|---|---|---|
| 16 B | 1.00 (0.90 to 1.12) | 1,234,567 |
| 1 KiB | - | -999 |
";
    assert_eq!(text::table(&table), expected);
}

#[test]
fn a_target_is_met_up_to_its_most() {
    assert_eq!(target(1.08, Some(1.08)).verdict(), Verdict::Ok);
    assert_eq!(target(1.08, Some(1.080_4)).verdict(), Verdict::Ok);
    assert_eq!(target(1.08, Some(1.081)).verdict(), Verdict::Missed);
    assert_eq!(target(1.08, None).verdict(), Verdict::NotMeasured);
}

#[test]
fn targets_are_a_table() {
    let targets = [target(1.08, Some(1.1)), target(1.2, None)];
    let expected = "\
| target | against | at most | figure | runs | |
|---|---|---|---|---|---|
| 16 B | A | 1.08 | 1.10 | 1.09 to 1.11 | **missed** |
| 16 B | A | 1.2 | - | - | not measured |
";
    assert_eq!(text::targets(&targets), expected);
}

/// What the page reads is what the benchmark has written.
#[test]
fn results_survive_json() {
    let mut results = Results::new("rpc");
    results.targets.push(target(1.08, Some(1.0)));
    results.versions.push(("tonic".into(), "0.14".into()));
    let json = serde_json::to_string(&results).expect("plain data");
    let read: Results = serde_json::from_str(&json).expect("what was written");
    assert_eq!(read, results);
}
