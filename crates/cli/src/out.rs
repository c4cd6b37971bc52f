//! Printing: results to stdout, messages to stderr.

use std::io::{self, IsTerminal, Write};

use serde_json::Value;

use crate::args::{ColorWhen, CommonArgs};
use crate::failure::Failure;

/// Prints results to stdout, as JSON or text, and warnings and errors to stderr.
#[derive(Debug)]
pub(crate) struct Out {
    json: bool,
    is_terminal: bool,
    color: bool,
    color_err: bool,
}

/// The meaning that a colour gives to a text.
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
    pub(crate) fn new(common: &CommonArgs) -> Self {
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

    /// True when stdout is a terminal and the output is not JSON, so that lines can be drawn again.
    pub(crate) fn is_live(&self) -> bool {
        self.is_terminal && !self.json
    }

    /// Prints a JSON object on a line of its own.
    pub(crate) fn object(&self, object: &Value) {
        self.line(&object.to_string());
    }

    /// Prints a line. Ends the process when stdout cannot be written to.
    pub(crate) fn line(&self, line: &str) {
        let mut stdout = io::stdout().lock();
        match writeln!(stdout, "{line}").and_then(|()| stdout.flush()) {
            Ok(()) => {}
            // The reader closed the pipe (`| head`): that is no error.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
            Err(error) => {
                let text = format!("the output cannot be written: {error}");
                self.failure(&Failure::operation("output", text));
                std::process::exit(1);
            }
        }
    }

    /// Erases the last `lines` lines from the terminal.
    pub(crate) fn erase(&self, lines: usize) {
        // If stdout cannot be written to, `line` reports it.
        let _ = write!(io::stdout(), "\x1b[{lines}A\x1b[J");
    }

    /// Returns `words` in the colour of `style`, when colours are on.
    pub(crate) fn paint(&self, style: Style, words: &str) -> String {
        paint(self.color, style, words)
    }

    /// Prints a warning.
    pub(crate) fn warn(&self, words: &str) {
        write_stderr(&format!(
            "{} {words}",
            paint(self.color_err, Style::Strong, "warning:")
        ));
    }

    /// Prints an error, its details, and the suggestion.
    pub(crate) fn failure(&self, failure: &Failure) {
        write_stderr(&format!(
            "{} {failure}",
            paint(self.color_err, Style::Bad, "error:")
        ));
        for line in failure.details() {
            write_stderr(&format!("  {line}"));
        }
        if let Some(suggestion) = failure.suggestion() {
            write_stderr(&format!(
                "{} {suggestion}",
                paint(self.color_err, Style::Good, "try:")
            ));
        }
    }
}

/// Prints a line to stderr. An error of stderr itself is ignored: there is no other place to report it.
fn write_stderr(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn paint(color: bool, style: Style, words: &str) -> String {
    if color {
        format!("\x1b[{}m{words}\x1b[0m", style.code())
    } else {
        words.to_owned()
    }
}
