//! Results as Markdown.

use std::fmt::Write;

use crate::results::{Column, Results, Table, Target, Verdict};
use crate::statistics::Summary;

/// What an empty cell of a table has.
const NONE: &str = "-";

/// Returns all of the results, under headings with `level` number signs.
#[must_use]
pub fn results(results: &Results, level: usize) -> String {
    let mut text = String::new();
    for note in &results.notes {
        add(&mut text, format_args!("* {note}\n"));
    }
    // Nothing of some tables could be measured.
    let tables = results.tables.iter().filter(|table| !table.rows.is_empty());
    for table in tables {
        let heading = "#".repeat(level);
        add(&mut text, format_args!("\n{heading} {}\n\n", table.title));
        text.push_str(&self::table(table));
    }
    if !results.targets.is_empty() {
        text.push('\n');
        text.push_str(&targets(&results.targets));
    }
    if !results.left_out.is_empty() {
        text.push_str("\nNot measured:\n\n");
        for line in &results.left_out {
            add(&mut text, format_args!("* {line}\n"));
        }
    }
    text
}

/// Returns a table.
#[must_use]
pub fn table(table: &Table) -> String {
    let mut text = String::from("| |");
    for column in &table.columns {
        add(&mut text, format_args!(" {} |", column.heading()));
    }
    add(
        &mut text,
        format_args!("\n|---|{}\n", "---|".repeat(table.columns.len())),
    );
    for row in &table.rows {
        add(&mut text, format_args!("| {} |", row.name));
        for (column, cell) in table.columns.iter().zip(&row.cells) {
            add(&mut text, format_args!(" {} |", self::cell(column, *cell)));
        }
        text.push('\n');
    }
    text
}

fn cell(column: &Column, cell: Option<Summary>) -> String {
    let Some(Summary { low, median, high }) = cell else {
        return NONE.to_owned();
    };
    let number = |value: f64| number(value, column.digits);
    if column.has_spread {
        format!("{} ({} to {})", number(median), number(low), number(high))
    } else {
        number(median)
    }
}

/// Returns a table of targets with their verdicts.
#[must_use]
pub fn targets(targets: &[Target]) -> String {
    let mut text = String::from("| target | against | at most | figure | runs | |\n");
    text.push_str("|---|---|---|---|---|---|\n");
    for target in targets {
        let verdict = match target.verdict() {
            Verdict::Ok => "ok",
            Verdict::Missed => "**missed**",
            Verdict::NotMeasured => "not measured",
        };
        let figure = target
            .figure
            .map_or_else(|| NONE.to_owned(), |figure| format!("{figure:.2}"));
        let runs = target.runs.map_or_else(
            || NONE.to_owned(),
            |(least, most)| format!("{least:.2} to {most:.2}"),
        );
        let (what, against) = (&target.what, &target.against);
        add(
            &mut text,
            format_args!(
                "| {what} | {against} | {} | {figure} | {runs} | {verdict} |\n",
                target.most
            ),
        );
    }
    text
}

/// Returns a number with commas between thousands.
fn number(value: f64, digits: usize) -> String {
    let plain = format!("{value:.digits$}");
    let (whole, rest) = match plain.split_once('.') {
        Some((whole, rest)) => (whole, format!(".{rest}")),
        None => (plain.as_str(), String::new()),
    };
    let (sign, whole) = whole
        .strip_prefix('-')
        .map_or(("", whole), |whole| ("-", whole));
    let mut grouped = String::from(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + &rest
}

fn add(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = text.write_fmt(arguments);
}
