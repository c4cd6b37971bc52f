//! Prints lines and, on a terminal, a table below them that is drawn again and again.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use crate::claims::{Claim, ClaimResult, Claims};
use crate::paint::Paint;
use crate::table::{self, Row};

/// The time between two lines about the backends, in plain output.
const PLAIN_EVERY: Duration = Duration::from_secs(2);

/// The output of the demo.
#[derive(Debug)]
pub(crate) struct Screen {
    /// Whether there is a table. Without one the output is plain lines.
    live: bool,
    paint: Paint,
    /// The lines of the table that is on the screen now.
    table: Vec<String>,
    /// The time since the start at which the next plain line about the backends is due.
    next_plain: Duration,
}

impl Screen {
    /// Makes the output. It has a table when stdout is a terminal, unless `plain` is set.
    pub(crate) fn new(plain: bool) -> Self {
        let live = !plain
            && io::stdout().is_terminal()
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let colour = live && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
        Self {
            live,
            paint: Paint(colour),
            table: Vec::new(),
            next_plain: Duration::ZERO,
        }
    }

    /// Prints a heading.
    pub(crate) fn heading(&mut self, text: &str) -> io::Result<()> {
        let text = self.paint.bold(text);
        self.print(&["", &text])
    }

    /// Prints a line of text.
    pub(crate) fn text(&mut self, text: &str) -> io::Result<()> {
        self.print(&[&format!("  {text}")])
    }

    /// Prints a claim that was judged.
    pub(crate) fn claim(&mut self, claim: &Claim) -> io::Result<()> {
        let line = self.claim_line(claim);
        self.print(&[&line])
    }

    /// Prints all claims again, with their figures, and a line with their numbers.
    pub(crate) fn summary(&mut self, claims: &Claims, took: Duration) -> io::Result<()> {
        // The last table stays on the screen, as text.
        self.table.clear();
        self.heading("Summary, as the backends counted")?;
        for claim in claims.all() {
            self.claim(claim)?;
        }
        let held = claims.count(ClaimResult::Held);
        let failed = claims.count(ClaimResult::Failed);
        let skipped = claims.count(ClaimResult::Skipped);
        let count = format!(
            "{held} claims held, {failed} failed, {skipped} skipped, in {:.1} s",
            took.as_secs_f64()
        );
        let count = if claims.hold() {
            self.paint.green(&count)
        } else {
            self.paint.red(&count)
        };
        self.print(&["", &count])
    }

    fn claim_line(&self, claim: &Claim) -> String {
        let mark = match (claim.result, self.live) {
            (ClaimResult::Held, true) => self.paint.green("✓"),
            (ClaimResult::Held, false) => "ok     ".to_owned(),
            (ClaimResult::Failed, true) => self.paint.red("✗"),
            (ClaimResult::Failed, false) => "FAILED ".to_owned(),
            (ClaimResult::Skipped, true) => self.paint.yellow("-"),
            (ClaimResult::Skipped, false) => "skipped".to_owned(),
        };
        let evidence = self.paint.dim(&claim.evidence);
        format!("  {mark} {}: {evidence}", claim.text)
    }

    /// Shows the state of the backends; `now` is the time since the start.
    pub(crate) fn draw(&mut self, rows: &[Row], now: Duration) -> io::Result<()> {
        if self.live {
            let width = width();
            let mut lines = table::lines(rows);
            for (at, line) in lines.iter_mut().enumerate() {
                let cut: String = line.chars().take(width).collect();
                *line = if at == 0 { self.paint.dim(&cut) } else { cut };
            }
            // An empty line between the text and the table.
            lines.insert(0, String::new());
            let erase = self.erase();
            self.table = lines;
            return write(&(erase + &joined(&self.table)));
        }
        if now < self.next_plain {
            return Ok(());
        }
        self.next_plain = now + PLAIN_EVERY;
        self.text(&format!(
            "{:4.1} s: {}",
            now.as_secs_f64(),
            table::line(rows)
        ))
    }

    /// Prints lines above the table.
    fn print(&mut self, lines: &[&str]) -> io::Result<()> {
        write(&(self.erase() + &joined(lines) + &joined(&self.table)))
    }

    /// Returns the control sequence that erases the table.
    fn erase(&self) -> String {
        match self.table.len() {
            0 => String::new(),
            lines => format!("\x1b[{lines}A\r\x1b[J"),
        }
    }
}

fn joined(lines: &[impl AsRef<str>]) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(line.as_ref());
        text.push('\n');
    }
    text
}

fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Returns the columns of the terminal. Longer lines are cut: a line that wraps takes two rows, and
/// erasing counts rows.
fn width() -> usize {
    rustix::termios::tcgetwinsize(io::stdout())
        .ok()
        .map(|size| usize::from(size.ws_col))
        .filter(|&columns| columns > 0)
        .unwrap_or(80)
}
