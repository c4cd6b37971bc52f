//! The table of results, as Markdown.

use std::fmt;

use super::cases::CASES;
use super::column::{Cell, Column};
use super::mutual;
use crate::wrong::Wrong;

/// The results of the whole suite.
#[derive(Debug)]
pub(super) struct Table {
    columns: Vec<Column>,
    /// The HTTP/2 cases, against the own server.
    edge: Vec<(&'static str, Cell)>,
    /// The cases on client certificates, by server.
    mutual: Vec<Column>,
}

impl Table {
    pub(super) fn new(
        columns: Vec<Column>,
        edge: Vec<(&'static str, Result<(), Wrong>)>,
        mutual: Vec<Column>,
    ) -> Self {
        let cell = |result: Result<(), Wrong>| match result {
            Ok(()) => Cell::Passed,
            Err(wrong) => Cell::Failed(wrong.to_string()),
        };
        let edge = edge.into_iter().map(|(name, result)| (name, cell(result)));
        Self {
            columns,
            edge: edge.collect(),
            mutual,
        }
    }

    /// Returns an error with every case that failed.
    pub(super) fn judge(&self) -> Result<(), Wrong> {
        let mut failed = Vec::new();
        let names = CASES.map(|case| case.name);
        let columns = self.columns.iter().map(|column| (&names[..], column));
        let mutual = self
            .mutual
            .iter()
            .map(|column| (&mutual::CASES[..], column));
        for (names, column) in columns.chain(mutual) {
            for (name, cell) in names.iter().zip(&column.cells) {
                if let Cell::Failed(why) = cell {
                    failed.push(format!("{name} with {}: {why}", column.title));
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
        let names = CASES.map(|case| format!("`{}`", case.name));
        write_columns(f, "case", &names, &self.columns, &mut reasons)?;
        writeln!(f)?;
        for (index, reason) in reasons.iter().enumerate() {
            writeln!(f, "{}. {reason}", index + 1)?;
        }
        writeln!(f, "\n| HTTP/2 case | own server |\n|---|---|")?;
        for (name, cell) in &self.edge {
            writeln!(f, "| `{name}` | {} |", shown(cell, &mut reasons))?;
        }
        writeln!(f)?;
        let names = mutual::CASES.map(str::to_owned);
        write_columns(f, "with", &names, &self.mutual, &mut reasons)
    }
}

/// Writes a table with a column for each server.
fn write_columns(
    f: &mut fmt::Formatter<'_>,
    head: &str,
    names: &[String],
    columns: &[Column],
    reasons: &mut Vec<&'static str>,
) -> fmt::Result {
    write!(f, "| {head} |")?;
    for column in columns {
        write!(f, " {} |", column.title)?;
    }
    writeln!(f, "\n|---|{}", "---|".repeat(columns.len()))?;
    for (row, name) in names.iter().enumerate() {
        write!(f, "| {name} |")?;
        for column in columns {
            let cell = column.cells.get(row);
            let text = cell.map_or_else(String::new, |cell| shown(cell, reasons));
            write!(f, " {text} |")?;
        }
        writeln!(f)?;
    }
    Ok(())
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
