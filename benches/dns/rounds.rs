//! Rounds of all clients in turn.

use crate::peers::Peer;
use crate::size::Size;

/// What one client took.
pub(crate) struct Taken {
    pub(crate) name: String,
    /// Microseconds of CPU for each lookup, by round.
    pub(crate) us: Vec<f64>,
}

/// Plays all rounds; no name is asked for twice.
pub(crate) fn play(entrants: &[Peer], size: Size) -> Vec<Taken> {
    let mut results: Vec<Taken> = entrants
        .iter()
        .map(|peer| Taken {
            name: peer.name.clone(),
            us: Vec::new(),
        })
        .collect();
    let mut first = 0;
    for _ in 0..size.rounds {
        for (peer, taken) in entrants.iter().zip(&mut results) {
            taken.us.push(peer.round(first, size));
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

/// Says whether a client is as cheap as it should be, beside hickory-resolver.
pub(crate) fn judge(results: &[Taken], name: &str, most: f64, hickory: f64) -> bool {
    let taken = results.iter().find(|taken| taken.name == name);
    let part = taken.map_or(f64::NAN, |taken| median(&taken.us)) / hickory;
    let is_met = part <= most;
    let word = if is_met { "met" } else { "missed" };
    println!("{name}: {part:.2} of hickory's, at most {most:.2}: {word}");
    is_met
}
