//! Printing: results to stdout, messages to stderr.
//!
//! Everything that the command prints passes through this module, and only this module replaces
//! control characters. So a text from outside cannot control the terminal.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use serde_json::Value;

use crate::args::{ColorWhen, CommonArgs};
use crate::failure::Failure;
use crate::text::{visible, visible_json};

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

/// A line of text, made of pieces with a style each.
#[derive(Debug, Default)]
pub(crate) struct Line(Vec<(Option<Style>, String)>);

impl Line {
    /// Returns a line that begins with a text in a style.
    pub(crate) fn styled(style: Style, text: impl Into<String>) -> Self {
        Self::default().and_styled(style, text)
    }

    /// Adds a text in a style.
    pub(crate) fn and_styled(mut self, style: Style, text: impl Into<String>) -> Self {
        self.0.push((Some(style), text.into()));
        self
    }

    /// Adds a text without a style.
    pub(crate) fn and(mut self, text: impl Into<String>) -> Self {
        self.0.push((None, text.into()));
        self
    }

    /// Returns the line as it is printed: without control characters but those of the colours.
    fn render(&self, color: bool) -> String {
        let mut line = String::new();
        for (style, text) in &self.0 {
            let text = visible(text);
            // Writing to a `String` cannot fail.
            let _ = match style.filter(|_| color) {
                Some(style) => write!(line, "\x1b[{}m{text}\x1b[0m", style.code()),
                None => write!(line, "{text}"),
            };
        }
        line
    }
}

impl<T: Into<String>> From<T> for Line {
    fn from(text: T) -> Self {
        Self::default().and(text)
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

    /// Returns true when stdout is a terminal and the output is not JSON, so that lines can be
    /// drawn again.
    pub(crate) fn is_live(&self) -> bool {
        self.is_terminal && !self.json
    }

    /// Prints a JSON object on a line of its own.
    pub(crate) fn object(&self, object: &Value) {
        self.write(&visible_json(&object.to_string()));
    }

    /// Prints a line.
    pub(crate) fn line(&self, line: impl Into<Line>) {
        self.write(&line.into().render(self.color));
    }

    /// Prints text of the program's own as it is, of several lines. It must not contain text from
    /// outside.
    pub(crate) fn own_text(&self, text: &str) {
        self.write(text);
    }

    /// Writes a line to stdout. Ends the process when stdout cannot be written to.
    fn write(&self, line: &str) {
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

    /// Prints lines that are to be erased again. A line wider than the terminal is cut, so that it
    /// takes one row.
    pub(crate) fn live_lines(&self, lines: impl IntoIterator<Item = Line>) {
        let lines = lines.into_iter().map(|line| line.render(self.color));
        let lines: Vec<String> = lines.collect();
        // DECAWM, the automatic wrap of the terminal: off, then on.
        self.write(&format!("\x1b[?7l{}\x1b[?7h", lines.join("\n")));
    }

    /// Erases the last `lines` lines from the terminal.
    pub(crate) fn erase(&self, lines: usize) {
        // If stdout cannot be written to, `line` reports it.
        let _ = write!(io::stdout(), "\x1b[{lines}A\x1b[J");
    }

    /// Prints a warning.
    pub(crate) fn warn(&self, text: &str) {
        self.write_err(&Line::styled(Style::Strong, "warning:").and(format!(" {text}")));
    }

    /// Prints an error, its details, and the suggestion.
    pub(crate) fn failure(&self, failure: &Failure) {
        self.write_err(&Line::styled(Style::Bad, "error:").and(format!(" {failure}")));
        for line in failure.details() {
            self.write_err(&format!("  {line}").into());
        }
        if let Some(suggestion) = failure.suggestion() {
            self.write_err(&Line::styled(Style::Good, "try:").and(format!(" {suggestion}")));
        }
    }

    /// Writes a line to stderr. An error of stderr itself is ignored: there is no other place to
    /// report it.
    fn write_err(&self, line: &Line) {
        let _ = writeln!(io::stderr(), "{}", line.render(self.color_err));
    }
}

/// Writes log lines to stderr, each of which arrives as one piece.
#[derive(Debug)]
pub(crate) struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(piece);
        let (line, end) = match text.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (&*text, ""),
        };
        write!(io::stderr(), "{}{end}", visible(line))?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The colours are the only control characters of a line.
    #[test]
    fn a_line_has_no_controls_but_its_colours() {
        let line = Line::styled(Style::Bad, "INTERNAL\x1b[0m").and(": a\nb");
        assert_eq!(line.render(false), "INTERNAL\\u{1b}[0m: a\\nb");
        assert_eq!(
            line.render(true),
            "\x1b[31mINTERNAL\\u{1b}[0m\x1b[0m: a\\nb"
        );
    }
}
