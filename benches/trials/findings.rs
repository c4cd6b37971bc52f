//! What the trials found.

use trunkline_benches::results::{Column, Results, Row, Side, Table, Target};
use trunkline_benches::statistics::Summary;

use crate::contestant::Contestant;

/// The results, and what is not as required.
pub(crate) struct Findings {
    pub(crate) results: Results,
    pub(crate) faults: Vec<String>,
}

/// A row of counts.
pub(crate) type Counts = (Contestant, Vec<u64>);

impl Findings {
    pub(crate) fn new() -> Self {
        Self {
            results: Results::new("trials"),
            faults: Vec::new(),
        }
    }

    /// Adds a table of counts. A count is not a cost, so the table is not judged.
    pub(crate) fn add_table(&mut self, title: String, columns: &[&str], rows: Vec<Counts>) {
        let columns = columns
            .iter()
            .map(|name| Column::new(*name, 0).without_spread());
        let rows = rows.into_iter().map(|(contestant, counts)| Row {
            name: contestant.name().to_owned(),
            side: match contestant {
                Contestant::Tonic => Side::Peer,
                _ => Side::Ours,
            },
            cells: counts
                .into_iter()
                .map(|count| Some(Summary::exact(count as f64)))
                .collect(),
        });
        self.results.tables.push(Table {
            title,
            measure: "trials".to_owned(),
            plot: None,
            is_judged: false,
            columns: columns.collect(),
            rows: rows.collect(),
        });
    }

    /// Adds a requirement: a count, and the most that it may be.
    pub(crate) fn require(&mut self, what: String, against: &str, figure: u64, most: u64) {
        if figure > most {
            self.faults
                .push(format!("{what}: {figure} (at most {most})"));
        }
        self.results.targets.push(Target {
            what,
            against: against.to_owned(),
            most: most as f64,
            figure: Some(figure as f64),
            runs: None,
        });
    }
}
