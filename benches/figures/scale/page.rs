//! Writes the page and its pictures.

use std::fmt::{self, Write};
use std::time::Duration;

use super::outcome::Outcome;
use super::tally::{SAMPLE, Spread};
use super::world::{DOUBLED, DOUBLING, END, RESTART, RESTARTED, World};
use crate::chart::{self, Axis, Line};
use crate::file::File;

/// The seconds of one point of a picture, which shows the highest value.
const BIN: usize = 10;

/// The moments at which the spread is shown, with the number of their sample.
const MOMENTS: [(&str, usize); 4] = [
    ("steady", 1),
    ("in the middle of the restart", 7),
    ("after the restart", 14),
    ("after the doubling", 18),
];

/// A phase of the simulation, in seconds.
struct Phase {
    name: &'static str,
    from: u64,
    to: u64,
}

fn phases() -> [Phase; 4] {
    let phase = |name, from: Duration, to: Duration| Phase {
        name,
        from: from.as_secs(),
        to: to.as_secs(),
    };
    [
        phase("start", Duration::ZERO, SAMPLE * 2),
        phase("steady", SAMPLE * 2, RESTART),
        phase("rolling restart", RESTART, RESTARTED),
        phase("doubling", DOUBLING, DOUBLED + SAMPLE),
    ]
}

/// Returns the page and its pictures.
pub(super) fn files(world: &World, outcomes: &[Outcome]) -> Vec<File> {
    let picture =
        |title: &str, values: &dyn Fn(&Outcome) -> Vec<f64>| draw(title, outcomes, values);
    let mut page = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut page, world, outcomes);
    vec![
        ("scale.md", page),
        (
            "scale-connections.svg",
            picture("Connections", &|outcome| outcome.tally.connections()),
        ),
        (
            "scale-dials.svg",
            picture("Connection attempts a second", &|outcome| {
                outcome.tally.dials()
            }),
        ),
        (
            "scale-questions.svg",
            picture("DNS questions a second", &|outcome| {
                outcome.tally.questions()
            }),
        ),
    ]
}

fn draw(title: &str, outcomes: &[Outcome], values: &dyn Fn(&Outcome) -> Vec<f64>) -> String {
    let line = |(colour, outcome): (usize, &Outcome)| {
        let values = values(outcome);
        let bins = values[..END.as_secs() as usize].chunks(BIN).enumerate();
        let most = |bin: &[f64]| bin.iter().copied().fold(0.0, f64::max);
        Line {
            name: outcome.name.to_owned(),
            points: bins
                .map(|(at, bin)| ((at * BIN) as f64, most(bin)))
                .collect(),
            colour,
            is_dashed: colour % 2 == 1,
        }
    };
    let lines: Vec<Line> = outcomes.iter().enumerate().map(line).collect();
    let x = Axis {
        label: "seconds; restart from 180 on, doubling from 960 on",
        from: 0.0,
    };
    let y = Axis {
        label: "the most in ten seconds",
        from: 0.0,
    };
    chart::lines(title, &x, &y, &lines)
}

fn write(page: &mut String, world: &World, outcomes: &[Outcome]) -> fmt::Result {
    page.write_str(include_str!("head.md"))?;
    connections(page, outcomes)?;
    page.write_str("\n## Connection attempts\n")?;
    table(
        page,
        "Connection attempts a second, at the worst moment",
        outcomes,
        |outcome| outcome.tally.dials(),
    )?;
    write!(page, "\nAttempts that fail in all: ")?;
    for (at, outcome) in outcomes.iter().enumerate() {
        let comma = if at > 0 { "; " } else { "" };
        write!(
            page,
            "{comma}{} {}",
            outcome.name,
            thousands(outcome.tally.failures() as f64)
        )?;
    }
    writeln!(page, ".")?;
    page.write_str(include_str!("attempts.md"))?;
    table(
        page,
        "DNS questions a second, at the worst moment",
        outcomes,
        |outcome| outcome.tally.questions(),
    )?;
    page.write_str(include_str!("questions.md"))?;
    spread(page, world, outcomes)?;
    page.write_str(include_str!("spread.md"))?;
    fewer_clients(page, outcomes)?;
    page.write_str(include_str!("choice.md"))
}

fn header(page: &mut String, first: &str, outcomes: &[Outcome]) -> fmt::Result {
    write!(page, "\n| {first} |")?;
    for outcome in outcomes {
        write!(page, " {} |", outcome.name)?;
    }
    writeln!(page, "\n|---|{}", "---|".repeat(outcomes.len()))
}

/// The connections at the end of each phase, of all clients and of one backend.
fn connections(page: &mut String, outcomes: &[Outcome]) -> fmt::Result {
    header(page, "Connections at the end of the phase", outcomes)?;
    for phase in phases() {
        write!(page, "| {} |", phase.name)?;
        for outcome in outcomes {
            let connections = outcome.tally.connections()[phase.to as usize - 1];
            write!(page, " {} |", thousands(connections))?;
        }
        writeln!(page)?;
    }
    Ok(())
}

fn table(
    page: &mut String,
    title: &str,
    outcomes: &[Outcome],
    values: impl Fn(&Outcome) -> Vec<f64>,
) -> fmt::Result {
    header(page, title, outcomes)?;
    for phase in phases() {
        write!(page, "| {} |", phase.name)?;
        for outcome in outcomes {
            let values = values(outcome);
            let within = &values[phase.from as usize..phase.to as usize];
            let most = within.iter().copied().fold(0.0, f64::max);
            write!(page, " {} |", thousands(most))?;
        }
        writeln!(page)?;
    }
    Ok(())
}

fn spread(page: &mut String, world: &World, outcomes: &[Outcome]) -> fmt::Result {
    header(
        page,
        "Load of a backend, of the mean: least / 99 % / most",
        outcomes,
    )?;
    for (name, sample) in MOMENTS {
        write!(page, "| {name} |")?;
        for outcome in outcomes {
            write!(page, " {} |", text(outcome.tally.spread(sample, world)))?;
        }
        writeln!(page)?;
    }
    Ok(())
}

fn fewer_clients(page: &mut String, outcomes: &[Outcome]) -> fmt::Result {
    header(page, "The same, steady, with fewer clients", outcomes)?;
    let counts = outcomes.iter().flat_map(|outcome| &outcome.with_fewer);
    let mut counts: Vec<u64> = counts.map(|(clients, _)| *clients).collect();
    counts.sort_unstable();
    counts.dedup();
    for clients in counts {
        write!(page, "| {} |", thousands(clients as f64))?;
        for outcome in outcomes {
            let found = outcome.with_fewer.iter().find(|(of, _)| *of == clients);
            match found {
                Some((_, spread)) => write!(page, " {} |", text(*spread))?,
                None => write!(page, " - |")?,
            }
        }
        writeln!(page)?;
    }
    Ok(())
}

fn text(spread: Spread) -> String {
    let Spread {
        least,
        most,
        ninety_ninth,
    } = spread;
    format!("{least:.2} / {ninety_ninth:.2} / {most:.2}")
}

/// Prints a whole number with commas.
fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
