//! The near side: one client, which connects on command.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;

use crate::clients::{Client, Goal};

/// Executes commands: `LIMIT_MS ADDRESS,ADDRESS,..` and `LIMIT_MS HOST` connect to port 80.
pub fn run(name: &str) -> Result<(), Box<dyn Error>> {
    let client = Client::named(name)?;
    println!("{}", json!("ready"));
    for line in std::io::stdin().lines() {
        let line = line?;
        let (limit, to) = line
            .split_once(' ')
            .ok_or("a limit and a goal are wanted")?;
        let limit = Duration::from_millis(limit.parse()?);
        let addresses: Result<Vec<SocketAddr>, _> = to.split(',').map(str::parse).collect();
        let goal = match addresses {
            Ok(addresses) => Goal::Addresses(addresses),
            Err(_) => Goal::Host(to.to_owned()),
        };
        println!(
            "{}",
            match client.connect(goal, limit) {
                Ok((address, took)) => {
                    json!({ "won": address.to_string(), "ms": took.as_secs_f64() * 1e3 })
                }
                Err(error) => json!({ "error": error.to_string() }),
            }
        );
    }
    Ok(())
}
