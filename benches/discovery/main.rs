//! How soon a channel follows its backends: from a backend's entry in DNS to its first call, from
//! its removal to the last call sent there, and how long calls fail after its death.
//!
//! Everything runs in virtual time over a simulated network (`crates/sim`), so the figures are the
//! same on every machine. A run is an order of events by its seed; the moment of the change within
//! the TTL of the records is another one in each.
//!
//! `--json FILE` writes all figures. Without `--bench`, as `cargo test` runs it, there are few seeds.

mod simulated;

use trunkline_benches::publish::publish;
use trunkline_benches::results::Results;
use trunkline_benches::runs::is_whole;

fn main() {
    let mut results = Results::new("discovery");
    results.raw = simulated::report(is_whole(), &mut results);
    publish(&results).expect("a file that can be written");
}
