//! Draws curves as SVG.

use std::fmt::{self, Write};

/// The area of the plot within the picture, in pixels.
const LEFT: f64 = 64.0;
const TOP: f64 = 40.0;
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 320.0;
/// Distance of grid lines on both axes, in milliseconds.
const GRID: usize = 50;
/// Colours that colour-blind people can distinguish (Okabe and Ito), black last.
const COLOURS: [&str; 7] = [
    "#0072b2", "#56b4e9", "#d55e00", "#e69f00", "#cc79a7", "#009e73", "#000000",
];

/// A line in a plot.
pub(super) struct Curve<'a> {
    pub(super) name: &'a str,
    /// Both coordinates in milliseconds.
    pub(super) points: Vec<(f64, f64)>,
}

/// Draws the curves on axes of milliseconds that begin at 0. Does not escape the texts, so they
/// must contain no special character of XML.
pub(super) fn plot(title: &str, axes: (&str, &str), curves: &[Curve<'_>]) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = draw(&mut text, title, axes, curves);
    text
}

fn draw(text: &mut String, title: &str, axes: (&str, &str), curves: &[Curve<'_>]) -> fmt::Result {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let span = |values: &mut dyn Iterator<Item = f64>| {
        let most = values.fold(1.0, f64::max);
        (most / GRID as f64).ceil() as usize * GRID
    };
    let (wide, high) = (
        span(&mut points().map(|point| point.0)),
        span(&mut points().map(|point| point.1)),
    );
    let x = |value: f64| LEFT + value / wide as f64 * WIDTH;
    let y = |value: f64| TOP + HEIGHT - value / high as f64 * HEIGHT;
    let (right, bottom) = (LEFT + WIDTH, TOP + HEIGHT);
    let (full_width, full_height) = (right + 190.0, bottom + 52.0);
    writeln!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{full_width}\" height=\"{full_height}\" \
         viewBox=\"0 0 {full_width} {full_height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>{title}</title>\n\
         <rect width=\"{full_width}\" height=\"{full_height}\" fill=\"#ffffff\"/>\n\
         <text x=\"{LEFT}\" y=\"24\" font-weight=\"bold\">{title}</text>"
    )?;
    for mark in (0..=wide).step_by(GRID) {
        let at = x(mark as f64);
        writeln!(
            text,
            "<line x1=\"{at:.1}\" y1=\"{TOP}\" x2=\"{at:.1}\" y2=\"{bottom}\" stroke=\"#e0e0e0\"/>\
             <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{mark}</text>",
            bottom + 16.0
        )?;
    }
    for mark in (0..=high).step_by(GRID) {
        let at = y(mark as f64);
        writeln!(
            text,
            "<line x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{right}\" y2=\"{at:.1}\" stroke=\"#e0e0e0\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{mark}</text>",
            LEFT - 6.0,
            at + 4.0
        )?;
    }
    let (middle, centre) = (LEFT + WIDTH / 2.0, TOP + HEIGHT / 2.0);
    writeln!(
        text,
        "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n\
         <text x=\"16\" y=\"{centre}\" text-anchor=\"middle\" \
         transform=\"rotate(-90 16 {centre})\">{}</text>",
        bottom + 40.0,
        axes.0,
        axes.1
    )?;
    for (index, curve) in curves.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let places: Vec<String> = curve
            .points
            .iter()
            .map(|point| format!("{:.1},{:.1}", x(point.0), y(point.1)))
            .collect();
        let (line, label) = (right + 12.0, TOP + 12.0 + 20.0 * index as f64);
        writeln!(
            text,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>\n\
             <line x1=\"{line}\" y1=\"{label}\" x2=\"{}\" y2=\"{label}\" stroke=\"{colour}\" \
             stroke-width=\"3\"/><text x=\"{}\" y=\"{}\">{}</text>",
            places.join(" "),
            line + 20.0,
            line + 26.0,
            label + 4.0,
            curve.name
        )?;
    }
    writeln!(text, "</svg>")
}

#[cfg(test)]
mod tests {
    use super::{Curve, plot};

    #[test]
    fn curves_lie_within_the_axes() {
        let curve = Curve {
            name: "one",
            points: vec![(0.0, 10.0), (400.0, 251.0)],
        };
        let text = plot("title", ("x", "y"), &[curve]);
        // 251 ms is above 250: the axis goes to 300.
        assert!(text.contains("points=\"64.0,349.3 624.0,92.3\""), "{text}");
        assert_eq!(
            text.matches("<text").count(),
            text.matches("</text>").count()
        );
    }

    /// A plot without curves is a valid picture.
    #[test]
    fn no_curves() {
        assert!(plot("title", ("x", "y"), &[]).ends_with("</svg>\n"));
    }
}
