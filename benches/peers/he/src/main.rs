//! Compares Happy Eyeballs connectors over a network with delays.
//!
//! `cargo xtask testbed he` makes two network namespaces and runs this program in both: `far` is
//! the network and the servers, `near` is one client. Both execute the commands on their standard
//! input, one per line, answer each with one line of JSON, and end with their input.

mod clients;
mod far;
mod fate;
mod later;
mod nameserver;
mod near;
mod network;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args[..] {
        ["clients"] => {
            clients::NAMES.iter().for_each(|name| println!("{name}"));
            Ok(())
        }
        ["far"] => far::run(),
        ["near", client] => near::run(client),
        _ => Err("usage: he clients | he far | he near CLIENT".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
