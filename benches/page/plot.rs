//! Draws a table as bars.

use plotters::coord::Shift;
use plotters::prelude::{
    Color, DrawingArea, DrawingAreaErrorKind, IntoDrawingArea, PathElement, RGBColor, Rectangle,
    SVGBackend, Text, TextStyle, WHITE,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{BLACK, IntoTextStyle};
use trunkline_benches::results::{Column, Side, Table};
use trunkline_benches::statistics::Summary;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type DrawError = DrawingAreaErrorKind<std::io::Error>;

/// Colours that colour-blind people can distinguish (Okabe and Ito): grey, orange, blue.
const FLOOR: RGBColor = RGBColor(0x99, 0x99, 0x99);
const PEER: RGBColor = RGBColor(0xe6, 0x9f, 0x00);
const OURS: RGBColor = RGBColor(0x00, 0x72, 0xb2);

/// Lengths in pixels.
const WIDTH: i32 = 860;
const LEFT: i32 = 230;
/// The longest bar.
const LONGEST: i32 = 500;
const LINE: i32 = 18;
const BAR: i32 = 12;
const TOP: i32 = 44;

/// Returns the picture: a group of bars for each column, a bar for each row that has a figure there,
/// with a line from quartile to quartile. All groups have one scale.
pub(crate) fn bars(table: &Table) -> Result<String, DrawError> {
    let groups: Vec<Group<'_>> = (0..table.columns.len())
        .map(|at| Group::of(table, at))
        .collect();
    let lines: usize = groups.iter().map(|group| group.bars.len() + 2).sum();
    let height = TOP + LINE * i32::try_from(lines).unwrap_or(i32::MAX / LINE - TOP);
    let all = groups.iter().flat_map(|group| &group.bars);
    let most = all
        .map(|bar| bar.figure.high)
        .fold(f64::MIN_POSITIVE, f64::max);
    let mut text = String::new();
    {
        let size = (WIDTH.unsigned_abs(), height.unsigned_abs());
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        area.fill(&WHITE)?;
        write(&area, &table.title, (12, 20), 15.0, HPos::Left)?;
        let mut y = TOP;
        for group in &groups {
            write(
                &area,
                &group.column.heading(),
                (12, y + LINE / 2),
                13.0,
                HPos::Left,
            )?;
            y += LINE;
            for bar in &group.bars {
                draw(&area, bar, group.column.digits, most, y)?;
                y += LINE;
            }
            y += LINE;
        }
        area.present()?;
    }
    Ok(text)
}

struct Group<'a> {
    column: &'a Column,
    bars: Vec<Bar<'a>>,
}

struct Bar<'a> {
    name: &'a str,
    side: Side,
    figure: Summary,
}

impl<'a> Group<'a> {
    fn of(table: &'a Table, at: usize) -> Self {
        let bars = table.rows.iter().filter_map(|row| {
            Some(Bar {
                name: &row.name,
                side: row.side,
                figure: (*row.cells.get(at)?)?,
            })
        });
        Self {
            column: &table.columns[at],
            bars: bars.collect(),
        }
    }
}

/// Draws a bar whose line begins at `y`.
fn draw(area: &Area<'_>, bar: &Bar<'_>, digits: usize, most: f64, y: i32) -> Result<(), DrawError> {
    let middle = y + LINE / 2;
    #[expect(clippy::cast_possible_truncation, reason = "a part of the picture")]
    let x = |value: f64| LEFT + (value / most * f64::from(LONGEST)).round() as i32;
    let Summary { low, median, high } = bar.figure;
    write(area, bar.name, (LEFT - 8, middle), 12.0, HPos::Right)?;
    let colour = match bar.side {
        Side::Floor => FLOOR,
        Side::Peer => PEER,
        Side::Ours => OURS,
    };
    let corners = [(LEFT, middle - BAR / 2), (x(median), middle + BAR / 2)];
    area.draw(&Rectangle::new(corners, colour.filled()))?;
    let spread = vec![(x(low), middle), (x(high), middle)];
    area.draw(&PathElement::new(spread, BLACK.stroke_width(1)))?;
    let place = (x(high.max(median)) + 6, middle);
    write(area, &format!("{median:.digits$}"), place, 12.0, HPos::Left)
}

/// Writes a text whose middle is at this height.
fn write(
    area: &Area<'_>,
    text: &str,
    place: (i32, i32),
    size: f64,
    side: HPos,
) -> Result<(), DrawError> {
    let style: TextStyle<'_> = ("sans-serif", size).into_text_style(area);
    let style = style.pos(Pos::new(side, VPos::Center));
    area.draw(&Text::new(text.to_owned(), place, style))
}

#[cfg(test)]
mod tests {
    use trunkline_benches::results::{Column, Row, Side, Table};
    use trunkline_benches::statistics::Summary;

    use super::bars;

    #[test]
    fn each_figure_is_a_bar() {
        let row = |name: &str, cells| Row {
            name: name.into(),
            side: Side::Ours,
            cells,
        };
        let figure = |value| Some(Summary::exact(value));
        let table = Table {
            title: "CPU < 1".into(),
            measure: "CPU".into(),
            plot: None,
            is_judged: true,
            columns: ["16 B", "1 KiB"].map(|name| Column::new(name, 2)).into(),
            rows: vec![
                row("tokio", vec![figure(1.0), figure(0.5)]),
                row("smol", vec![figure(2.0), None]),
            ],
        };
        let picture = bars(&table).expect("a picture");
        // The background, and three bars, of which the longest has the whole width.
        assert_eq!(picture.matches("<rect").count(), 4, "{picture}");
        assert!(picture.contains("width=\"500\""), "{picture}");
        assert!(picture.contains("CPU &lt; 1"), "{picture}");
        assert_eq!(picture.matches("tokio").count(), 2, "{picture}");
    }
}
