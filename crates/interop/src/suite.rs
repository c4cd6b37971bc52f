//! gRPC's own interop suite, with Trunkline as the client: every case against every server, and the
//! table of the results.

// From the ground up.
mod proto;

// What passes on the wire.
mod messages;
mod watched;

// The servers of other projects, and the own one.
mod certificates;
mod echo;
mod foreign;
mod service;
mod tonic_server;

// The client, and its cases.
mod judge;
mod stub;

mod cases;
mod edge;

// The results.
mod column;
mod table;

// The document with the table.
mod document;

use std::thread;
use std::time::Duration;

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

/// Runs the suite on all runtimes, prints its table, and compares it with the document.
///
/// # Errors
///
/// When a case fails, and when the document has another table.
pub(crate) fn check(runtimes: &[NamedRuntime; 3]) -> Result<(), Wrong> {
    let soak = Soak {
        length: Duration::from_secs(optional("SOAK_SECS")?.unwrap_or(SHORT_SOAK_SECS)),
    };
    let certificates = Certificates::make()?;
    // The processes end when this is dropped.
    let foreign = foreign::start(&certificates)?;
    let tonic = TonicServer::start(&certificates.server)?;
    let mut servers = Vec::new();
    let mut add = |name: &str, plaintext, tls| {
        servers.push((name.to_owned(), Place::plaintext(plaintext)));
        servers.push((format!("{name}, TLS"), Place::tls(tls, certificates.root())));
    };
    let mut is_whole = true;
    for server in &foreign {
        match &server.started {
            Ok(running) => add(server.name, running.plaintext, running.tls),
            Err(why) => {
                println!("skipped: the suite against {}: {why}", server.name);
                is_whole = false;
            }
        }
    }
    add("tonic", tonic.plaintext, tonic.tls);
    let table = thread::scope(|scope| {
        let edge = scope.spawn(|| edge::run(runtimes));
        let columns = servers
            .into_iter()
            .map(|(title, place)| scope.spawn(move || Column::run(title, &place, runtimes, soak)));
        let columns: Vec<_> = columns.collect();
        let columns = columns.into_iter().map(|column| {
            let column = column.join();
            column.map_err(|_| Wrong::from("the thread of a server panicked"))
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let edge = edge.join();
        let edge = edge.map_err(|_| Wrong::from("the thread of the HTTP/2 cases panicked"))?;
        Ok::<_, Wrong>(Table::new(columns, edge))
    })?;
    print!("{table}");
    table.judge()?;
    if is_whole {
        document::update(&table)
    } else {
        println!("skipped: the comparison with docs/interop.md: the table is not whole");
        Ok(())
    }
}
