//! Draws charts as SVG that is readable on a dark and on a light page.

use std::fmt::{self, Write};

const LEFT: f64 = 76.0;
const TOP: f64 = 44.0;
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 260.0;
const RIGHT: f64 = 210.0;
/// The approximate number of marks on an axis.
const MARKS: f64 = 6.0;
/// Colours that colour-blind people can distinguish, on dark and on light.
pub(crate) const COLOURS: [&str; 4] = ["#3b8fd4", "#d9772b", "#2ea37a", "#b66fb5"];

/// The style of all charts. The background is that of the page.
pub(crate) const STYLE: &str = "<style>text{fill:#222;font:12px sans-serif}.title{font-weight:bold}\
.in{fill:#fff}.grid{stroke:#ddd}\
@media(prefers-color-scheme:dark){text{fill:#ddd}.in{fill:#111}.grid{stroke:#444}}</style>";

/// A line of a chart.
pub(crate) struct Line {
    pub(crate) name: String,
    /// Where it is drawn: `x`, `y`.
    pub(crate) points: Vec<(f64, f64)>,
    /// An index of [`COLOURS`].
    pub(crate) colour: usize,
    pub(crate) is_dashed: bool,
}

/// What an axis shows.
pub(crate) struct Axis<'a> {
    pub(crate) label: &'a str,
    pub(crate) from: f64,
}

/// Draws lines. Texts are not escaped: they have no special character of XML.
pub(crate) fn lines(title: &str, x: &Axis<'_>, y: &Axis<'_>, lines: &[Line]) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = draw(&mut text, title, x, y, lines);
    text
}

/// The distance between two marks, and the greatest value of an axis.
fn scale(from: f64, values: impl Iterator<Item = f64>) -> (f64, f64) {
    let most = values.fold(from, f64::max);
    let least = ((most - from) / MARKS).max(1e-9);
    let power = 10_f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power);
    let found = steps.into_iter().find(|step| *step >= least * 0.999);
    let step = found.unwrap_or(10.0 * power);
    (step, from + ((most - from) / step).ceil().max(1.0) * step)
}

fn draw(text: &mut String, title: &str, x: &Axis<'_>, y: &Axis<'_>, lines: &[Line]) -> fmt::Result {
    let points = || lines.iter().flat_map(|line| &line.points);
    let (x_step, x_most) = scale(x.from, points().map(|point| point.0));
    let (y_step, y_most) = scale(y.from, points().map(|point| point.1));
    let across = |value: f64| LEFT + (value - x.from) / (x_most - x.from) * WIDTH;
    let up = |value: f64| TOP + HEIGHT - (value - y.from) / (y_most - y.from) * HEIGHT;
    let (right, bottom) = (LEFT + WIDTH, TOP + HEIGHT);
    open(text, title, right + RIGHT, bottom + 50.0)?;
    let mut at = x.from;
    while at <= x_most + x_step / 2.0 {
        let place = across(at);
        writeln!(
            text,
            "<line class=\"grid\" x1=\"{place:.1}\" y1=\"{TOP}\" x2=\"{place:.1}\" y2=\"{bottom}\"/>\
             <text x=\"{place:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            bottom + 16.0,
            number(at, x_step)
        )?;
        at += x_step;
    }
    let mut at = y.from;
    while at <= y_most + y_step / 2.0 {
        let place = up(at);
        writeln!(
            text,
            "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{place:.1}\" x2=\"{right}\" y2=\"{place:.1}\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 6.0,
            place + 4.0,
            number(at, y_step)
        )?;
        at += y_step;
    }
    writeln!(
        text,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n<text x=\"{LEFT}\" y=\"{}\">{}</text>",
        LEFT + WIDTH / 2.0,
        bottom + 38.0,
        x.label,
        TOP - 6.0,
        y.label
    )?;
    for (index, line) in lines.iter().enumerate() {
        let colour = COLOURS[line.colour % COLOURS.len()];
        let dashes = if line.is_dashed {
            " stroke-dasharray=\"4 3\""
        } else {
            ""
        };
        let places: Vec<String> = line
            .points
            .iter()
            .map(|point| format!("{:.1},{:.1}", across(point.0), up(point.1)))
            .collect();
        let (from, height) = (right + 12.0, TOP + 10.0 + 20.0 * index as f64);
        writeln!(
            text,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"{dashes}/>\n\
             <line x1=\"{from}\" y1=\"{height}\" x2=\"{}\" y2=\"{height}\" stroke=\"{colour}\" \
             stroke-width=\"2.5\"{dashes}/><text x=\"{}\" y=\"{}\">{}</text>",
            places.join(" "),
            from + 20.0,
            from + 26.0,
            height + 4.0,
            line.name
        )?;
    }
    writeln!(text, "</svg>")
}

/// Opens a picture with its title.
pub(crate) fn open(text: &mut String, title: &str, width: f64, height: f64) -> fmt::Result {
    writeln!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\">\n<title>{title}</title>\n{STYLE}\n\
         <text class=\"title\" x=\"12\" y=\"20\">{title}</text>"
    )
}

/// Prints a number with as many places as `step` needs; thousands as `k`, millions as `M`.
fn number(value: f64, step: f64) -> String {
    for (unit, name) in [(1e6, "M"), (1e3, "k")] {
        if step >= unit / 10.0 && value >= unit {
            let text = format!("{:.1}", value / unit);
            return format!("{}{name}", text.trim_end_matches(".0"));
        }
    }
    let places = (-step.log10().floor()).max(0.0) as usize;
    format!("{value:.places$}")
}
