//! The client.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use trunkline_runtime::Runtime;

use super::driver::Driver;
use super::files::{Files, interface_index};
use super::flight::{Flight, Waiter};
use super::pool::Pool;
use super::{IpLookup, RecordLookup};
use crate::core::{ClientState, Local, Lookup, Plan, Question, Report, local_answer};
use crate::{ClientConfig, Families, LookupError, LookupErrorKind, RecordType, Srv, Svcb};

/// Lookups that may be under way at the same time: more sockets than most processes may have.
const MAX_FLIGHTS: usize = 8192;
/// After so many lookups the generator of ids gets a new seed.
const RESEED_EVERY: u64 = 1024;

/// A DNS client over a runtime.
///
/// Cheap to clone; clones share what is known about servers, the cache, and lookups under way: two
/// lookups of one name at the same time are one question.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

impl Client {
    /// A client; no I/O happens before the first lookup is polled.
    #[must_use]
    pub fn new(runtime: Arc<dyn Runtime>, config: ClientConfig) -> Self {
        let pool = Arc::new(Pool::new(config.tcp_idle));
        let state = State {
            files: Files::new(config),
            memory: None,
            flights: BTreeMap::new(),
            started: 0,
        };
        let shared = Shared {
            runtime,
            pool,
            state: Mutex::new(state),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Looks up the addresses of `host`: an IP literal, a name of the hosts file, or a name in the
    /// DNS, absolute (`orders.prod.`) or relative to the search list.
    ///
    /// The lookup starts when it is first polled; dropping it gives it up.
    pub fn lookup_ip(&self, host: &str, families: Families) -> IpLookup {
        IpLookup::new(Arc::clone(&self.shared), host, families)
    }

    /// Looks up the SRV records of `name`, such as `_grpc._tcp.orders.prod.`.
    pub fn lookup_srv(&self, name: &str) -> RecordLookup<Srv> {
        RecordLookup::new(Arc::clone(&self.shared), name, RecordType::Srv)
    }

    /// Looks up the TXT records of `name`: each one's strings, joined.
    pub fn lookup_txt(&self, name: &str) -> RecordLookup<Vec<u8>> {
        RecordLookup::new(Arc::clone(&self.shared), name, RecordType::Txt)
    }

    /// Looks up the HTTPS records of `name`.
    pub fn lookup_https(&self, name: &str) -> RecordLookup<Svcb> {
        RecordLookup::new(Arc::clone(&self.shared), name, RecordType::Https)
    }

    /// Looks up the SVCB records of `name`.
    pub fn lookup_svcb(&self, name: &str) -> RecordLookup<Svcb> {
        RecordLookup::new(Arc::clone(&self.shared), name, RecordType::Svcb)
    }
}

/// What the clones of a client share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) runtime: Arc<dyn Runtime>,
    pool: Arc<Pool>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    files: Files,
    /// Made when it is first needed, since it takes a seed.
    memory: Option<ClientState>,
    flights: BTreeMap<Question, Arc<Flight>>,
    /// Waiters so far.
    started: u64,
}

/// What a lookup of addresses begins with.
pub(super) enum Begun {
    /// The answer is known without asking anybody.
    Local(Local),
    /// Servers are asked.
    Waiting(Waiter),
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin_ip(
        self: &Arc<Self>,
        host: &str,
        families: Families,
    ) -> Result<Begun, LookupError> {
        let now = self.attach(host)?;
        let mut state = self.state();
        self.look(&mut state, now);
        match local_answer(host, families, state.files.hosts(), interface_index)? {
            Local::Ask(name) => {
                let mut question = Question::addresses(name, families);
                if self.memory(&mut state).settings().no_aaaa {
                    question.types.retain(|&of| of != RecordType::Aaaa);
                }
                if question.types.is_empty() {
                    let why = "IPv6 addresses are not asked for (`options no-aaaa`)";
                    return Err(LookupError::local(LookupErrorKind::NoData, host, why));
                }
                let waiter = self.join(&mut state, host, question, now)?;
                Ok(Begun::Waiting(waiter))
            }
            found => Ok(Begun::Local(found)),
        }
    }

    pub(super) fn begin_records(
        self: &Arc<Self>,
        name: &str,
        record_type: RecordType,
    ) -> Result<Waiter, LookupError> {
        let now = self.attach(name)?;
        let question = Question::records(crate::core::check_name(name)?, record_type);
        let mut state = self.state();
        self.look(&mut state, now);
        self.join(&mut state, name, question, now)
    }

    fn attach(&self, name: &str) -> Result<Instant, LookupError> {
        self.runtime.attach().map_err(|error| {
            LookupError::local(LookupErrorKind::Unavailable, name, &error.to_string())
        })?;
        Ok(self.runtime.now())
    }

    fn look(&self, state: &mut State, now: Instant) {
        if let Some(settings) = state.files.look(now)
            && self.memory(state).set_settings(settings)
        {
            // The servers may be others now. Who waits for those of before still gets an answer.
            self.pool.clear();
            state.flights.clear();
        }
    }

    fn memory<'a>(&self, state: &'a mut State) -> &'a mut ClientState {
        let State { memory, files, .. } = state;
        memory.get_or_insert_with(|| {
            let mut seed = [0; 32];
            self.runtime.fill_entropy(&mut seed);
            ClientState::new(files.settings(), seed)
        })
    }

    /// Waits for the flight of a question, which is started where there is none.
    fn join(
        self: &Arc<Self>,
        state: &mut State,
        text: &str,
        question: Question,
        now: Instant,
    ) -> Result<Waiter, LookupError> {
        state.started += 1;
        let number = state.started;
        let flight = match state.flights.get(&question) {
            Some(flight) => Arc::clone(flight),
            None if state.flights.len() >= MAX_FLIGHTS => {
                let why = format!("{MAX_FLIGHTS} lookups of this client are under way already");
                return Err(LookupError::local(LookupErrorKind::Unavailable, text, &why));
            }
            None => {
                let driver = self.start(state, text, &question, now);
                let is_over = driver.lookup.result().is_some();
                let flight = Arc::new(Flight::new(driver));
                // What the cache says holds now, and not for who comes later.
                if !is_over {
                    state.flights.insert(question.clone(), Arc::clone(&flight));
                }
                flight
            }
        };
        Ok(Waiter::new(Arc::clone(self), flight, question, number))
    }

    fn start(
        self: &Arc<Self>,
        state: &mut State,
        text: &str,
        question: &Question,
        now: Instant,
    ) -> Driver {
        let reseed = state.started.is_multiple_of(RESEED_EVERY);
        let memory = self.memory(state);
        if reseed {
            let mut seed = [0; 32];
            self.runtime.fill_entropy(&mut seed);
            memory.reseed(seed);
        }
        if memory.settings().cookies {
            for server in memory.settings().servers.clone() {
                memory.handle_source(server, self.runtime.source_address(server).ok());
            }
        }
        let plan = memory.plan(question.clone(), now);
        if let Some(probe) = memory.probe(&plan, now) {
            self.spawn_probe(text, probe, now);
        }
        self.driver(Lookup::new(text, plan, now))
    }

    fn driver(&self, lookup: Lookup) -> Driver {
        Driver::new(Arc::clone(&self.runtime), Arc::clone(&self.pool), lookup)
    }

    /// Asks a server that had failed, in the background.
    fn spawn_probe(self: &Arc<Self>, text: &str, plan: Plan, now: Instant) {
        let mut driver = self.driver(Lookup::new(text, plan, now));
        let shared = Arc::clone(self);
        let task = std::future::poll_fn(move |cx| {
            driver.poll(cx, &mut |report, now| {
                // A probe tells about its server, and nothing about the name.
                if !matches!(report, Report::Won { .. } | Report::Lost { .. }) {
                    shared.report(report, now);
                }
            })
        });
        self.runtime.spawn(Box::pin(task));
    }

    pub(super) fn report(&self, report: Report, now: Instant) {
        if let Some(memory) = &mut self.state().memory {
            memory.handle_report(report, now);
        }
    }

    /// A flight has ended: later lookups start anew.
    pub(super) fn forget(&self, question: &Question, flight: &Arc<Flight>) {
        let mut state = self.state();
        let current = state.flights.get(question);
        if current.is_some_and(|current| Arc::ptr_eq(current, flight)) {
            state.flights.remove(question);
        }
    }

    /// One who waited is gone; a flight that nobody waits for is given up.
    pub(super) fn leave(&self, question: &Question, flight: Arc<Flight>) {
        let mut state = self.state();
        let current = state.flights.get(question);
        if !current.is_some_and(|current| Arc::ptr_eq(current, &flight)) {
            return;
        }
        // Under the lock, where all others are made: of two who leave at once the second is to see
        // that it is the last, with the table's own.
        drop(flight);
        let is_last = |current: &Arc<Flight>| Arc::strong_count(current) == 1;
        let table = match state.flights.get(question).is_some_and(is_last) {
            true => state.flights.remove(question),
            false => None,
        };
        drop(state);
        // Closed outside of the lock: closing a socket takes a while.
        drop(table);
    }
}
