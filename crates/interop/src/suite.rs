//! gRPC's own interop suite, with Trunkline as the client: every case against every server, and the
//! table of the results.

// From the ground up.
mod proto;

// What passes on the wire.
mod messages;
mod trace_parent;
mod watched;

// The servers of other projects, and the own one.
mod addresses;
mod certificates;
mod echo;
mod foreign;
mod service;
mod tonic_server;

// The client, and its cases.
mod backend_metrics;
mod judge;
mod stub;

mod cases;
mod edge;

// Foreign clients of what this program shows of itself.
mod admin_server;
mod reader;

// The results.
mod column;
mod mutual;
mod table;

// The document with the table.
mod document;

// What the suite lacks: foreign clients of channelz and CSDS, servers that come and go, one that fails, some that
// report their load, some that trace, and a control plane.
pub(crate) mod channelz;
pub(crate) mod ejection;
pub(crate) mod rotation;
pub(crate) mod traces;
pub(crate) mod weights;
pub(crate) mod xds;

use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use trunkline::Tls;

use self::addresses::Addresses;
use self::cases::Soak;
use self::certificates::Certificates;
use self::column::Column;
use self::stub::Place;
use self::table::Table;
use self::tonic_server::TonicServer;
use crate::clients::NamedRuntime;
use crate::environment::optional;
use crate::wrong::Wrong;

/// The length of a soak, unless the environment has another one.
const SHORT_SOAK_SECS: u64 = 3;

/// The longest time that a call of a soak may take, when a length is asked for.
const ACCEPTABLE_LATENCY: Duration = Duration::from_secs(1);

/// The same in a short soak, which is part of a run with many others and finds calls that hang.
const SHORT_ACCEPTABLE_LATENCY: Duration = Duration::from_secs(10);

/// Runs the suite on all runtimes, prints its table, and compares it with the document.
///
/// # Errors
///
/// When a case fails, and when the document has another table.
pub(crate) fn check(runtimes: &[NamedRuntime; 3]) -> Result<(), Wrong> {
    let asked = optional("SOAK_SECS")?;
    let soak = Soak {
        length: Duration::from_secs(asked.unwrap_or(SHORT_SOAK_SECS)),
        acceptable_latency: asked.map_or(SHORT_ACCEPTABLE_LATENCY, |_: u64| ACCEPTABLE_LATENCY),
    };
    let certificates = Certificates::make()?;
    // The processes end when this is dropped.
    let foreign = foreign::start(&certificates)?;
    let tonic = TonicServer::start(&certificates)?;
    let mut servers = Vec::new();
    for server in &foreign {
        match &server.started {
            Ok(running) => servers.push((server.name, running.addresses)),
            Err(why) => println!("skipped: the suite against {}: {why}", server.name),
        }
    }
    let is_whole = servers.len() == foreign.len();
    servers.push(("tonic", tonic.addresses));
    let table = run(&servers, &certificates, runtimes, soak)?;
    print!("{table}");
    table.judge()?;
    if is_whole {
        document::update(&table)
    } else {
        println!("skipped: the comparison with docs/interop.md: the table is not whole");
        Ok(())
    }
}

/// Runs all cases, those of different servers at the same time.
fn run(
    servers: &[(&'static str, Addresses)],
    certificates: &Certificates,
    runtimes: &[NamedRuntime],
    soak: Soak,
) -> Result<Table, Wrong> {
    let tls = Tls::new().with_ca_pem(certificates.root_pem());
    let places = servers.iter().flat_map(|(name, addresses)| {
        let plaintext = Place::plaintext(addresses.plaintext);
        let tls = Place::tls(addresses.tls, tls.clone());
        [
            ((*name).to_owned(), plaintext),
            (format!("{name}, TLS"), tls),
        ]
    });
    thread::scope(|scope| {
        let edge = scope.spawn(|| edge::run(runtimes));
        let columns = places
            .map(|(title, place)| scope.spawn(move || Column::run(title, &place, runtimes, soak)));
        let columns: Vec<_> = columns.collect();
        let mutual = servers.iter().map(|(name, addresses)| {
            let run = || Column {
                title: (*name).to_owned(),
                cells: mutual::run(*addresses, certificates, runtimes).into(),
            };
            scope.spawn(run)
        });
        let mutual: Vec<_> = mutual.collect();
        let columns = columns.into_iter().map(joined);
        let columns = columns.collect::<Result<_, _>>()?;
        let mutual = mutual.into_iter().map(joined);
        let mutual = mutual.collect::<Result<_, _>>()?;
        Ok(Table::new(columns, joined(edge)?, mutual))
    })
}

/// Waits for the result of a thread.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> Result<T, Wrong> {
    let ended = thread.join();
    ended.map_err(|_| Wrong::from("a thread of the suite panicked"))
}
