//! Prints the results as tables.

use crate::case::Case;

/// The results of all cases.
pub(crate) struct Report {
    names: Vec<String>,
    cells: Vec<Cells>,
}

/// The results of one case: a row for each round, with a number for each variant that has the case.
struct Cells {
    case: Case,
    cpu_ns: Vec<Row>,
    allocations: Vec<Row>,
}

type Row = Vec<Option<f64>>;

/// The text for a variant that does not have a case.
const NONE: &str = "-";

impl Report {
    pub(crate) fn new(names: Vec<String>, cases: &[Case]) -> Self {
        let cells = cases.iter().map(|case| Cells {
            case: *case,
            cpu_ns: Vec::new(),
            allocations: Vec::new(),
        });
        Self {
            names,
            cells: cells.collect(),
        }
    }

    pub(crate) fn add_cpu(&mut self, case: &Case, row: &[Option<f64>]) {
        self.of(case).cpu_ns.push(row.to_vec());
    }

    pub(crate) fn add_allocations(&mut self, case: &Case, row: &[Option<f64>]) {
        self.of(case).allocations.push(row.to_vec());
    }

    fn of(&mut self, case: &Case) -> &mut Cells {
        let mut cells = self.cells.iter_mut();
        cells.find(|cells| cells.case == *case).expect("a case")
    }

    pub(crate) fn print(&self, is_pinned: bool) {
        let place = if is_pinned {
            "client on one core, server on another"
        } else {
            "client and server on all cores"
        };
        let baseline = &self.names[0];
        println!();
        println!("Client CPU a call ({place}): {baseline} in us, the others as ratios to it.");
        println!("Medians of {} rounds, with quartiles.", self.rounds());
        println!();
        self.header();
        for cells in &self.cells {
            let first = column(&cells.cpu_ns, 0).expect("the first variant has all cases");
            print!("| {} | {:.1} |", cells.case, quantile(&first, 0.5) / 1e3);
            for at in 1..self.names.len() {
                let Some(costs) = column(&cells.cpu_ns, at) else {
                    print!(" {NONE} |");
                    continue;
                };
                let rows = costs.iter().zip(&first);
                let ratios: Vec<f64> = rows.map(|(cost, first)| cost / first).collect();
                let [low, median, high] = [0.25, 0.5, 0.75].map(|q| quantile(&ratios, q));
                print!(" {median:.2} ({low:.2} to {high:.2}) |");
            }
            println!();
        }
        println!();
        println!("Allocations a call, medians.");
        println!();
        self.header();
        for cells in &self.cells {
            print!("| {} |", cells.case);
            for at in 0..self.names.len() {
                match column(&cells.allocations, at) {
                    Some(counts) => print!(" {:.1} |", quantile(&counts, 0.5)),
                    None => print!(" {NONE} |"),
                }
            }
            println!();
        }
    }

    fn header(&self) {
        println!("| | {} |", self.names.join(" | "));
        println!("|---|{}", "---|".repeat(self.names.len()));
    }

    fn rounds(&self) -> usize {
        self.cells[0].cpu_ns.len()
    }
}

/// Returns the numbers of one variant, if it has the case.
fn column(rows: &[Row], at: usize) -> Option<Vec<f64>> {
    rows.iter().map(|row| row[at]).collect()
}

/// Returns the value below which the fraction `part` of the values lies.
fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "there are few values"
    )]
    let at = ((sorted.len() - 1) as f64 * part).round() as usize;
    sorted[at]
}
