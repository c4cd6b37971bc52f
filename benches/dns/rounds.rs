//! Runs the rounds of all clients in turn.

use crate::peers::Peer;
use crate::size::Size;

/// The results of one client.
pub(crate) struct ClientResult {
    pub(crate) name: String,
    /// CPU time per lookup in microseconds, one for each round.
    pub(crate) us: Vec<f64>,
}

/// Runs all rounds. No name is looked up twice.
pub(crate) fn run_rounds(entrants: &[Peer], size: Size) -> Vec<ClientResult> {
    let mut results: Vec<ClientResult> = entrants
        .iter()
        .map(|peer| ClientResult {
            name: peer.name.clone(),
            us: Vec::new(),
        })
        .collect();
    let mut first = 0;
    for _ in 0..size.rounds {
        for (peer, result) in entrants.iter().zip(&mut results) {
            result.us.push(peer.round(first, size));
            first += 2 * size.lookups;
        }
    }
    results
}

pub(crate) fn median(us: &[f64]) -> f64 {
    let mut us = us.to_vec();
    us.sort_by(f64::total_cmp);
    us[us.len() / 2]
}

/// Prints and returns whether a client's cost is at most `most` times that of hickory-resolver.
pub(crate) fn judge(results: &[ClientResult], name: &str, most: f64, hickory: f64) -> bool {
    let result = results.iter().find(|result| result.name == name);
    let part = result.map_or(f64::NAN, |result| median(&result.us)) / hickory;
    let is_met = part <= most;
    let word = if is_met { "met" } else { "missed" };
    println!("{name}: {part:.2} of hickory's, at most {most:.2}: {word}");
    is_met
}
