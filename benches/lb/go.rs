//! grpc-go's round_robin, which handles the same lists.

use std::path::Path;
use std::process::Command;

use trunkline_benches::go;

use crate::updates::Update;

/// Measures updates of lists of each length; returns why it cannot where there is no Go.
pub(crate) fn measure(counts: &[u32], updates: u32) -> Result<Vec<Update>, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/grpc-go");
    let program = folder.join("target/trunkline-peer-grpc-go");
    go::build(&folder, &program)?;
    let output = Command::new(&program)
        .arg(updates.to_string())
        .args(counts.iter().map(u32::to_string))
        .output()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| parse(line).ok_or_else(|| format!("{line:?} has not two numbers")))
        .collect()
}

/// Parses two numbers of microseconds.
fn parse(line: &str) -> Option<Update> {
    let (list, connections) = line.split_once(' ')?;
    Some(Update {
        list: list.parse().ok()?,
        connections: connections.parse().ok()?,
    })
}
