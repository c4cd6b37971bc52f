//! The configuration of the client: a search list, dead servers before the live one, and options.

use std::net::UdpSocket;
use std::time::Duration;

use trunkline_dns::{ClientConfig, Families, ResolvConf, ServerAttempt, ServerOutcome, Transport};
use trunkline_testkit::closed::ClosedUdp;

use super::asked_server::{AskedServer, same};
use super::found::{DUAL, addresses};
use crate::wrong::Wrong;

/// Timeouts for each server, tried in turn: the silent server must exceed one, and the live one must answer
/// within it, which takes a few milliseconds on an idle machine.
const TIMEOUTS: [Duration; 3] = [
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(4),
];

/// Checks that a name with fewer dots than `ndots` is tried with the search list first, and any
/// other name first as it is.
pub(super) fn search_list(asked: &AskedServer<'_>) -> Result<String, Wrong> {
    let (server, zone) = (asked.server, asked.zone);
    let with = |ndots: u8| {
        let text = format!(
            "nameserver {server}\nsearch no-such.{zone} {zone}\noptions ndots:{ndots} attempts:1\n"
        );
        let conf = ResolvConf::parse(text.as_bytes());
        asked.client_with(ClientConfig::system().no_hosts().resolv_conf(conf))
    };
    let all = [
        // The servers refuse names outside of the zone.
        ("two.chain.".to_owned(), "refused"),
        (format!("two.chain.no-such.{zone}."), "nxdomain"),
        (format!("two.chain.{zone}."), "answer"),
    ];
    for (ndots, right) in [(1, &all[..]), (2, &all[1..])] {
        let lookup = with(ndots).lookup_ip("two.chain", Families::Ipv4);
        let answer = asked.on.wait(lookup)??;
        addresses(&answer, &DUAL[..2])?;
        let attempts = answer.attempts.iter();
        let found: Vec<_> = attempts
            .map(|attempt| (attempt.name.to_string(), attempt.outcome.code()))
            .collect();
        same(&found, &right)?;
    }
    let each = all.map(|(name, outcome)| format!("{name} {outcome}"));
    Ok(format!(
        "ndots:1: {}; ndots:2: all but the first",
        each.join(", ")
    ))
}

/// Puts a server whose port is closed, and one that never replies, before the live one. Asks again, with the
/// next timeout, only if the live server was too late.
pub(super) fn dead_servers(asked: &AskedServer<'_>) -> Result<String, Wrong> {
    let (closed, silent) = (ClosedUdp::new()?, UdpSocket::bind("127.0.0.1:0")?);
    let servers = [closed.address(), silent.local_addr()?, asked.server];
    let ask = |timeout: Duration| {
        let config = ClientConfig::with_servers(servers.into()).timeout(timeout);
        let client = asked.client_with(config);
        asked
            .on
            .wait(client.lookup_ip(&asked.in_zone("dual"), Families::Ipv4))
    };
    let [shortest, longer @ ..] = TIMEOUTS;
    let mut lookup = ask(shortest)?;
    for timeout in longer {
        let attempts = match &lookup {
            Ok(answer) => &answer.attempts,
            Err(error) => error.attempts(),
        };
        let mut live = attempts.iter().filter(|one| one.server == asked.server);
        if live.all(|one| one.outcome != ServerOutcome::TimedOut) {
            break;
        }
        lookup = ask(timeout)?;
    }
    let answer = lookup?;
    addresses(&answer, &DUAL[..2])?;
    let attempts = answer.attempts.iter();
    let found: Vec<_> = attempts
        .map(|attempt| (attempt.server, attempt.outcome.code()))
        .collect();
    let outcomes = ["connection_refused", "timed_out", "answer"];
    let right: Vec<_> = servers.into_iter().zip(outcomes).collect();
    same(&found, &right)?;
    Ok(outcomes.join(", "))
}

/// Sets each option of the client that changes its queries.
pub(super) fn options(asked: &AskedServer<'_>) -> Result<String, Wrong> {
    type Set = fn(ClientConfig) -> ClientConfig;
    let options: [(&str, Set); 5] = [
        ("no EDNS", |config| config.edns(false)),
        ("cookies", |config| config.cookies(true)),
        ("random case", |config| config.case_randomization(true)),
        ("shared sockets", |config| config.udp_pool(true)),
        ("TCP only", |config| config.tcp_only(true)),
    ];
    for (name, set) in options {
        let client = asked.client_with(set(asked.config()));
        let lookup = client.lookup_ip(&asked.in_zone("chain"), Families::Both);
        let answer = asked.on.wait(lookup)??;
        let outcome = |attempt: &ServerAttempt| (attempt.outcome.code(), attempt.transport);
        let found: Vec<_> = answer.attempts.iter().map(outcome).collect();
        let transport = match name {
            "TCP only" => Transport::Tcp,
            _ => Transport::Udp,
        };
        same(&found, &[("answer", transport); 2])
            .and_then(|()| addresses(&answer, &DUAL))
            .map_err(|wrong| format!("{name}: {wrong}"))?;
    }
    Ok(options.map(|(name, _)| name).join(", "))
}
