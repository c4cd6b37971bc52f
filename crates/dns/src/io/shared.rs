//! What the clones of a client share: its state, its sockets, the lookups under way.

use std::sync::Arc;
use std::time::Instant;

use trunkline_runtime::{Lock, Runtime};

use super::driver::LookupDriver;
use super::files::Files;
use super::flight::Flight;
use super::pool::Pool;
use crate::core::{
    ClientState, Flights, Local, Lookup, LookupRequest, MAX_FLIGHTS, Plan, Report, Ticket,
    check_name, local_answer,
};
use crate::{ClientConfig, Families, LookupError, LookupErrorKind, RecordType};

/// What the clones of a client share.
#[derive(Debug)]
pub(super) struct ClientShared {
    pub(super) runtime: Arc<dyn Runtime>,
    pool: Arc<Pool>,
    tables: Lock<Tables>,
}

#[derive(Debug)]
struct Tables {
    files: Files,
    /// Made by the first lookup, since it needs a seed.
    client_state: Option<ClientState>,
    flights: Flights<Arc<Flight>>,
}

/// How a lookup of addresses begins.
pub(super) enum Begun {
    /// No server is needed for the answer.
    Local(Local),
    /// Servers are asked.
    Joined(Joined),
}

/// A flight that a waiter has joined.
pub(super) struct Joined {
    pub(super) flight: Arc<Flight>,
    pub(super) ticket: Ticket,
}

impl ClientShared {
    pub(super) fn new(runtime: Arc<dyn Runtime>, config: ClientConfig) -> Self {
        Self {
            runtime,
            pool: Arc::new(Pool::new(config.tcp_idle)),
            tables: Lock::new(Tables {
                files: Files::new(config),
                client_state: None,
                flights: Flights::default(),
            }),
        }
    }

    /// Begins a lookup of addresses.
    pub(super) fn begin_ip(
        self: &Arc<Self>,
        host: &str,
        families: Families,
    ) -> Result<Begun, LookupError> {
        let now = self.attach(host)?;
        let mut tables = self.tables.lock();
        self.look(&mut tables, now);
        let interface = |name: &str| self.interface_index(name);
        match local_answer(host, families, tables.files.hosts(), interface)? {
            Local::Ask(name) => {
                let settings = self.client_state(&mut tables).settings();
                let request = settings.addresses_request(host, name, families)?;
                let joined = self.join(&mut tables, host, request, now)?;
                Ok(Begun::Joined(joined))
            }
            found => Ok(Begun::Local(found)),
        }
    }

    /// Begins a lookup of records of one type.
    pub(super) fn begin_records(
        self: &Arc<Self>,
        name: &str,
        record_type: RecordType,
    ) -> Result<Joined, LookupError> {
        let now = self.attach(name)?;
        let request = LookupRequest::records(check_name(name)?, record_type);
        let mut tables = self.tables.lock();
        self.look(&mut tables, now);
        self.join(&mut tables, name, request, now)
    }

    fn attach(&self, name: &str) -> Result<Instant, LookupError> {
        self.runtime.attach().map_err(|error| {
            LookupError::local(LookupErrorKind::Unavailable, name, &error.to_string())
        })?;
        Ok(self.runtime.now())
    }

    /// Looks at the files of the configuration where that is due.
    fn look(&self, tables: &mut Tables, now: Instant) {
        if !tables.files.look(now) {
            return;
        }
        let settings = tables.files.settings(|name| self.interface_index(name));
        if self.client_state(tables).set_settings(settings) {
            // The servers may be others now. Waiters of flights to the old ones still get an
            // answer.
            self.pool.clear();
            tables.flights.clear();
        }
    }

    fn client_state<'a>(&self, tables: &'a mut Tables) -> &'a mut ClientState {
        let Tables {
            client_state,
            files,
            ..
        } = tables;
        client_state.get_or_insert_with(|| {
            let settings = files.settings(|name| self.interface_index(name));
            ClientState::new(settings, self.seed())
        })
    }

    fn interface_index(&self, name: &str) -> Option<u32> {
        self.runtime.interface_index(name).ok()
    }

    fn seed(&self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.runtime.fill_entropy(&mut seed);
        seed
    }

    /// Joins the flight of a request, which is started where there is none.
    fn join(
        self: &Arc<Self>,
        tables: &mut Tables,
        text: &str,
        request: LookupRequest,
        now: Instant,
    ) -> Result<Joined, LookupError> {
        if let Some((flight, ticket)) = tables.flights.join(&request) {
            return Ok(Joined { flight, ticket });
        }
        if tables.flights.is_full() {
            let why = format!("{MAX_FLIGHTS} lookups of this client are under way already");
            return Err(LookupError::local(LookupErrorKind::Unavailable, text, &why));
        }
        let driver = self.start(tables, text, &request, now);
        let is_over = driver.lookup.result().is_some();
        let flight = Arc::new(Flight::new(driver));
        let ticket = tables.flights.start(request, Arc::clone(&flight), is_over);
        Ok(Joined { flight, ticket })
    }

    fn start(
        self: &Arc<Self>,
        tables: &mut Tables,
        text: &str,
        request: &LookupRequest,
        now: Instant,
    ) -> LookupDriver {
        let client_state = self.client_state(tables);
        if client_state.needs_seed() {
            client_state.reseed(self.seed());
        }
        for server in client_state.sources_needed().to_vec() {
            client_state.handle_source(server, self.runtime.source_address(server).ok());
        }
        let plan = client_state.plan(request.clone(), now);
        if let Some(probe) = client_state.probe(&plan, now) {
            self.spawn_probe(text, probe, now);
        }
        self.driver(Lookup::new(text, plan, now))
    }

    fn driver(&self, lookup: Lookup) -> LookupDriver {
        LookupDriver::new(Arc::clone(&self.runtime), Arc::clone(&self.pool), lookup)
    }

    /// Spawns a task that asks a server which had failed.
    fn spawn_probe(self: &Arc<Self>, text: &str, plan: Plan, now: Instant) {
        let mut driver = self.driver(Lookup::new(text, plan, now));
        let shared = Arc::clone(self);
        let task = std::future::poll_fn(move |cx| {
            driver.poll(cx, &mut |report, now| shared.report(report, now))
        });
        self.runtime.spawn(Box::pin(task));
    }

    /// Passes a fact to the client's state.
    pub(super) fn report(&self, report: Report, now: Instant) {
        if let Some(client_state) = &mut self.tables.lock().client_state {
            client_state.handle_report(report, now);
        }
    }

    /// Handles the end of a flight.
    pub(super) fn handle_end(&self, ticket: &Ticket) {
        self.tables.lock().flights.handle_end(ticket);
    }

    /// Handles the drop of a waiter, which ends its flight where it was the last waiter.
    pub(super) fn leave(&self, ticket: &Ticket) {
        let last = self.tables.lock().flights.leave(ticket);
        // The sockets are closed outside of the lock, since closing takes a while.
        drop(last);
    }
}
