//! Calls to names that real DNS servers resolve, or fail to.

use std::net::SocketAddr;

use super::stage::Stage;
use crate::clients::Client;
use crate::wrong::Wrong;

/// Checks each DNS server on each runtime.
pub(crate) fn check(stage: &mut Stage<'_>) -> Result<(), Wrong> {
    for (name, server) in &stage.environment.nameservers {
        check_server(stage, *server).map_err(|wrong| format!("by {name}: {wrong}"))?;
    }
    Ok(())
}

/// Checks the names of the zone through one DNS server.
fn check_server(stage: &Stage<'_>, dns: SocketAddr) -> Result<(), Wrong> {
    let port = stage.environment.port();
    let (name, zone) = (&stage.environment.name, stage.environment.zone());
    let server = dns.to_string();

    let with_a = format!("dns://{dns}/own.{zone}:{port}");
    found(stage, &with_a, 1, "1 endpoint, by A alone")?;
    let both = format!("dns://{dns}/both.{zone}:{port}");
    found(stage, &both, 2, "2 endpoints, by A and AAAA")?;
    let service = format!("srv://{dns}/_grpc._tcp.both.{zone}");
    found(stage, &service, 1, "1 endpoint, of both families")?;
    let many = format!("dns://{dns}/many.{zone}:{port}");
    // So many addresses do not fit into a reply over UDP.
    found(stage, &many, 200, "200 endpoints, over TCP")?;

    let missing = format!("no-such.{zone}");
    let words = [missing.as_str(), &server, "NXDOMAIN"];
    not_found(stage, &format!("dns://{dns}/{missing}:{port}"), &words)?;
    let missing = format!("_grpc._tcp.no-such.{zone}");
    let words = [missing.as_str(), &server, "NXDOMAIN"];
    not_found(stage, &format!("srv://{dns}/{missing}"), &words)?;
    let empty = format!("_grpc._tcp.{name}");
    let words = [empty.as_str(), &server, "no such records"];
    not_found(stage, &format!("dns://{dns}/{empty}:{port}"), &words)
}

/// Checks on each runtime that the target has this many endpoints, and that this program's own server
/// answers a call.
fn found(stage: &Stage<'_>, target: &str, endpoints: usize, which: &str) -> Result<(), Wrong> {
    for on in stage.runtimes {
        let client = Client::new(target, on)?;
        let wrong = |why: String| format!("{target} on {}: {why}", on.name);
        let peer = client.greet_now().map_err(wrong)?;
        if peer != stage.environment.own || client.endpoints() != endpoints {
            let (own, found) = (stage.environment.own, client.endpoints());
            let why =
                format!("{found} endpoints, answered by {peer}; {endpoints} and {own} are right");
            return Err(wrong(why).into());
        }
    }
    println!("{target}: {which}; 1 call on each runtime, 0 failed");
    Ok(())
}

/// Checks on each runtime that a call fails with UNAVAILABLE, and that its message has these words.
fn not_found(stage: &Stage<'_>, target: &str, words: &[&str]) -> Result<(), Wrong> {
    let mut shown = String::new();
    for on in stage.runtimes {
        let wrong = |why: &str| format!("{target} on {}: {why}", on.name);
        let message = match Client::new(target, on)?.greet_now() {
            Ok(peer) => return Err(wrong(&format!("answered by {peer}")).into()),
            Err(message) => message,
        };
        let missing = words.iter().find(|word| !message.contains(**word));
        if let Some(word) = missing {
            return Err(wrong(&format!("`{word}` is missing in: {message}")).into());
        }
        if !message.starts_with("Unavailable: ") {
            return Err(wrong(&format!("not UNAVAILABLE: {message}")).into());
        }
        shown = message;
    }
    println!("{target}: {shown}");
    Ok(())
}
