//! Draws a race as an SVG picture that refers to no other file.

use std::fmt::{self, Display, Write};
use std::time::Duration;

use trunkline_connect::{AttemptReport, ConnectOutcome, RaceReport};

use crate::text::is_control;

/// The greatest width of a character of the font, in units of the picture.
const CHARACTER: usize = 8;
const ROW: usize = 28;
const BAR: usize = 16;
const TOP: usize = 44;
const MARGIN: usize = 16;
/// The width of the time axis.
const SPAN: f64 = 640.0;
/// The approximate number of marks on the time axis.
const MARKS: f64 = 8.0;

/// Draws the race: a bar for each attempt, from its start to its end, over an axis of milliseconds.
pub(crate) fn svg(report: &RaceReport, title: &str) -> String {
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    let _ = draw(&mut text, report, title);
    text
}

fn draw(text: &mut String, report: &RaceReport, title: &str) -> fmt::Result {
    let end = report.elapsed().unwrap_or_default();
    let labels = report
        .attempts()
        .map(|attempt| attempt.address)
        .chain(report.untried())
        .map(|address| address.to_string().len());
    let left = MARGIN + labels.max().unwrap_or(0) * CHARACTER + CHARACTER;
    let texts = report.attempts().map(|attempt| label(&attempt).len());
    let right = texts.max().unwrap_or(0).max("not tried".len()) * CHARACTER + MARGIN;
    let width = left + SPAN as usize + CHARACTER + right;
    let width = width.max(title.chars().count() * CHARACTER + 2 * MARGIN);
    let rows = report.attempts().len() + report.untried().len();
    let bottom = TOP + rows.max(1) * ROW;
    let height = bottom + 48;
    let axis = Axis::over(end, left as f64);

    writeln!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"monospace\" font-size=\"12\">"
    )?;
    writeln!(text, "<title>{}</title>", Escaped(title))?;
    writeln!(
        text,
        "<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>"
    )?;
    writeln!(
        text,
        "<text x=\"{MARGIN}\" y=\"24\" font-weight=\"bold\">{}</text>",
        Escaped(title)
    )?;
    axis.draw(text, TOP, bottom)?;
    for (row, attempt) in report.attempts().enumerate() {
        bar(text, &axis, TOP + row * ROW, &attempt, end)?;
    }
    for (row, address) in report.untried().enumerate() {
        let y = TOP + (report.attempts().len() + row) * ROW + BAR;
        writeln!(text, "<text x=\"{MARGIN}\" y=\"{y}\">{address}</text>")?;
        writeln!(
            text,
            "<text x=\"{left}\" y=\"{y}\" fill=\"#666666\">not tried</text>"
        )?;
    }
    if rows == 0 {
        let y = TOP + BAR;
        writeln!(
            text,
            "<text x=\"{MARGIN}\" y=\"{y}\">no address to try</text>"
        )?;
    }
    writeln!(text, "</svg>")
}

/// Draws one attempt: its address, its bar, and how it ended.
fn bar(
    text: &mut String,
    axis: &Axis,
    top: usize,
    attempt: &AttemptReport<'_>,
    end: Duration,
) -> fmt::Result {
    let (from, to) = (
        axis.x(attempt.start),
        axis.x(attempt.end.unwrap_or(end).max(attempt.start)),
    );
    let width = (to - from).max(2.0);
    let (bar, line) = (top + (ROW - BAR) / 2, top + BAR + 2);
    writeln!(
        text,
        "<text x=\"{MARGIN}\" y=\"{line}\">{}</text>",
        attempt.address
    )?;
    writeln!(
        text,
        "<rect class=\"attempt\" x=\"{from:.1}\" y=\"{bar}\" width=\"{width:.1}\" \
         height=\"{BAR}\" fill=\"{}\"><title>{}</title></rect>",
        colour(attempt.outcome),
        Escaped(&tooltip(attempt))
    )?;
    writeln!(
        text,
        "<text x=\"{:.1}\" y=\"{line}\">{}</text>",
        from + width + CHARACTER as f64,
        Escaped(&label(attempt))
    )
}

/// Returns how the attempt ended and when: the label beside the bar.
fn label(attempt: &AttemptReport<'_>) -> String {
    let word = attempt.outcome.map_or("running", ConnectOutcome::as_str);
    let word = word.replace('_', " ");
    let from = millis(attempt.start);
    match attempt.end {
        Some(end) => format!("{word}, {from:.1} to {:.1} ms", millis(end)),
        None => format!("{word}, from {from:.1} ms"),
    }
}

/// Returns all that is known of the attempt: the text shown while the mouse is over the bar.
fn tooltip(attempt: &AttemptReport<'_>) -> String {
    match attempt.error {
        Some(error) => format!("{}: {}: {error}", attempt.address, label(attempt)),
        None => format!("{}: {}", attempt.address, label(attempt)),
    }
}

fn colour(outcome: Option<ConnectOutcome>) -> &'static str {
    match outcome {
        Some(ConnectOutcome::Connected) => "#2e8b57",
        Some(ConnectOutcome::Cancelled) | None => "#b0b0b0",
        Some(_) => "#c0392b",
    }
}

/// The time axis: maps times to horizontal positions.
struct Axis {
    left: f64,
    /// The time at the right end, in milliseconds; more than 0.
    total: f64,
    /// The time between two marks, in milliseconds.
    step: f64,
}

impl Axis {
    /// Makes an axis from 0 to `end`.
    fn over(end: Duration, left: f64) -> Self {
        let total = millis(end).max(1e-3);
        Self {
            left,
            total,
            step: round_step(total / MARKS),
        }
    }

    fn x(&self, at: Duration) -> f64 {
        self.left + (millis(at) / self.total).min(1.0) * SPAN
    }

    /// Draws the axis below the rows, with a mark and a grid line for each step.
    fn draw(&self, text: &mut String, top: usize, bottom: usize) -> fmt::Result {
        let right = self.left + SPAN;
        writeln!(
            text,
            "<line x1=\"{:.1}\" y1=\"{bottom}\" x2=\"{right:.1}\" y2=\"{bottom}\" stroke=\"#333333\"/>",
            self.left
        )?;
        let count = (self.total / self.step).floor() as usize;
        for index in 0..=count {
            let at = index as f64 * self.step;
            let x = self.left + at / self.total * SPAN;
            writeln!(
                text,
                "<line x1=\"{x:.1}\" y1=\"{top}\" x2=\"{x:.1}\" y2=\"{}\" stroke=\"#dddddd\"/>",
                bottom + 5
            )?;
            // As many decimal places as the step needs, so that all marks have the same number.
            let places = (-self.step.log10().floor()).max(0.0) as usize;
            writeln!(
                text,
                "<text class=\"mark\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{at:.places$}</text>",
                bottom + 18
            )?;
        }
        writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">ms since the beginning</text>",
            self.left + SPAN / 2.0,
            bottom + 36
        )
    }
}

/// Rounds up to 1, 2 or 5 times a power of ten.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power);
    let found = steps.into_iter().find(|step| *step >= least * 0.999);
    found.unwrap_or(10.0 * power)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Text with XML escapes. A control character, or one that XML 1.0 cannot contain, becomes U+FFFD,
/// the replacement character.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\t' | '\n' | '\r' => f.write_char(' ')?,
                '\u{fffe}' | '\u{ffff}' => f.write_char('\u{fffd}')?,
                control if is_control(control) => f.write_char('\u{fffd}')?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Axis, Escaped, round_step};

    #[test]
    fn text_is_escaped() {
        let text = Escaped("a<b>&\"c\"\x1b\n\u{9b}\u{202e}").to_string();
        assert_eq!(
            text,
            "a&lt;b&gt;&amp;&quot;c&quot;\u{fffd} \u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn steps_are_round() {
        for (least, step) in [(0.003, 0.005), (1.0, 1.0), (31.2, 50.0), (51.0, 100.0)] {
            assert!((round_step(least) - step).abs() < 1e-9, "{least}");
        }
    }

    /// The axis of a race that took no time has finite positions.
    #[test]
    fn an_axis_of_no_time() {
        let axis = Axis::over(Duration::ZERO, 100.0);
        assert!(axis.x(Duration::ZERO).is_finite() && axis.step > 0.0);
    }
}
