//! Whether the targets are met.

/// The targets that were checked.
#[derive(Default)]
pub(crate) struct Verdict {
    lines: Vec<Line>,
}

struct Line {
    text: String,
    /// `None` if it could not be measured.
    is_met: Option<bool>,
    /// Whether it depends on how long something takes.
    is_time: bool,
}

impl Verdict {
    /// Checks a ratio of times.
    pub(crate) fn at_most(&mut self, what: String, ratio: f64, most: f64) {
        self.lines.push(Line {
            text: format!("{what}: {ratio:.2} (at most {most})"),
            // What the machine cannot measure is not a number.
            is_met: (!ratio.is_nan()).then_some(ratio <= most),
            is_time: true,
        });
    }

    /// Checks a number that has to be 0.
    pub(crate) fn exact(&mut self, what: String, number: u64) {
        self.lines.push(Line {
            text: format!("{what}: {number} (none)"),
            is_met: Some(number == 0),
            is_time: false,
        });
    }

    pub(crate) fn print(&self) {
        println!();
        for line in &self.lines {
            let word = match line.is_met {
                Some(true) => "ok",
                Some(false) => "FAILED",
                None => "-",
            };
            println!("{word:6} {}", line.text);
        }
    }

    /// Returns whether a target is missed; `with_times` is whether those of times count.
    pub(crate) fn has_failed(&self, with_times: bool) -> bool {
        let counts = |line: &&Line| with_times || !line.is_time;
        self.lines
            .iter()
            .filter(counts)
            .any(|line| line.is_met == Some(false))
    }
}
