//! How soon a channel follows its backends: from a backend's entry in DNS to its first call, from
//! its removal to the last call sent there, and how long calls fail after its death.
//!
//! *Simulated*: everything runs in virtual time over a simulated network (`crates/sim`), so the figures are the
//! same on every machine. A run is an order of events by its seed; the moment of the change within
//! the TTL of the records is another one in each.
//!
//! *Sockets*: processes with a channel of ours beside processes with grpc-go's, which ask a real DNS server over
//! loopback and call backends in processes of their own. All of them run at the same time. Each client has a name and
//! backends of its own, and the same happens to these at the same moment of the client's life. The backends and the clients
//! report the times of their calls by one clock, that of the machine.
//!
//! `--only simulated` or `--only sockets` measures one of both. `--json FILE` writes all figures, those of
//! three separate processes for the sockets. Without `--bench`, as `cargo test` runs it, there are few seeds, and of
//! the sockets only ours, for some seconds.

mod backend;
mod client;
mod role;
mod simulated;
mod sockets;

use std::env;
use std::process::ExitCode;

use serde_json::json;
use trunkline_benches::publish;
use trunkline_benches::runs::{self, Run, is_whole};

/// The parts.
const SIMULATED: &str = "simulated";
const SOCKETS: &str = "sockets";

fn main() -> ExitCode {
    if let Some(words) = role::words() {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            [client::ROLE, target, interval, rate] => client::run(target, interval, rate),
            [backend::ROLE, address, age] => backend::run(address, age),
            _ => panic!("no role {words:?}"),
        }
        return ExitCode::SUCCESS;
    }
    let only = env::args().skip_while(|arg| arg != "--only").nth(1);
    let wants = |part: &str| only.as_deref().is_none_or(|only| only == part);
    assert!(
        wants(SIMULATED) || wants(SOCKETS),
        "no part {only:?}; there are {SIMULATED} and {SOCKETS}"
    );
    let run = if wants(SOCKETS) {
        runs::measure(|| sockets::measure(is_whole()))
    } else {
        Run::default()
    };
    let mut results = run.results("discovery");
    let mut simulated = None;
    if wants(SIMULATED) {
        simulated = Some(simulated::report(is_whole(), &mut results));
    }
    if wants(SOCKETS) {
        sockets::report(&run, &mut results);
    }
    results.raw = json!({ SIMULATED: simulated, SOCKETS: results.raw });
    publish::end(&results)
}
