//! What a benchmark found, for machines and for the page.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::statistics::Summary;

/// The results of one benchmark.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Results {
    /// Its name, such as `rpc`.
    pub bench: String,
    /// The machine that it ran on.
    pub machine: Vec<(String, String)>,
    /// The size of the run in words, and what is special about it.
    pub notes: Vec<String>,
    /// What was compared, with its versions.
    pub versions: Vec<(String, String)>,
    /// The tables, in order.
    pub tables: Vec<Table>,
    /// What it has to show. A short run has none about times, which mean nothing there; counts, such as
    /// those of allocations, are the same in each run.
    pub targets: Vec<Target>,
    /// What was not measured, with the reason.
    pub left_out: Vec<String>,
    /// The figures of all rounds, in a form of the benchmark's own.
    pub raw: Value,
}

/// A table of figures.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Table {
    /// A heading: what the figures are, with their unit.
    pub title: String,
    /// What the figures are, in a few words.
    pub measure: String,
    /// Name of the picture of it in `docs/plots`, without `.svg`, if there is one.
    pub plot: Option<String>,
    /// Whether its figures judge the rows: less is better.
    pub is_judged: bool,
    /// The columns, without that of the names of the rows.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// A column of a table.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its heading.
    pub name: String,
    /// The absolute figure that its ratios are to, if they are ratios.
    pub base: Option<String>,
    /// Number of digits after the point.
    pub digits: usize,
    /// Whether the quartiles are shown.
    pub has_spread: bool,
}

/// A row of a table.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Row {
    /// Its heading.
    pub name: String,
    /// What the row is of.
    pub side: Side,
    /// A cell for each column; `None` where nothing was measured.
    pub cells: Vec<Option<Summary>>,
}

/// What a row of a table is of.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The least that is possible.
    Floor,
    /// What a user could take in place of ours.
    Peer,
    /// Ours.
    Ours,
}

/// A figure that has to be reached.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Target {
    /// What is measured.
    pub what: String,
    /// What it is compared with. Empty for a figure that is none of a comparison.
    pub against: String,
    /// The most that it may be.
    pub most: f64,
    /// What was measured; `None` if nothing was.
    pub figure: Option<f64>,
    /// The least and the most of separate runs.
    pub runs: Option<(f64, f64)>,
}

/// Whether a target is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The figure is not above the most that it may be.
    Ok,
    /// It is above.
    Missed,
    /// There is no figure.
    NotMeasured,
}

impl Column {
    /// Returns a column with this many digits, with quartiles.
    #[must_use]
    pub fn new(name: impl Into<String>, digits: usize) -> Self {
        Self {
            name: name.into(),
            base: None,
            digits,
            has_spread: true,
        }
    }

    /// Adds the absolute figure that the ratios are to.
    #[must_use]
    pub fn with_base(mut self, base: impl Into<String>) -> Self {
        self.base = Some(base.into());
        self
    }

    /// Returns the heading, with the absolute figure in brackets if there is one.
    #[must_use]
    pub fn heading(&self) -> String {
        let base = self.base.as_ref();
        base.map_or_else(
            || self.name.clone(),
            |base| format!("{} ({base})", self.name),
        )
    }

    /// Hides the quartiles.
    #[must_use]
    pub fn without_spread(mut self) -> Self {
        self.has_spread = false;
        self
    }
}

impl Table {
    /// Hides the quartiles of all columns.
    pub fn hide_spread(&mut self) {
        for column in &mut self.columns {
            column.has_spread = false;
        }
    }
}

impl Target {
    /// Compares the figure with the most that it may be, both rounded to three digits after the
    /// point, so that the noise of the last bits decides nothing.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let rounded = |value: f64| (value * 1000.0).round();
        match self.figure {
            None => Verdict::NotMeasured,
            Some(figure) if rounded(figure) <= rounded(self.most) => Verdict::Ok,
            Some(_) => Verdict::Missed,
        }
    }
}

impl Results {
    /// Returns results of this machine, without any figures.
    #[must_use]
    pub fn new(bench: &str) -> Self {
        Self {
            bench: bench.to_owned(),
            machine: crate::machine::describe(),
            notes: Vec::new(),
            versions: Vec::new(),
            tables: Vec::new(),
            targets: Vec::new(),
            left_out: Vec::new(),
            raw: Value::Null,
        }
    }

    /// Returns whether a figure is above the most that it may be.
    #[must_use]
    pub fn has_missed(&self) -> bool {
        let mut targets = self.targets.iter();
        targets.any(|target| target.verdict() == Verdict::Missed)
    }
}
