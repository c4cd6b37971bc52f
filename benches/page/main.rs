//! Writes the figures of benchmarks into `docs/benchmarks.md`, and their pictures into
//! `docs/plots`.
//!
//! Arguments: the files that the benchmarks wrote with `--json`. The page has regions for each benchmark:
//! one with its name for its figures, and `NAME targets` and `NAME losses` for what follows from them.
//! Everything else on the page stays as it is, so that a benchmark alone can be written.

mod losses;
mod plot;
mod regions;

use std::path::{Path, PathBuf};
use std::{env, fs};

use trunkline_benches::results::Results;
use trunkline_benches::text;

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let page = docs.join("benchmarks.md");
    let mut all: Vec<Results> = Vec::new();
    for file in env::args().skip(1).map(PathBuf::from) {
        all.push(serde_json::from_str(&fs::read_to_string(file)?)?);
    }
    let mut written = fs::read_to_string(&page)?;
    for results in &all {
        draw(results, &docs.join("plots"))?;
        let name = &results.bench;
        written = regions::replace(&written, name, &section(results))?;
        if !results.targets.is_empty() {
            let targets = text::targets(&results.targets);
            written = regions::replace(&written, &format!("{name} targets"), &targets)?;
        }
        // Figures that judge nothing have no losses.
        if results.tables.iter().any(|table| table.is_judged) {
            let losses = losses::text(results);
            written = regions::replace(&written, &format!("{name} losses"), &losses)?;
        }
    }
    fs::write(page, written)?;
    Ok(())
}

/// Draws the tables that have a picture.
fn draw(results: &Results, folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder)?;
    for table in &results.tables {
        if let Some(name) = &table.plot {
            let picture = plot::bars(table).map_err(|error| error.to_string())?;
            fs::write(folder.join(format!("{name}.svg")), picture)?;
        }
    }
    Ok(())
}

/// Returns the text of a benchmark: where it ran, what was compared, and its tables.
fn section(results: &Results) -> String {
    let list = |title: &str, entries: &[(String, String)]| {
        let entries: Vec<String> = entries
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        format!("{title}: {}.\n", entries.join("; "))
    };
    let mut text = list("The machine", &results.machine);
    text.push('\n');
    if !results.versions.is_empty() {
        text.push_str(&list("Compared", &results.versions));
        text.push('\n');
    }
    let plots = results.tables.iter().filter_map(|table| {
        let name = table.plot.as_ref()?;
        Some(format!("![{}](plots/{name}.svg)\n", table.title))
    });
    let plots: Vec<String> = plots.collect();
    let shown = Results {
        targets: Vec::new(),
        ..results.clone()
    };
    text.push_str(&text::results(&shown, 3));
    if !plots.is_empty() {
        text.push('\n');
        text.push_str(&plots.join("\n"));
    }
    text
}
