//! Where a peer costs less than ours.

use trunkline_benches::results::{Results, Row, Side, Table};

/// What differs by less is the same.
const NOISE: f64 = 1.02;

/// Returns a list of all figures in which one of ours is worse than a peer.
pub(crate) fn text(results: &Results) -> String {
    let tables = results.tables.iter();
    let lines: Vec<String> = tables
        .filter(|table| table.is_judged)
        .flat_map(of_table)
        .collect();
    if lines.is_empty() {
        return format!("`{}`: nowhere.\n", results.bench);
    }
    format!("`{}`:\n\n{}", results.bench, lines.concat())
}

fn of_table(table: &Table) -> Vec<String> {
    let rows = |side| table.rows.iter().filter(move |row| row.side == side);
    let mut lines = Vec::new();
    for (at, column) in table.columns.iter().enumerate() {
        for peer in rows(Side::Peer) {
            let ours = rows(Side::Ours).filter_map(|row| worse(row, peer, at));
            let ours: Vec<String> = ours.collect();
            if !ours.is_empty() {
                lines.push(format!(
                    "* {}, {}: of {}'s, {}\n",
                    table.measure,
                    column.name,
                    peer.name,
                    ours.join(", ")
                ));
            }
        }
    }
    lines
}

/// Returns how many times as much a row of ours has in a column, if it is more.
fn worse(ours: &Row, peer: &Row, at: usize) -> Option<String> {
    let median = |row: &Row| Some((*row.cells.get(at)?)?.median);
    let factor = median(ours)? / median(peer)?;
    (factor.is_finite() && factor > NOISE).then(|| format!("{} {factor:.2}", ours.name))
}

#[cfg(test)]
mod tests {
    use trunkline_benches::results::{Column, Results, Row, Side, Table};
    use trunkline_benches::statistics::Summary;

    use super::text;

    fn row(name: &str, side: Side, figures: [f64; 2]) -> Row {
        Row {
            name: name.into(),
            side,
            cells: figures.map(|figure| Some(Summary::exact(figure))).into(),
        }
    }

    fn results(is_judged: bool) -> Results {
        let mut results = Results::new("rpc");
        results.tables.push(Table {
            title: "CPU a call".into(),
            measure: "CPU".into(),
            plot: None,
            is_judged,
            columns: ["16 B", "1 KiB"].map(|name| Column::new(name, 2)).into(),
            rows: vec![
                row("A", Side::Floor, [1.0, 1.0]),
                row("tonic", Side::Peer, [2.0, 1.5]),
                row("tokio", Side::Ours, [1.2, 1.5]),
                row("smol", Side::Ours, [3.0, 1.5]),
            ],
        });
        results
    }

    /// Ours may cost more than the floor, but not more than what it replaces.
    #[test]
    fn what_costs_more_than_a_peer_is_listed() {
        let expected = "`rpc`:\n\n* CPU, 16 B: of tonic's, smol 1.50\n";
        assert_eq!(text(&results(true)), expected);
    }

    #[test]
    fn figures_that_judge_nothing_are_no_losses() {
        assert_eq!(text(&results(false)), "`rpc`: nowhere.\n");
    }
}
