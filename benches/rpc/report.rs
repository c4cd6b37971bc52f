//! Makes tables of the samples.

use trunkline_benches::protocol::Kind;
use trunkline_benches::results::{Column, Results, Row, Table};
use trunkline_benches::statistics::Summary;

use crate::cases::Group;
use crate::goals::Goal;
use crate::rounds::Field;
use crate::samples::{Contestant, Samples};

const ALLOCATIONS: &str = "Allocations a call";

/// What else is shown of a call: a title, digits, and where the figures are.
type Other = (&'static str, usize, fn(&Contestant) -> Vec<f64>);

const OTHERS: [Other; 6] = [
    (ALLOCATIONS, 1, |of| of.allocations.clone()),
    ("System calls a call", 2, |of| of.system_calls.clone()),
    ("Times that a thread waits, a call", 2, |of| {
        of.switches.clone()
    }),
    ("Time of a call in microseconds, the median", 0, |of| {
        micros(&of.latency_ns[0])
    }),
    (
        "Time of a call in microseconds, the 99th percentile",
        0,
        |of| micros(&of.latency_ns[1]),
    ),
    ("The most memory of the process, in MiB", 1, |of| {
        let mib = |bytes: &f64| bytes / f64::from(1 << 20);
        of.max_rss_bytes.iter().map(mib).collect()
    }),
];

fn micros(nanoseconds: &[f64]) -> Vec<f64> {
    nanoseconds.iter().map(|time| time / 1e3).collect()
}

/// Adds the tables of a group. `others` is whether more than CPU time is of interest.
pub(crate) fn add_group(
    results: &mut Results,
    field: &Field,
    group: &Group,
    samples: &[Samples],
    others: bool,
) {
    let samples: Vec<&Samples> = group
        .cases
        .iter()
        .filter_map(|case| samples.iter().find(|samples| samples.case == *case))
        .collect();
    if samples.is_empty() {
        return;
    }
    let base = &field.contestants[0].label;
    results.tables.push(Table {
        title: format!(
            "Client CPU a call, as a ratio to {base} (in brackets: its time): {}",
            group.title
        ),
        measure: "CPU".to_owned(),
        plot: group.plot.map(str::to_owned),
        is_judged: true,
        columns: samples
            .iter()
            .map(|samples| {
                let name = crate::cases::name(&samples.case);
                let first = samples.cpu_ns(0).map_or(f64::NAN, |cpu| cpu.median / 1e3);
                Column::new(name, 2).with_base(format!("{first:.1} us"))
            })
            .collect(),
        rows: rows(field, &samples, |samples, at| samples.ratio(at, 0)),
    });
    if !others {
        return;
    }
    for (title, digits, figures) in OTHERS {
        let rows = rows(field, &samples, |samples, at| {
            Summary::of(&figures(&samples.of[at]))
        });
        // Nothing of it could be measured.
        if rows.is_empty() {
            continue;
        }
        let columns = samples
            .iter()
            .map(|samples| Column::new(crate::cases::name(&samples.case), digits).without_spread());
        results.tables.push(Table {
            title: format!("{title}: {}", group.title),
            measure: title.to_owned(),
            plot: None,
            is_judged: title == ALLOCATIONS,
            columns: columns.collect(),
            rows,
        });
    }
}

/// Adds the table of memory, if it was measured.
pub(crate) fn add_memory(results: &mut Results, field: &Field, samples: &[Samples]) {
    let measured = samples
        .iter()
        .find(|samples| samples.case.kind == Kind::Resident);
    let Some(samples) = measured else { return };
    type Figure = (&'static str, fn(&Contestant) -> &Vec<f64>);
    let figures: [Figure; 2] = [
        ("heap", |of| &of.heap_bytes),
        ("resident", |of| &of.rss_bytes),
    ];
    let names = field.contestants.iter().zip(&samples.of);
    let rows = names.map(|(contestant, of)| Row {
        name: contestant.label.clone(),
        side: contestant.side(),
        cells: figures
            .iter()
            .map(|(_, figure)| Summary::of(figure(of)))
            .collect(),
    });
    results.tables.push(Table {
        title: format!(
            "Memory of an idle connected backend, in bytes, of {}",
            samples.case.backends
        ),
        measure: "memory of a backend".to_owned(),
        plot: Some("rpc-memory".to_owned()),
        is_judged: true,
        columns: figures
            .iter()
            .map(|(name, _)| Column::new(*name, 0).without_spread())
            .collect(),
        rows: rows
            .filter(|row| row.cells.iter().any(Option::is_some))
            .collect(),
    });
}

/// Returns a row for each contestant with a figure.
fn rows(
    field: &Field,
    samples: &[&Samples],
    figure: impl Fn(&Samples, usize) -> Option<Summary>,
) -> Vec<Row> {
    let rows = field
        .contestants
        .iter()
        .enumerate()
        .map(|(at, contestant)| {
            let cells = samples.iter().map(|samples| figure(samples, at));
            Row {
                name: contestant.label.clone(),
                side: contestant.side(),
                cells: cells.collect(),
            }
        });
    rows.filter(|row| row.cells.iter().any(Option::is_some))
        .collect()
}

/// Adds what a run has to show, unless it is too short to show anything.
pub(crate) fn add_targets(
    results: &mut Results,
    field: &Field,
    samples: &[Samples],
    goals: &[Goal],
) {
    if field.size.is_quick {
        return;
    }
    let place = if field.is_pinned { "" } else { ", cores free" };
    let labels = labels(field);
    let targets = goals.iter();
    let targets = targets.filter_map(|goal| goal.target(samples, &labels, place));
    results.targets.extend(targets);
}

/// Adds what was compared, and what was not.
pub(crate) fn add_field(results: &mut Results, field: &Field) {
    for (contestant, version) in field.contestants.iter().zip(&field.versions) {
        let Some(version) = version else { continue };
        let entry = (contestant.label.clone(), version.clone());
        if !results.versions.contains(&entry) {
            results.versions.push(entry);
        }
    }
    results.left_out.extend_from_slice(&field.left_out);
}

/// Returns the names of all contestants.
pub(crate) fn labels(field: &Field) -> Vec<&str> {
    let contestants = field.contestants.iter();
    contestants.map(|one| one.label.as_str()).collect()
}
