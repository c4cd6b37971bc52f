//! Contestants that are measured in turns, in several cases and in several runs.

use serde::{Deserialize, Serialize};

use crate::results::{Column, Row, Side, Table, Target};
use crate::statistics::{Summary, quantile};

/// The figures of contestants that took turns.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Contest {
    /// What is measured, such as `time`.
    pub name: String,
    contestants: Vec<Contestant>,
    cases: Vec<Case>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
struct Contestant {
    name: String,
    side: Side,
}

/// One piece of work that all contestants do.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Case {
    name: String,
    /// The figures of each run.
    runs: Vec<Figures>,
}

/// A list for each contestant, with an entry for each round; `None` where nothing could be measured.
type Figures = Vec<Vec<Option<f64>>>;

impl Contest {
    /// Returns a contest without figures.
    #[must_use]
    pub fn new(name: &str, contestants: &[(&str, Side)]) -> Self {
        let contestants = contestants.iter().map(|(name, side)| Contestant {
            name: (*name).to_owned(),
            side: *side,
        });
        Self {
            name: name.to_owned(),
            contestants: contestants.collect(),
            cases: Vec::new(),
        }
    }

    /// Adds the figures of one run of a case: a list for each contestant, empty where nothing was
    /// measured, with an entry for each round.
    ///
    /// # Panics
    ///
    /// When there is not a list for each contestant.
    pub fn add(&mut self, case: impl Into<String>, figures: Vec<Vec<f64>>) {
        assert_eq!(
            figures.len(),
            self.contestants.len(),
            "a list for each contestant"
        );
        // What is no number could not be measured, and JSON has no such numbers.
        let figures = figures.into_iter().map(|figures| {
            let figures = figures.into_iter();
            figures.map(|one| one.is_finite().then_some(one)).collect()
        });
        self.cases.push(Case {
            name: case.into(),
            runs: vec![figures.collect()],
        });
    }

    /// Adds the figures of another run.
    ///
    /// # Panics
    ///
    /// When the other run had another contestant or case.
    pub fn merge(&mut self, other: Self) {
        assert_eq!(self.contestants, other.contestants, "the same contestants");
        assert_eq!(self.cases.len(), other.cases.len(), "the same cases");
        for (own, other) in self.cases.iter_mut().zip(other.cases) {
            assert_eq!(own.name, other.name, "the same cases");
            own.runs.extend(other.runs);
        }
    }

    /// Returns the figures of a contestant over all rounds of all runs.
    #[must_use]
    pub fn figure(&self, case: &str, of: &str) -> Option<Summary> {
        Summary::of(&self.runs(case, of).concat())
    }

    /// Returns the ratio of two contestants' figures within the rounds of all runs.
    #[must_use]
    pub fn ratio(&self, case: &str, of: &str, to: &str) -> Option<Summary> {
        Summary::of(&self.ratios(case, of, to).concat())
    }

    /// Returns a target for the ratio of two contestants' figures: the median of all rounds counts.
    #[must_use]
    pub fn target_of_ratio(&self, case: &str, of: &str, to: &str, most: f64) -> Target {
        let what = format!("{}, {of}: {case}", self.name);
        target(what, to, most, &self.ratios(case, of, to))
    }

    /// Returns a target for the figures of a contestant themselves: the median of all rounds counts.
    #[must_use]
    pub fn target(&self, case: &str, of: &str, most: f64) -> Target {
        let what = format!("{}, {of}: {case}", self.name);
        target(what, "", most, &self.runs(case, of))
    }

    /// Returns a target for what a contestant has more than another one, within a round.
    #[must_use]
    pub fn target_of_difference(&self, case: &str, of: &str, to: &str, most: f64) -> Target {
        let what = format!("{} more, {of}: {case}", self.name);
        target(what, to, most, &self.pairs(case, of, to, |of, to| of - to))
    }

    /// Returns a table of the ratios to a contestant's figures, whose median each heading has, in this
    /// unit.
    #[must_use]
    pub fn table_of_ratios(&self, title: &str, to: &str, unit: &str) -> Table {
        let columns = self.cases.iter().map(|case| {
            let column = Column::new(&*case.name, 2);
            match self.figure(&case.name, to) {
                Some(base) => column.with_base(format!("{} {unit}", significant(base.median))),
                None => column,
            }
        });
        let columns = columns.collect();
        self.table(title, columns, |case, of| self.ratio(case, of, to))
    }

    /// Returns a table of the figures, with this many digits after the point.
    #[must_use]
    pub fn table_of_figures(&self, title: &str, digits: usize) -> Table {
        let columns = self.cases.iter();
        let columns = columns.map(|case| Column::new(&*case.name, digits));
        self.table(title, columns.collect(), |case, of| self.figure(case, of))
    }

    /// Returns the table of the ratios to a contestant's figures, and that of the figures, for `titles`.
    ///
    /// The ratios judge the rows. The figures do not, as each loss would count twice.
    #[must_use]
    pub fn tables(&self, titles: [&str; 2], to: &str, unit: &str, digits: usize) -> [Table; 2] {
        let mut figures = self.table_of_figures(titles[1], digits);
        figures.is_judged = false;
        [self.table_of_ratios(titles[0], to, unit), figures]
    }

    fn table(
        &self,
        title: &str,
        columns: Vec<Column>,
        cell: impl Fn(&str, &str) -> Option<Summary>,
    ) -> Table {
        let rows = self.contestants.iter().map(|contestant| Row {
            name: contestant.name.clone(),
            side: contestant.side,
            cells: self
                .cases
                .iter()
                .map(|case| cell(&case.name, &contestant.name))
                .collect(),
        });
        Table {
            title: title.to_owned(),
            measure: self.name.clone(),
            plot: None,
            is_judged: true,
            columns,
            rows: rows
                .filter(|row| row.cells.iter().any(Option::is_some))
                .collect(),
        }
    }

    /// Returns the figures of each run that has some, without those that are missing.
    fn runs(&self, case: &str, of: &str) -> Vec<Vec<f64>> {
        let Some((case, of)) = self.case(case).zip(self.at(of)) else {
            return Vec::new();
        };
        let runs = case.runs.iter();
        runs.map(|run| run[of].iter().flatten().copied().collect())
            .filter(|run: &Vec<f64>| !run.is_empty())
            .collect()
    }

    fn ratios(&self, case: &str, of: &str, to: &str) -> Vec<Vec<f64>> {
        self.pairs(case, of, to, |of, to| of / to)
    }

    /// Returns what follows from the figures of two contestants in the same rounds, for each run.
    fn pairs(
        &self,
        case: &str,
        of: &str,
        to: &str,
        follows: impl Fn(f64, f64) -> f64,
    ) -> Vec<Vec<f64>> {
        let Some(((case, of), to)) = self.case(case).zip(self.at(of)).zip(self.at(to)) else {
            return Vec::new();
        };
        let runs = case.runs.iter().map(|run| {
            let pairs = run[of].iter().zip(&run[to]);
            let pairs = pairs.filter_map(|(of, to)| Some(follows((*of)?, (*to)?)));
            pairs.filter(|one| one.is_finite()).collect::<Vec<f64>>()
        });
        runs.filter(|run| !run.is_empty()).collect()
    }

    fn case(&self, name: &str) -> Option<&Case> {
        self.cases.iter().find(|case| case.name == name)
    }

    fn at(&self, name: &str) -> Option<usize> {
        let mut contestants = self.contestants.iter();
        contestants.position(|contestant| contestant.name == name)
    }
}

/// Returns a target for these values of each run: the median of all of them counts, and the runs are shown by
/// the least and the most of their medians.
fn target(what: String, against: &str, most: f64, runs: &[Vec<f64>]) -> Target {
    let medians: Vec<f64> = runs.iter().filter_map(|run| quantile(run, 0.5)).collect();
    let least = medians.iter().copied().reduce(f64::min);
    let highest = medians.iter().copied().reduce(f64::max);
    Target {
        what,
        against: against.to_owned(),
        most,
        figure: quantile(&runs.concat(), 0.5),
        runs: least.zip(highest),
    }
}

/// Returns a number with three digits that count.
fn significant(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Contest, Side};
    use crate::results::{Target, Verdict};

    fn contest(ours: &[f64], peer: &[f64]) -> Contest {
        let mut contest = Contest::new("time", &[("ours", Side::Ours), ("peer", Side::Peer)]);
        contest.add("parse", vec![ours.to_vec(), peer.to_vec()]);
        contest
    }

    /// The rounds of all runs count together, and the medians of the runs are the spread.
    #[test]
    fn ratios_are_of_the_same_round() {
        let mut both = contest(&[1.0, 2.0, 3.0], &[10.0, 10.0, 10.0]);
        both.merge(contest(&[4.0, 20.0, 6.0], &[10.0, 40.0, 10.0]));
        let expected = Target {
            what: "time, ours: parse".into(),
            against: "peer".into(),
            most: 0.3,
            figure: Some(0.4),
            runs: Some((0.2, 0.5)),
        };
        let target = both.target_of_ratio("parse", "ours", "peer", 0.3);
        assert_eq!(target, expected);
        assert_eq!(target.verdict(), Verdict::Missed);
        let difference = both.target_of_difference("parse", "peer", "ours", 8.0);
        assert_eq!(difference.figure, Some(8.0));
    }

    #[test]
    fn what_was_not_measured_is_no_figure() {
        let contest = contest(&[1.0, f64::NAN], &[]);
        let ratio = contest.target_of_ratio("parse", "ours", "peer", 1.0);
        assert_eq!(ratio.verdict(), Verdict::NotMeasured);
        let table = contest.table_of_figures("Time", 1);
        assert_eq!(table.rows.len(), 1, "the peer has no figure: {table:?}");
        let json = serde_json::to_string(&contest).expect("JSON");
        let read: Contest = serde_json::from_str(&json).expect("a contest");
        assert_eq!(read, contest);
    }

    /// Where ratios and figures are side by side, a loss counts once.
    #[test]
    fn figures_beside_ratios_judge_nothing() {
        let titles = ["Time, as a ratio", "Time, in ns"];
        let tables = contest(&[4.0], &[1.0]).tables(titles, "peer", "ns", 1);
        let judged = tables.map(|table| (table.title, table.is_judged));
        let expected = [("Time, as a ratio", true), ("Time, in ns", false)];
        assert_eq!(judged, expected.map(|(title, is)| (title.to_owned(), is)));
    }

    #[test]
    fn a_column_of_ratios_names_what_they_are_to() {
        let table = contest(&[1.0], &[4.0]).table_of_ratios("Time", "peer", "ns");
        assert_eq!(table.columns[0].heading(), "parse (4.00 ns)");
        let cells: Vec<f64> = table
            .rows
            .iter()
            .filter_map(|row| Some(row.cells[0]?.median))
            .collect();
        assert_eq!(cells, [0.25, 1.0]);
    }
}
