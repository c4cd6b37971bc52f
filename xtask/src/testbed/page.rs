//! Writes the page in `docs` with the results.

use std::fmt::Write;
use std::fs;

use super::cases::{Measured, Plan, Trial};
use super::plot::{Curve, plot};
use crate::context::Context;
use crate::failure::Failure;

const PAGE: &str = "docs/happy-eyeballs.md";
const ATTEMPT_PLOT: &str = "happy-eyeballs-attempt.svg";
const RESOLUTION_PLOT: &str = "happy-eyeballs-resolution.svg";
const LOCK: &str = "benches/peers/he/Cargo.lock";

/// Returns the results of one client on one line, and how many measurements were made again.
pub(super) fn line(one: &Measured, again: usize) -> String {
    let [last_v6, first_v4, attempt, resolution, tried, order] = cells(one);
    format!(
        "{}: IPv6 up to {last_v6}, IPv4 from {first_v4}, attempt delay {attempt}, resolution delay \
         {resolution}, dead addresses {tried}, {order}; {again} measured again",
        one.client
    )
}

/// Writes the page and the plots.
pub(super) fn write(context: &Context, plan: &Plan, results: &[Measured]) -> Result<(), Failure> {
    let save = |path: String, text: String| {
        let file = context.root.join(&path);
        fs::write(file, text).map_err(|error| Failure::new(format!("{path}: {error}")))
    };
    let took = "time until the client is connected, ms";
    let attempt = plot(
        "IPv6 is late, IPv4 is prompt",
        ("delay of IPv6, ms", took),
        &curves(results, |one| &one.attempt),
    );
    let resolution = plot(
        "The AAAA answer is late, the A answer prompt",
        ("delay of the AAAA answer, ms", took),
        &curves(results, |one| &one.resolution),
    );
    save(format!("docs/{ATTEMPT_PLOT}"), attempt)?;
    save(format!("docs/{RESOLUTION_PLOT}"), resolution)?;
    save(PAGE.to_owned(), page(context, plan, results)?)
}

fn curves(results: &[Measured], trials: fn(&Measured) -> &[Trial]) -> Vec<Curve<'_>> {
    let point = |trial: &Trial| Some((f64::from(trial.set), trial.took?));
    results
        .iter()
        .map(|one| Curve {
            name: &one.client,
            points: trials(one).iter().filter_map(point).collect(),
        })
        .collect()
}

fn page(context: &Context, plan: &Plan, results: &[Measured]) -> Result<String, Failure> {
    let mut text = include_str!("page.md").to_owned();
    let mut table = String::from(
        "| client | IPv6 up to | IPv4 from | attempt delay | resolution delay | dead addresses tried, \
         IPv6/IPv4 | their order |\n| --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for one in results {
        // Writing to a String cannot fail.
        let _ = writeln!(table, "| {} | {} |", one.client, cells(one).join(" | "));
    }
    let kernel = context.run("uname -r").stdout()?;
    // Cut off the name of the build, which follows the version.
    let kernel = kernel.trim().split('-').next().unwrap_or_default();
    for (key, value) in [
        ("{table}", table.trim_end()),
        ("{attempt_step}", &plan.attempt_step.to_string()),
        ("{resolution_step}", &plan.resolution_step.to_string()),
        ("{attempt_plot}", ATTEMPT_PLOT),
        ("{resolution_plot}", RESOLUTION_PLOT),
        ("{kernel}", kernel),
        ("{versions}", &versions(context)?),
    ] {
        text = text.replace(key, value);
    }
    Ok(text)
}

/// Returns the versions of the other clients.
fn versions(context: &Context) -> Result<String, Failure> {
    let lock = fs::read_to_string(context.root.join(LOCK))
        .map_err(|error| Failure::new(format!("{LOCK}: {error}")))?;
    let mut versions = Vec::new();
    for name in ["tokio", "hyper-util", "happy-eyeballs"] {
        let entry = lock.split_once(&format!("name = \"{name}\"\nversion = \""));
        let version = entry.and_then(|(_, rest)| rest.split('"').next());
        versions.push(format!("{name} {}", version.unwrap_or("(unknown)")));
    }
    if let Ok(printed) = context.run("curl --version").stdout() {
        let words: Vec<&str> = printed.split_whitespace().take(2).collect();
        versions.push(words.join(" "));
    }
    Ok(versions.join(", "))
}

/// Returns the cells of a client's row in the table.
fn cells(one: &Measured) -> [String; 6] {
    let (last_v6, first_v4) = one.turn();
    let set =
        |ms: Option<u32>, none: &str| ms.map_or_else(|| none.to_owned(), |ms| format!("{ms} ms"));
    let found = |ms: Option<f64>, none: &str| {
        ms.map_or_else(|| none.to_owned(), |ms| format!("{ms:.1} ms"))
    };
    let (tried, order) = match &one.dead {
        None => ("not measured".to_owned(), "-".to_owned()),
        Some(order) => {
            let v6 = order.iter().filter(|(to, _)| to.is_ipv6()).count();
            let families = order
                .iter()
                .take(8)
                .map(|(to, _)| if to.is_ipv6() { "6" } else { "4" });
            let families: Vec<&str> = families.collect();
            let more = if order.len() > 8 { " .." } else { "" };
            let tried = format!("{v6}/{}", order.len() - v6);
            (tried, format!("{}{more}", families.join(" ")))
        }
    };
    [
        set(last_v6, "never"),
        set(first_v4, "never"),
        found(one.attempt_delay(), "none"),
        found(one.resolution_delay(), "none: waits for AAAA"),
        tried,
        order,
    ]
}
