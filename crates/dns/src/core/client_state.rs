//! What a client knows between lookups.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::cache::{Cache, Cached};
use super::cookie::Cookies;
use super::output::Report;
use super::plan::{LookupRequest, Plan, PlannedServer};
use super::random::{Random, SEED};
use super::settings::Settings;
use crate::Name;
use crate::edns_fallback::EdnsSupport;

/// The timeout of a server is this many mean round trips (as in c-ares).
const ROUND_TRIPS: u32 = 5;
/// The shortest timeout, unless a shorter one is configured.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(250);
/// The longest timeout, unless a longer one is configured.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(5);
/// The number of round trips that must have been measured before the timeout follows from their
/// mean.
const MIN_SAMPLES: u32 = 3;
/// The number of round trips over which the mean is taken. Once as many were measured, a new one
/// counts an eighth.
const MEAN_OF: u32 = 8;
/// A server that has failed is probed after this time.
const PROBE_AFTER: Duration = Duration::from_secs(5);
/// Of the lookups that find a probe due, one in this many starts it.
const PROBE_ONE_IN: usize = 10;
/// The maximum number of relative names for which the candidate with records is remembered.
const MAX_WINNERS: usize = 1024;
/// The maximum number of servers that are remembered; far more than a configuration has.
const MAX_SERVERS: usize = 64;
/// The number of plans after which the generator of ids gets a new seed.
const PLANS_PER_SEED: u32 = 1024;

/// What a client knows between lookups: its settings, its servers, its cache, and for a relative
/// name the candidate of the search list that had records.
#[derive(Debug)]
pub struct ClientState {
    settings: Settings,
    /// Number of changes of the settings.
    generation: u64,
    random: Random,
    /// Plans that were made since the last seed.
    plans: u32,
    servers: BTreeMap<SocketAddr, KnownServer>,
    /// The candidate that had records, by relative name.
    winners: BTreeMap<Name, Name>,
    cache: Cache,
}

/// What is known of a server.
#[derive(Debug, Default)]
struct KnownServer {
    /// Failures since the last answer: servers with fewer are asked first.
    failures: u32,
    /// When the server may be probed; set after a failure.
    probe_at: Option<Instant>,
    probing: bool,
    /// The mean of the round trips in seconds; newer ones count more.
    round_trip: f64,
    /// Number of round trips that were measured.
    samples: u32,
    edns: EdnsSupport,
    cookies: Cookies,
}

impl KnownServer {
    /// Returns the timeout for the server; `default` is the configured one.
    fn timeout(&self, default: Duration) -> Duration {
        if self.samples < MIN_SAMPLES {
            return default;
        }
        let mean = Duration::from_secs_f64(self.round_trip.clamp(0.0, 60.0));
        (mean * ROUND_TRIPS).clamp(SHORTEST_TIMEOUT.min(default), LONGEST_TIMEOUT.max(default))
    }
}

impl ClientState {
    /// Returns the state before the first lookup. `seed` must be unpredictable, since query ids
    /// follow from it.
    #[must_use]
    pub fn new(settings: Settings, seed: [u8; SEED]) -> Self {
        Self {
            settings,
            generation: 0,
            random: Random::from_seed(seed),
            plans: 0,
            servers: BTreeMap::new(),
            winners: BTreeMap::new(),
            cache: Cache::default(),
        }
    }

    /// Returns whether [`reseed`](Self::reseed) is due: after every 1024 plans.
    #[must_use]
    pub fn needs_seed(&self) -> bool {
        self.plans >= PLANS_PER_SEED
    }

    /// Replaces the seed, so that later ids cannot be computed from what is in memory now.
    pub fn reseed(&mut self, seed: [u8; SEED]) {
        self.random = Random::from_seed(seed);
        self.plans = 0;
    }

    /// Returns the servers for which [`handle_source`](Self::handle_source) is to be called before
    /// the next plan: all of them where queries carry cookies, else none.
    #[must_use]
    pub fn sources_needed(&self) -> &[SocketAddr] {
        if self.settings.cookies {
            &self.settings.servers
        } else {
            &[]
        }
    }

    /// Returns the current settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Replaces the settings; returns whether the new ones differ. Cached answers and winning
    /// candidates are then dropped, since other servers or another search list may give others.
    /// What is known of a server stays.
    pub fn set_settings(&mut self, settings: Settings) -> bool {
        if settings == self.settings {
            return false;
        }
        self.cache.clear();
        self.winners.clear();
        self.settings = settings;
        self.generation += 1;
        true
    }

    /// Returns the plan of a lookup that starts at `now`.
    #[must_use]
    pub fn plan(&mut self, request: LookupRequest, now: Instant) -> Plan {
        self.plans = self.plans.saturating_add(1);
        let mut candidates = self.settings.candidates(&request.name);
        let winner = self.winners.get(&request.name);
        if let Some(at) = winner.and_then(|winner| candidates.iter().position(|c| c == winner)) {
            candidates[..=at].rotate_right(1);
        }
        let cached = self.cached(&candidates, &request, now);
        let settings = &self.settings;
        Plan {
            candidates,
            cached,
            servers: Vec::new(),
            unusable_servers: settings.unusable_servers.clone(),
            attempts: settings.attempts,
            timeout: settings.timeout,
            deadline: settings.deadline,
            tcp_only: settings.tcp_only,
            single_request: settings.single_request,
            own_sockets: settings.own_sockets,
            udp_pool: settings.udp_pool,
            case_randomization: settings.case_randomization,
            max_ttl: settings.max_ttl,
            seed: self.random.seed(),
            generation: self.generation,
            request,
        }
        .with_servers(self.ordered_servers(now))
    }

    /// Returns the plan of a probe, where one is due. It asks a server that has failed, for the
    /// first candidate and type of `plan`. The answer is not used, but shows that the server works
    /// again.
    #[must_use]
    pub fn probe(&mut self, plan: &Plan, now: Instant) -> Option<Plan> {
        let first = plan.servers.first()?.address;
        let due = plan.servers.iter().find(|server| {
            let known = self.servers.get(&server.address);
            server.address != first
                && known.is_some_and(|known| {
                    known.failures > 0
                        && !known.probing
                        && known.probe_at.is_some_and(|at| at <= now)
                })
        })?;
        if self.random.below(PROBE_ONE_IN) != 0 {
            return None;
        }
        self.servers.get_mut(&due.address)?.probing = true;
        let mut probe = plan.clone();
        probe.servers = vec![due.clone()];
        probe.candidates.truncate(1);
        probe.request.types.truncate(1);
        probe.cached.clear();
        probe.attempts = 1;
        probe.deadline = plan.timeout;
        probe.seed = self.random.seed();
        Some(probe)
    }

    /// Handles the client's address that a server sees, `None` where it is not known: a cookie is
    /// for one address.
    pub fn handle_source(&mut self, server: SocketAddr, source: Option<IpAddr>) {
        if let Some(known) = self.known(server) {
            known.cookies.handle_source(source);
        }
    }

    /// Handles a fact that a lookup has learned.
    pub fn handle_report(&mut self, report: Report, now: Instant) {
        match report {
            Report::Answered { server, round_trip } => {
                let Some(known) = self.known(server) else {
                    return;
                };
                known.failures = 0;
                known.probing = false;
                known.probe_at = None;
                if let Some(round_trip) = round_trip {
                    let seconds = round_trip.as_secs_f64();
                    let weight = 1.0 / f64::from(known.samples.min(MEAN_OF - 1) + 1);
                    known.round_trip += (seconds - known.round_trip) * weight;
                    known.samples = known.samples.saturating_add(1);
                }
            }
            Report::Failed { server } => {
                let Some(known) = self.known(server) else {
                    return;
                };
                known.failures = known.failures.saturating_add(1);
                known.probing = false;
                known.probe_at = Some(now + PROBE_AFTER);
            }
            Report::NoEdns { server } => {
                if let Some(known) = self.known(server) {
                    known.edns.handle_unsupported(now);
                }
            }
            Report::Cookie { server, cookie } => {
                if let Some(known) = self.known(server) {
                    known.cookies.handle_cookie(cookie);
                }
            }
            Report::NoCookie { server } => {
                if let Some(known) = self.known(server) {
                    known.cookies.handle_missing(now);
                }
            }
            Report::Learned {
                name,
                record_type,
                what,
                generation,
            } if generation == self.generation => {
                let bound = self.settings.cache_entries;
                self.cache.insert(&name, record_type, what, bound, now);
            }
            Report::Won {
                name,
                candidate,
                generation,
            } if generation == self.generation => {
                if self.winners.len() >= MAX_WINNERS {
                    self.winners.pop_first();
                }
                self.winners.insert(name, candidate);
            }
            Report::Learned { .. } | Report::Won { .. } => {}
            Report::Lost { name } => {
                self.winners.remove(&name);
            }
        }
    }

    /// Returns the number of answers in the cache.
    #[must_use]
    pub fn cache_len(&self) -> usize {
        self.cache.len()
    }

    /// Returns what is known of a server; `None` where too many servers are known already.
    fn known(&mut self, server: SocketAddr) -> Option<&mut KnownServer> {
        if self.servers.len() >= MAX_SERVERS && !self.servers.contains_key(&server) {
            return None;
        }
        Some(self.servers.entry(server).or_default())
    }

    /// Returns the servers by the number of their failures, and those with equally many in the
    /// order of the configuration.
    fn ordered_servers(&mut self, now: Instant) -> Vec<PlannedServer> {
        let mut addresses = self.settings.servers.clone();
        if self.settings.rotate && !addresses.is_empty() {
            let start = self.random.below(addresses.len());
            addresses.rotate_left(start);
        }
        addresses.sort_by_key(|address| {
            let known = self.servers.get(address);
            known.map_or(0, |known| known.failures)
        });
        addresses
            .into_iter()
            .map(|address| self.planned(address, now))
            .collect()
    }

    fn planned(&mut self, address: SocketAddr, now: Instant) -> PlannedServer {
        let default = self.settings.timeout;
        let known = self.servers.get(&address);
        let is_edns_assumed = known.is_none_or(|known| known.edns.is_assumed(now));
        let timeout = known.map_or(default, |known| known.timeout(default));
        PlannedServer {
            address,
            timeout,
            edns: self.settings.edns && is_edns_assumed,
            cookie: self.cookie(address, now),
        }
    }

    fn cookie(&mut self, address: SocketAddr, now: Instant) -> Option<Box<[u8]>> {
        if !self.settings.cookies {
            return None;
        }
        let mut fresh = [0; 8];
        self.random.fill(&mut fresh);
        self.known(address)?.cookies.next(fresh, now)
    }

    /// Returns the cached answers, each with the indices of its candidate and its type.
    fn cached(
        &self,
        candidates: &[Name],
        request: &LookupRequest,
        now: Instant,
    ) -> Vec<(usize, usize, Cached)> {
        let mut list = Vec::new();
        if self.cache.len() == 0 {
            return list;
        }
        for (i, candidate) in candidates.iter().enumerate() {
            for (j, &record_type) in request.types.iter().enumerate() {
                if let Some(entry) = self.cache.get(candidate, record_type, now) {
                    list.push((i, j, entry.clone()));
                }
            }
        }
        list
    }
}
