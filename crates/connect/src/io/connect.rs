//! The functions that connect.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Instant;

use trunkline_runtime::{Runtime, Stream};

use super::driver::{Finished, RaceDriver};
use super::finish::{Finish, NoHandshake, WithHandshake};
use super::lookup::{AddressLookup, Answer};
use super::options::ConnectOptions;
use crate::{AddressQuery, ConnectError, ConnectErrorKind, Race, RaceEnd, RaceOptions, RaceReport};

/// The connection that won a race, and the report of the race.
#[derive(Debug)]
#[non_exhaustive]
pub struct Winner<T = Box<dyn Stream>> {
    /// The stream, or the output of the handshake.
    pub stream: T,
    /// The address that won.
    pub address: SocketAddr,
    /// Every attempt, those that lost too.
    pub report: RaceReport,
}

/// Races connections to the addresses, and returns the first that is established.
///
/// The addresses keep their order, except that the families are interleaved;
/// [`ConnectOptions::order`] can have them sorted. Dropping the future gives every attempt up. The
/// losers are reset, not closed, so that they leave no TIME_WAIT.
///
/// # Errors
///
/// When no address could be connected; the error has every address and how it failed.
pub async fn connect(
    runtime: &dyn Runtime,
    addresses: impl IntoIterator<Item = SocketAddr>,
    options: &ConnectOptions,
) -> Result<Winner, ConnectError> {
    run_list(runtime, addresses, options, NoHandshake).await
}

/// Like [`connect`], with a handshake as part of the race: an attempt wins when its handshake is
/// done, and a handshake that fails or hangs is followed by the next address.
///
/// # Errors
///
/// When no address could be connected and complete its handshake.
///
/// Source: draft-ietf-happy-happyeyeballs-v3: with TLS, the race goes on until the TLS handshake
/// is done.
pub async fn connect_with<H, F, T>(
    runtime: &dyn Runtime,
    addresses: impl IntoIterator<Item = SocketAddr>,
    options: &ConnectOptions,
    handshake: H,
) -> Result<Winner<T>, ConnectError>
where
    H: FnMut(Box<dyn Stream>) -> F,
    F: Future<Output = io::Result<T>> + Send + 'static,
{
    run_list(runtime, addresses, options, WithHandshake(handshake)).await
}

/// Looks a name up, and races connections to its addresses as they arrive.
///
/// `host` may be an IP address, with or without brackets, and with an interface by number or name
/// (`fe80::1%eth0`): then nothing is looked up.
///
/// # Errors
///
/// When the name cannot be looked up, or no address of it could be connected.
pub async fn connect_host(
    runtime: &dyn Runtime,
    host: &str,
    port: u16,
    lookup: &dyn AddressLookup,
    options: &ConnectOptions,
) -> Result<Winner, ConnectError> {
    run_host(runtime, host, port, lookup, options, NoHandshake).await
}

/// Like [`connect_host`], with a handshake as part of the race: see [`connect_with`].
///
/// # Errors
///
/// When the name cannot be looked up, or no address of it could be connected and complete its
/// handshake.
pub async fn connect_host_with<H, F, T>(
    runtime: &dyn Runtime,
    host: &str,
    port: u16,
    lookup: &dyn AddressLookup,
    options: &ConnectOptions,
    handshake: H,
) -> Result<Winner<T>, ConnectError>
where
    H: FnMut(Box<dyn Stream>) -> F,
    F: Future<Output = io::Result<T>> + Send + 'static,
{
    run_host(
        runtime,
        host,
        port,
        lookup,
        options,
        WithHandshake(handshake),
    )
    .await
}

async fn run_list<F: Finish>(
    runtime: &dyn Runtime,
    addresses: impl IntoIterator<Item = SocketAddr>,
    options: &ConnectOptions,
    finish: F,
) -> Result<Winner<F::Output>, ConnectError> {
    attach(runtime, String::new)?;
    let mut driver = RaceDriver::new(runtime, options, Vec::new(), true, finish);
    driver.add(AddressQuery::All, addresses);
    result(driver.run().await, String::new)
}

async fn run_host<F: Finish>(
    runtime: &dyn Runtime,
    host: &str,
    port: u16,
    lookup: &dyn AddressLookup,
    options: &ConnectOptions,
    finish: F,
) -> Result<Winner<F::Output>, ConnectError> {
    let target = || {
        if host.contains(':') && !host.starts_with('[') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        }
    };
    attach(runtime, target)?;
    let literal = literal(runtime, host, port);
    if let Ok(Some(address)) = literal {
        let mut driver = RaceDriver::new(runtime, options, Vec::new(), true, finish);
        driver.add(AddressQuery::All, [address]);
        return result(driver.run().await, target);
    }
    let failed = |error| -> Vec<(AddressQuery, Answer)> {
        vec![(
            AddressQuery::All,
            Box::pin(std::future::ready(Err(error))) as Answer,
        )]
    };
    let answers = match literal {
        Err(error) => failed(error),
        Ok(_) if host.is_empty() => failed(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the host name is empty",
        )),
        Ok(_) => lookup.lookup(runtime, host, port),
    };
    let driver = RaceDriver::new(runtime, options, answers, lookup.is_sorted(), finish);
    result(driver.run().await, target)
}

/// Attaches the runtime, and turns its error into this crate's.
fn attach(runtime: &dyn Runtime, target: impl FnOnce() -> String) -> Result<(), ConnectError> {
    runtime.attach().map_err(|error| {
        let report = empty_report(runtime.now());
        let errors = vec![(AddressQuery::All, error)];
        ConnectError::new(ConnectErrorKind::Runtime, target(), report, errors)
    })
}

fn empty_report(now: Instant) -> RaceReport {
    Race::awaiting(&[], RaceOptions::default(), now).into_report()
}

/// Parses a host that is an IP address, with or without brackets, and with an interface by number or
/// name. `None` for a name, and for the name of an interface where the runtime cannot look that up:
/// the lookup of the host then decides.
///
/// # Errors
///
/// When there is no such interface.
fn literal(runtime: &dyn Runtime, host: &str, port: u16) -> io::Result<Option<SocketAddr>> {
    let inner = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let text = inner.unwrap_or(host);
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok(Some(SocketAddr::new(ip, port)));
    }
    let (ip, zone) = text.split_once('%').unwrap_or_default();
    let Ok(ip) = ip.parse() else {
        return Ok(None);
    };
    match zone.parse().or_else(|_| runtime.interface_index(zone)) {
        Ok(index) => Ok(Some(SocketAddrV6::new(ip, port, 0, index).into())),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the winner of a race that has ended, or the error.
fn result<T>(
    finished: Finished<T>,
    target: impl FnOnce() -> String,
) -> Result<Winner<T>, ConnectError> {
    let Finished {
        winner,
        race,
        failed,
        end,
    } = finished;
    let report = race.into_report();
    if let (Some(stream), Some(address)) = (winner, report.winner()) {
        return Ok(Winner {
            stream,
            address,
            report,
        });
    }
    let kind = match end {
        RaceEnd::TimedOut => ConnectErrorKind::TimedOut,
        RaceEnd::Exhausted if report.attempts().len() > 0 => ConnectErrorKind::AllFailed,
        RaceEnd::Exhausted if !failed.is_empty() => ConnectErrorKind::Lookup,
        RaceEnd::Exhausted => ConnectErrorKind::NoAddresses,
        _ => ConnectErrorKind::Aborted,
    };
    Err(ConnectError::new(kind, target(), report, failed))
}
