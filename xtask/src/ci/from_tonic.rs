//! Checks that docs/from-tonic.md names every public method of tonic's channel and its builder.

use std::fs;
use std::path::Path;

use crate::context::Context;
use crate::failure::Failure;
use crate::step::{Done, Step};

pub(super) const STEP: Step = Step {
    name: "from-tonic",
    remedy: "add a row for each method that it names: works, how, or not yet",
    covers: &[],
    run,
};

const PAGE: &str = "docs/from-tonic.md";

/// The headings of the page's tables, and the sources of tonic whose methods each table has.
const TABLES: [(&str, &str); 3] = [
    ("### `Channel`", "transport/channel/mod.rs"),
    ("### `Endpoint`", "transport/channel/endpoint.rs"),
    ("### `ClientTlsConfig`", "transport/channel/tls.rs"),
];

fn run(context: &Context) -> Result<Done, Failure> {
    let tonic = context.metadata()?.package("tonic");
    let tonic = tonic.ok_or_else(|| Failure::new("no test depends on tonic any more"))?;
    let library = tonic.targets.iter().find(|target| target.kind == "lib");
    let library = library.ok_or_else(|| Failure::new("tonic has no library"))?;
    let root = Path::new(&library.source);
    let read = |path: &Path| {
        fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))
    };
    let page = read(&context.root.join(PAGE))?;
    let (mut count, mut missing) = (0, Vec::new());
    for (heading, source) in TABLES {
        let table = section(&page, heading);
        for method in methods(&read(&root.with_file_name(source))?) {
            count += 1;
            if !table.contains(&format!("`{method}`")) {
                missing.push(format!("{PAGE}, {heading}: no row for `{method}`"));
            }
        }
    }
    if missing.is_empty() {
        return Ok(Done::with(format!(
            "{count} methods of tonic {}",
            tonic.version
        )));
    }
    let what = format!("methods without a row: {}", missing.len());
    Err(Failure::new(what).output(missing.join("\n")))
}

/// Returns the first column of the table under a heading; empty if there is no such heading.
fn section(page: &str, heading: &str) -> String {
    let lines = page.lines().skip_while(|line| *line != heading).skip(1);
    lines
        .take_while(|line| !line.starts_with('#'))
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Returns the names of the public functions of a source file.
fn methods(source: &str) -> impl Iterator<Item = &str> {
    source.lines().filter_map(|line| {
        let rest = line.trim_start().strip_prefix("pub ")?;
        let rest = rest.strip_prefix("async ").unwrap_or(rest);
        let rest = rest.strip_prefix("const ").unwrap_or(rest);
        let name = rest.strip_prefix("fn ")?;
        name.split(['(', '<']).next()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name in another column, or under another heading, is no row.
    #[test]
    fn rows_are_in_the_first_column() {
        let page = "## a\n### b\n| x | y |\n|---|---|\n| `c`, `d` | `e` |\n\n### f\n| `g` | h |\n";
        assert_eq!(section(page, "### b"), "x\n`c`, `d`");
        assert_eq!(section(page, "### z"), "");
    }

    #[test]
    fn private_functions_are_no_methods() {
        let source = "    pub fn a<T>(t: T) {}\n    pub async fn b(&self) {}\n    pub(crate) fn c() {}\n fn d() {}\n";
        assert_eq!(methods(source).collect::<Vec<_>>(), ["a", "b"]);
    }
}
