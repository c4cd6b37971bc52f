//! The page on telemetry and its dashboard name what exists.

use std::collections::BTreeSet;

use trunkline_telemetry::{Instrument, InstrumentKind, LabelKey, instruments};

const PAGE: &str = include_str!("../../../docs/telemetry.md");
const DASHBOARD: &str = include_str!("../../../docs/telemetry-dashboard.json");

fn keys(keys: &[LabelKey]) -> String {
    let keys = keys.iter().map(|key| format!("`{key}`"));
    keys.collect::<Vec<_>>().join(", ")
}

/// Returns the row of the page's table for an instrument.
fn row(instrument: &Instrument) -> String {
    let kind = match instrument.kind {
        InstrumentKind::Counter => "counter",
        InstrumentKind::UpDownCounter => "up-down counter",
        InstrumentKind::Gauge => "gauge",
        InstrumentKind::Histogram => "histogram",
        _ => "unknown",
    };
    let default = if instrument.is_default { "yes" } else { "" };
    let source = match instrument.source {
        "" => "own",
        source => source,
    };
    format!(
        "| `{}` | {kind} | `{}` | {} | {} | {default} | {source} |",
        instrument.name,
        instrument.unit,
        keys(instrument.labels),
        keys(instrument.optional_labels)
    )
}

/// The table of the page has a row for each instrument, in order.
#[test]
fn the_table_of_the_page_is_the_code() {
    let rows: Vec<String> = instruments::ALL.iter().map(|own| row(own)).collect();
    let is_row = |line: &&str| line.starts_with("| `grpc.") || line.starts_with("| `trunkline.");
    let page: Vec<&str> = PAGE.lines().filter(is_row).collect();
    assert_eq!(
        page,
        rows,
        "docs/telemetry.md should have:\n{}\n",
        rows.join("\n")
    );
}

/// Returns the names under which Prometheus shows an instrument.
fn names(instrument: &Instrument) -> Vec<String> {
    let mut name = instrument.name.replace('.', "_");
    match instrument.unit {
        "s" => name.push_str("_seconds"),
        "By" => name.push_str("_bytes"),
        _ => {}
    }
    match instrument.kind {
        InstrumentKind::Counter => vec![name + "_total"],
        InstrumentKind::Histogram => ["_bucket", "_count", "_sum"]
            .map(|part| format!("{name}{part}"))
            .to_vec(),
        _ => vec![name],
    }
}

/// Returns the words of a text that look like names of Prometheus.
fn words(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let is_name = |word: &&str| word.starts_with("grpc_") || word.starts_with("trunkline_");
    words.filter(is_name).collect()
}

/// "All" is every target, not those that have calls: a client of xDS without its control plane, or of a
/// backend whose TLS fails, may have no call that was attempted.
#[test]
fn all_targets_are_not_those_with_calls() {
    let variable = DASHBOARD.split("\"name\": \"target\"").nth(1);
    let variable = variable.and_then(|rest| rest.split("\"name\":").next());
    let variable = variable.expect("the variable `target`");
    assert!(variable.contains("\"includeAll\": true"), "{variable}");
    assert!(variable.contains("\"allValue\": \".*\""), "{variable}");
}

/// Each name in the dashboard, and in the alerts of the page, is that of an instrument or a label.
#[test]
fn the_dashboard_shows_what_exists() {
    let mut known: BTreeSet<String> = instruments::ALL.iter().flat_map(|own| names(own)).collect();
    for instrument in instruments::ALL {
        let labels = instrument.labels.iter().chain(instrument.optional_labels);
        known.extend(labels.map(|key| key.to_string().replace('.', "_")));
    }
    let crates = [
        "trunkline_opentelemetry",
        "trunkline_metrics",
        "trunkline_channelz",
        "trunkline_telemetry",
    ];
    known.extend(crates.map(str::to_owned));
    for text in [PAGE, DASHBOARD] {
        let unknown: Vec<&str> = words(text)
            .into_iter()
            .filter(|word| !known.contains(*word))
            .collect();
        assert!(
            unknown.is_empty(),
            "no instrument and no label: {unknown:?}"
        );
    }
}
