//! What is printed, and where.

use std::io::{self, IsTerminal, Write};

use serde_json::Value;

use crate::args::{ColorWhen, Common};
use crate::failure::Failure;

/// Where output goes: JSON or words to stdout, complaints to stderr.
#[derive(Debug)]
pub(crate) struct Out {
    json: bool,
    is_terminal: bool,
    color: bool,
    color_err: bool,
}

/// How a word is meant.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Style {
    Good,
    Bad,
    Weak,
    Strong,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Bad => "31",
            Self::Weak => "2",
            Self::Strong => "1",
        }
    }
}

impl Out {
    pub(crate) fn new(common: &Common) -> Self {
        let is_terminal = io::stdout().is_terminal();
        // https://no-color.org: any value but the empty one.
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let color = |is_terminal: bool| match common.color {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => is_terminal && !no_color,
        };
        Self {
            json: common.json,
            is_terminal,
            color: color(is_terminal),
            color_err: color(io::stderr().is_terminal()),
        }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether somebody looks at a screen, where lines can be drawn again.
    pub(crate) fn is_live(&self) -> bool {
        self.is_terminal && !self.json
    }

    /// One JSON object on a line of its own.
    pub(crate) fn object(&self, object: &Value) {
        self.line(&object.to_string());
    }

    /// One line.
    pub(crate) fn line(&self, line: &str) {
        let mut stdout = io::stdout().lock();
        match writeln!(stdout, "{line}").and_then(|()| stdout.flush()) {
            Ok(()) => {}
            // A reader that has gone (`| head`) is no reason to complain.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
            Err(error) => {
                let text = format!("the output cannot be written: {error}");
                self.failure(&Failure::operation("output", text));
                std::process::exit(1);
            }
        }
    }

    /// Takes the last lines off the screen.
    pub(crate) fn erase(&self, lines: usize) {
        // If it cannot be written, the next line tells.
        let _ = write!(io::stdout(), "\x1b[{lines}A\x1b[J");
    }

    /// Words in a colour, if colours are wanted.
    pub(crate) fn paint(&self, style: Style, words: &str) -> String {
        paint(self.color, style, words)
    }

    /// A warning.
    pub(crate) fn warn(&self, words: &str) {
        complain(&format!(
            "{} {words}",
            paint(self.color_err, Style::Strong, "warning:")
        ));
    }

    /// What went wrong, and what to do about it.
    pub(crate) fn failure(&self, failure: &Failure) {
        complain(&format!(
            "{} {failure}",
            paint(self.color_err, Style::Bad, "error:")
        ));
        for line in failure.details() {
            complain(&format!("  {line}"));
        }
        if let Some(suggestion) = failure.suggestion() {
            complain(&format!(
                "{} {suggestion}",
                paint(self.color_err, Style::Good, "try:")
            ));
        }
    }
}

/// A line to stderr. That it cannot be written can be told nowhere.
fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn paint(color: bool, style: Style, words: &str) -> String {
    if color {
        format!("\x1b[{}m{words}\x1b[0m", style.code())
    } else {
        words.to_owned()
    }
}
