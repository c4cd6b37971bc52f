//! What the user sees: lines, and on a terminal a table below them that is drawn anew.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use crate::claims::{Claim, ClaimResult, Claims};
use crate::paint::Paint;
use crate::table::{self, Row};

/// How often a pipe gets a line about the backends.
const PLAIN_EVERY: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct Screen {
    live: bool,
    paint: Paint,
    /// The table, as it is below the text now.
    table: Vec<String>,
    /// When, since the start, the next plain line about the backends is due.
    next_plain: Duration,
}

impl Screen {
    /// A table needs a terminal, and one that does not ask for `plain`.
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

    /// A heading.
    pub(crate) fn heading(&mut self, text: &str) -> io::Result<()> {
        let text = self.paint.bold(text);
        self.print(&["", &text])
    }

    /// A line of text.
    pub(crate) fn say(&mut self, text: &str) -> io::Result<()> {
        self.print(&[&format!("  {text}")])
    }

    /// A claim that was judged.
    pub(crate) fn claim(&mut self, claim: &Claim) -> io::Result<()> {
        let line = self.claim_line(claim);
        self.print(&[&line])
    }

    /// All claims again, with their figures, and a last line.
    pub(crate) fn summary(&mut self, claims: &Claims, took: Duration) -> io::Result<()> {
        // The table stays where it is, as text.
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

    /// The state of the backends, `now` after the start.
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
        self.say(&format!(
            "{:4.1} s: {}",
            now.as_secs_f64(),
            table::line(rows)
        ))
    }

    /// Prints lines above the table.
    fn print(&mut self, lines: &[&str]) -> io::Result<()> {
        write(&(self.erase() + &joined(lines) + &joined(&self.table)))
    }

    /// What takes the table from the terminal.
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

/// The columns of the terminal: a line that wraps would spoil the counting of lines.
fn width() -> usize {
    rustix::termios::tcgetwinsize(io::stdout())
        .ok()
        .map(|size| usize::from(size.ws_col))
        .filter(|&columns| columns > 0)
        .unwrap_or(80)
}
