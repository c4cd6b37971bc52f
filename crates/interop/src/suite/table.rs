//! The table of results, as Markdown.

use std::fmt;

use super::cases::CASES;
use super::column::{Cell, Column};
use crate::wrong::Wrong;

/// The results of the whole suite.
#[derive(Debug)]
pub(super) struct Table {
    columns: Vec<Column>,
    /// The HTTP/2 cases, against the own server.
    edge: Vec<(&'static str, Cell)>,
}

impl Table {
    pub(super) fn new(columns: Vec<Column>, edge: Vec<(&'static str, Result<(), Wrong>)>) -> Self {
        let cell = |result: Result<(), Wrong>| match result {
            Ok(()) => Cell::Passed,
            Err(wrong) => Cell::Failed(wrong.to_string()),
        };
        let edge = edge.into_iter().map(|(name, result)| (name, cell(result)));
        Self {
            columns,
            edge: edge.collect(),
        }
    }

    /// Returns an error with every case that failed.
    pub(super) fn judge(&self) -> Result<(), Wrong> {
        let mut failed = Vec::new();
        for column in &self.columns {
            for (case, cell) in CASES.iter().zip(&column.cells) {
                if let Cell::Failed(why) = cell {
                    failed.push(format!("{} with {}: {why}", case.name, column.title));
                }
            }
        }
        for (name, cell) in &self.edge {
            if let Cell::Failed(why) = cell {
                failed.push(format!("{name}: {why}"));
            }
        }
        if failed.is_empty() {
            return Ok(());
        }
        Err(format!("{} cases failed\n{}", failed.len(), failed.join("\n")).into())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut reasons = Vec::new();
        write!(f, "| case |")?;
        for column in &self.columns {
            write!(f, " {} |", column.title)?;
        }
        writeln!(f, "\n|---|{}", "---|".repeat(self.columns.len()))?;
        for (row, case) in CASES.iter().enumerate() {
            write!(f, "| `{}` |", case.name)?;
            for column in &self.columns {
                let cell = column.cells.get(row);
                write!(
                    f,
                    " {} |",
                    cell.map_or_else(String::new, |cell| shown(cell, &mut reasons))
                )?;
            }
            writeln!(f)?;
        }
        writeln!(f)?;
        for (index, reason) in reasons.iter().enumerate() {
            writeln!(f, "{}. {reason}", index + 1)?;
        }
        writeln!(f, "\n| HTTP/2 case | own server |\n|---|---|")?;
        for (name, cell) in &self.edge {
            writeln!(f, "| `{name}` | {} |", shown(cell, &mut reasons))?;
        }
        Ok(())
    }
}

/// Returns the text of a cell. A reason is replaced by its number in the list of reasons.
fn shown(cell: &Cell, reasons: &mut Vec<&'static str>) -> String {
    match cell {
        Cell::Passed => "ok".to_owned(),
        Cell::Failed(_) => "FAILED".to_owned(),
        Cell::Reason(why) => {
            let known = reasons.iter().position(|reason| reason == why);
            let index = known.unwrap_or_else(|| {
                reasons.push(why);
                reasons.len() - 1
            });
            format!("({})", index + 1)
        }
    }
}
