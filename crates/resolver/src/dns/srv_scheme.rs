//! The lookup of the scheme `srv`: one endpoint for each SRV record, with all addresses of its host.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use trunkline_connect::sort_rfc6724;
use trunkline_dns::io::{Client, RecordLookup};
use trunkline_dns::{RecordAnswer, Srv};
use trunkline_endpoint::{Attributes, Endpoint, PriorityGroup, Weight};
use trunkline_runtime::Runtime;

use super::attributes::LookupReport;
use super::early_delivery::EarlyDelivery;
use super::failure::from_lookup;
use super::host_lookup::{HostLookup, HostResult};
use super::known::KnownAddresses;
use super::nameserver::Nameserver;
use super::options::{AddressFamilies, DnsOptions};
use super::paced::{LookupEnd, LookupProgress, RepeatedLookup};
use crate::{Resolution, ResolveError, ResolveErrorKind};

/// The maximum number of hosts that are looked up at the same time.
const MAX_CONCURRENT_HOSTS: usize = 64;

/// The lookup of one service: its SRV records, and the addresses of their hosts.
#[derive(Debug)]
pub(super) struct SrvLookup {
    pub(super) name: String,
    pub(super) runtime: Arc<dyn Runtime>,
    pub(super) options: Arc<DnsOptions>,
    pub(super) nameserver: Nameserver,
    /// The hosts that earlier runs have found.
    pub(super) hosts: Vec<SrvHost>,
    /// The run in progress.
    pub(super) run: Option<SrvRun>,
}

/// One host of the service: an SRV record, and the known addresses of its target.
#[derive(Clone, Debug)]
pub(super) struct SrvHost {
    record: Srv,
    known: KnownAddresses,
}

/// One run of the lookup.
#[derive(Debug)]
pub(super) struct SrvRun {
    started: Instant,
    stage: SrvStage,
    /// The delivery of the hosts whose addresses are known before the others.
    early: EarlyDelivery,
}

/// What a run looks up at present.
#[derive(Debug)]
enum SrvStage {
    /// The address of the DNS server is looked up.
    Server,
    /// The SRV records are looked up.
    Records(Client, RecordLookup<Srv>),
    /// The addresses of the hosts are looked up.
    Hosts(Client, RecordAnswer<Srv>, Vec<HostState>),
}

/// A host of the run, and how far its lookup is.
#[derive(Debug)]
struct HostState {
    host: SrvHost,
    progress: HostProgress,
}

/// How far the lookup of a host is.
#[derive(Debug)]
enum HostProgress {
    /// It starts when another one ends, see [`MAX_CONCURRENT_HOSTS`].
    Waiting,
    Running(Box<HostLookup>),
    Ended(Box<HostResult>),
}

impl HostState {
    /// Returns the queries that have no answer yet, in words.
    fn waiting_for(&self) -> Option<String> {
        match &self.progress {
            HostProgress::Running(lookup) => lookup.waiting_for(),
            HostProgress::Waiting | HostProgress::Ended(_) => None,
        }
    }
}

impl RepeatedLookup for SrvLookup {
    fn start(&mut self, now: Instant) {
        self.run = Some(SrvRun {
            started: now,
            stage: SrvStage::Server,
            early: EarlyDelivery::new(self.options.resolution_delay),
        });
    }

    fn poll(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<LookupProgress> {
        let Some(mut run) = self.run.take() else {
            return Poll::Pending;
        };
        match self.poll_run(&mut run, cx, now) {
            Poll::Ready(Ok(())) => Poll::Ready(self.done(run, now)),
            Poll::Ready(Err(error)) => Poll::Ready(self.fail(error, now)),
            Poll::Pending if now >= self.deadline(&run) => Poll::Ready(self.done(run, now)),
            Poll::Pending => {
                let early = self.early(&mut run, now);
                self.run = Some(run);
                early.map_or(Poll::Pending, |early| {
                    Poll::Ready(LookupProgress::Update(early))
                })
            }
        }
    }

    fn waiting_for(&self) -> Option<String> {
        match &self.run.as_ref()?.stage {
            SrvStage::Server => None,
            SrvStage::Records(_, lookup) => lookup.waiting_for(),
            SrvStage::Hosts(_, _, hosts) => hosts.iter().find_map(HostState::waiting_for),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let run = self.run.as_ref()?;
        let delivery = run.early.poll_timeout();
        delivery.into_iter().chain([self.deadline(run)]).min()
    }
}

impl SrvLookup {
    /// Returns when the run times out. Each lookup in it has the same limit, but they follow each
    /// other, so together they could take a multiple of it.
    fn deadline(&self, run: &SrvRun) -> Instant {
        run.started + self.options.client.lookup_deadline()
    }

    /// Ready when all hosts have been looked up, or when the records could not be.
    fn poll_run(
        &mut self,
        run: &mut SrvRun,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> Poll<Result<(), ResolveError>> {
        loop {
            match &mut run.stage {
                SrvStage::Server => {
                    let client = match ready!(self.nameserver.poll_client(cx, now)) {
                        Ok(client) => client,
                        Err(error) => return Poll::Ready(Err(error)),
                    };
                    let lookup = client.lookup_srv(&self.name);
                    run.stage = SrvStage::Records(client, lookup);
                }
                SrvStage::Records(client, lookup) => {
                    let answer = match ready!(Pin::new(lookup).poll(cx)) {
                        Ok(answer) => answer,
                        Err(error) => return Poll::Ready(Err(from_lookup(error))),
                    };
                    let client = client.clone();
                    let states = host_states(&answer, &self.hosts);
                    if states.is_empty() {
                        return Poll::Ready(Err(no_ports(&self.name, &answer)));
                    }
                    run.stage = SrvStage::Hosts(client, answer, states);
                }
                SrvStage::Hosts(client, _, states) => {
                    return poll_hosts(states, client, &self.options, cx).map(Ok);
                }
            }
        }
    }

    /// Returns a resolution with the hosts whose addresses are known, if the channel has no endpoints
    /// and the resolution delay has passed.
    ///
    /// It waits for the hosts of lower priorities than theirs: otherwise the channel would use the
    /// reserve only because its lookup was faster.
    fn early(&self, run: &mut SrvRun, now: Instant) -> Option<Resolution> {
        let SrvStage::Hosts(_, answer, states) = &run.stage else {
            return None;
        };
        if !run.early.is_open() || self.hosts.iter().any(|host| !host.known.is_empty()) {
            return None;
        }
        let seen: Vec<SrvHost> = states
            .iter()
            .map(|state| match &state.progress {
                HostProgress::Running(lookup) => SrvHost {
                    record: state.host.record.clone(),
                    known: lookup.seen().clone(),
                },
                _ => state.host.clone(),
            })
            .filter(|host| !host.known.is_empty())
            .collect();
        let best = seen.iter().map(|host| host.record.priority).min()?;
        let is_better = |state: &&HostState| state.host.record.priority < best;
        let mut better = states.iter().filter(is_better);
        let is_decided = better.all(|state| matches!(state.progress, HostProgress::Ended(_)));
        if !is_decided || !run.early.poll_due(now) {
            return None;
        }
        let report = LookupReport::early(answer.source.server(), now - run.started);
        Some(self.resolution(&seen, report))
    }

    /// Handles the failure to look up the records.
    fn fail(&mut self, error: ResolveError, now: Instant) -> LookupProgress {
        if error.is_authoritative() {
            self.hosts.clear();
        } else {
            self.nameserver.doubt(now);
        }
        LookupProgress::Done(Resolution::from_error(error), LookupEnd::Failed)
    }

    /// Handles the end of a run: all hosts have been looked up, or it timed out.
    fn done(&mut self, run: SrvRun, now: Instant) -> LookupProgress {
        let SrvStage::Hosts(_, answer, mut states) = run.stage else {
            let text = format!(
                "the lookup of the service {} did not end within {:?}{}",
                self.name,
                self.options.client.lookup_deadline(),
                match self.nameserver.name() {
                    Some(server) => format!(", the lookup of its DNS server {server} included"),
                    None => String::new(),
                }
            );
            let error = ResolveError::new(ResolveErrorKind::Deadline, text);
            return self.fail(error.with_name(&*self.name), now);
        };
        let mut expires = Some(answer.expires);
        let mut attempts = answer.attempts.clone();
        let mut failures = Vec::new();
        let mut partial = false;
        let mut cut_hosts = 0;
        for state in &mut states {
            match &mut state.progress {
                HostProgress::Ended(ended) => {
                    partial |= ended.partial;
                    cut_hosts += usize::from(ended.left_out());
                    expires = expires.into_iter().chain(ended.expires()).min();
                    failures.extend(ended.failure.clone());
                    attempts.append(&mut ended.attempts);
                }
                HostProgress::Waiting | HostProgress::Running(_) => {
                    partial = true;
                    let name = state.host.record.target.to_string();
                    let text = format!("no answer about {name} in time");
                    let error = ResolveError::new(ResolveErrorKind::Deadline, text);
                    failures.push(error.with_name(name));
                }
            }
        }
        self.hosts = states.into_iter().map(|state| state.host).collect();
        let (hosts, absent): (Vec<SrvHost>, Vec<SrvHost>) = self
            .hosts
            .iter()
            .cloned()
            .partition(|host| !host.known.is_empty());
        if hosts.is_empty() {
            if partial {
                self.nameserver.doubt(now);
            }
            let error = no_addresses(&self.name, self.hosts.len(), &failures);
            return LookupProgress::Done(Resolution::from_error(error), LookupEnd::Failed);
        }
        let report = LookupReport {
            partial: partial || answer.left_out || cut_hosts > 0,
            server: answer.source.server(),
            expires,
            attempts,
            ..LookupReport::complete(now - run.started)
        };
        let mut resolution = self.resolution(&hosts, report);
        let mut notes = Vec::new();
        if let Some(record) = without_port(&answer).next() {
            notes.push(format!(
                "{} of {} SRV records of {} have port 0 and are not used, such as that \
                 of {}",
                without_port(&answer).count(),
                answer.records.len(),
                self.name,
                record.target
            ));
        }
        if let Some(host) = absent.first() {
            notes.push(format!(
                "{} of {} hosts of {} have no known address, such as {}",
                absent.len(),
                self.hosts.len(),
                self.name,
                host.record.target
            ));
        }
        if answer.left_out {
            notes.push(format!(
                "{} has more SRV records than the {} that are used",
                self.name,
                answer.records.len()
            ));
        }
        if cut_hosts > 0 {
            notes.push(format!(
                "{cut_hosts} hosts of {} have more addresses than are used",
                self.name
            ));
        }
        resolution.resolution_note = notes.join("; ").into();
        let end = if partial {
            LookupEnd::Partial { expires }
        } else {
            LookupEnd::Complete { expires }
        };
        LookupProgress::Done(resolution, end)
    }

    /// Returns a resolution with an endpoint for each host.
    fn resolution(&self, hosts: &[SrvHost], report: LookupReport) -> Resolution {
        let endpoints: Arc<[Endpoint]> = hosts.iter().map(|host| self.endpoint(host)).collect();
        Resolution::new(endpoints).with_attributes(Attributes::new().with::<LookupReport>(report))
    }

    /// Returns the endpoint of a host: its addresses at the port of its record, with the record's
    /// weight and priority.
    fn endpoint(&self, host: &SrvHost) -> Endpoint {
        let record = &host.record;
        let addresses = host.known.all().into_iter();
        let mut addresses: Vec<SocketAddr> = addresses
            .map(|address| address.with_port(record.port))
            .collect();
        if self.options.sort {
            sort_rfc6724(&mut addresses, &*self.runtime);
        }
        match self.options.families {
            AddressFamilies::PreferIpv4 => addresses.sort_by_key(SocketAddr::is_ipv6),
            AddressFamilies::PreferIpv6 => addresses.sort_by_key(SocketAddr::is_ipv4),
            _ => {}
        }
        let attributes = Attributes::new()
            .with::<Weight>(record.weight.into())
            .with::<PriorityGroup>(record.priority.into());
        Endpoint::new(addresses).with_attributes(attributes)
    }
}

/// Returns the records with port 0, to which nothing can connect: a service that was registered
/// without a port.
fn without_port(answer: &RecordAnswer<Srv>) -> impl Iterator<Item = &Srv> {
    answer.records.iter().filter(|record| record.port == 0)
}

/// Returns the error for a service whose records all have port 0. It is temporary, because the
/// records may be corrected.
fn no_ports(name: &str, answer: &RecordAnswer<Srv>) -> ResolveError {
    let target = answer
        .records
        .first()
        .map(|record| record.target.to_string());
    let text = format!(
        "every SRV record of {name} has port 0, to which nothing can connect, such as that of {}",
        target.unwrap_or_default()
    );
    let error = ResolveError::new(ResolveErrorKind::Unavailable, text).with_name(name);
    match answer.source.server() {
        Some(server) => error.with_server(server),
        None => error,
    }
}

/// Returns the hosts in the records, those with the lowest priority first, with their known
/// addresses. Each host and port is there once, with the lowest priority that it has. Records with
/// port 0 are left out.
fn host_states(answer: &RecordAnswer<Srv>, known: &[SrvHost]) -> Vec<HostState> {
    let with_port = answer.records.iter().filter(|record| record.port != 0);
    let mut records: Vec<&Srv> = with_port.collect();
    records.sort_by_key(|record| record.priority);
    let mut states: Vec<HostState> = Vec::new();
    for record in records {
        let same =
            |host: &SrvHost| host.record.target == record.target && host.record.port == record.port;
        if states.iter().any(|state| same(&state.host)) {
            continue;
        }
        let known = known.iter().find(|host| same(host));
        states.push(HostState {
            host: SrvHost {
                record: record.clone(),
                known: known.map(|host| host.known.clone()).unwrap_or_default(),
            },
            progress: HostProgress::Waiting,
        });
    }
    states
}

/// Polls the lookups of the hosts, and starts those that wait as others end; ready when all have
/// ended.
fn poll_hosts(
    states: &mut [HostState],
    client: &Client,
    options: &DnsOptions,
    cx: &mut Context<'_>,
) -> Poll<()> {
    let mut running = 0;
    for HostState { host, progress } in states {
        if matches!(progress, HostProgress::Waiting) && running < MAX_CONCURRENT_HOSTS {
            let target = host.record.target.to_string();
            let lookup = HostLookup::new(client, &target, options.families.asked());
            *progress = HostProgress::Running(Box::new(lookup));
        }
        if let HostProgress::Running(lookup) = progress
            && let Poll::Ready(ended) = lookup.poll(cx, &mut host.known)
        {
            *progress = HostProgress::Ended(Box::new(ended));
        }
        running += usize::from(!matches!(progress, HostProgress::Ended(_)));
    }
    match running {
        0 => Poll::Ready(()),
        _ => Poll::Pending,
    }
}

/// Returns the error for a service with SRV records none of whose hosts has a known address.
fn no_addresses(name: &str, hosts: usize, failures: &[ResolveError]) -> ResolveError {
    let soft = failures.iter().find(|failure| !failure.is_authoritative());
    let kind = match soft.map(ResolveError::kind) {
        None => ResolveErrorKind::NoData,
        // The target of a record is not a valid name. The record may be corrected, unlike the name
        // that the program asked for, so this error is temporary.
        Some(ResolveErrorKind::InvalidName) => ResolveErrorKind::Unavailable,
        Some(kind) => kind,
    };
    let Some(failure) = soft.or_else(|| failures.first()) else {
        let text = format!("none of the {hosts} hosts of {name} has an address");
        return ResolveError::new(kind, text).with_name(name);
    };
    let with_reason =
        |reason: &str| format!("none of the {hosts} hosts of {name} has a known address: {reason}");
    let mut error = ResolveError::new(kind, with_reason(&failure.to_string()))
        .with_summary(with_reason(failure.summary()))
        .with_name(name)
        .with_source(failure.clone());
    if let Some(server) = failure.server() {
        error = error.with_server(server);
    }
    error
}
