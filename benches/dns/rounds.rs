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
