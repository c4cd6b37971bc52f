//! The scheme `srv`: one endpoint a host, with all its addresses.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use trunkline_connect::sort_rfc6724;
use trunkline_dns::io::{Client, RecordLookup};
use trunkline_dns::{RecordAnswer, Srv};
use trunkline_endpoint::{Attributes, Endpoint};
use trunkline_runtime::Runtime;

use super::attributes::{Lookup, LookupReport, SrvPriority, SrvWeight};
use super::failure::from_lookup;
use super::host_lookup::{Ended, HostLookup};
use super::known::Known;
use super::nameserver::Nameserver;
use super::options::{AddressFamilies, DnsOptions};
use super::paced::{End, Question, Step};
use crate::{Resolution, ResolveError, ResolveErrorKind};

/// So many hosts are looked up at the same time.
const AT_ONCE: usize = 64;

/// The hosts of one service.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) runtime: Arc<dyn Runtime>,
    pub(super) options: Arc<DnsOptions>,
    pub(super) nameserver: Nameserver,
    /// What the channel has, from earlier lookups.
    pub(super) hosts: Vec<Host>,
    pub(super) pass: Option<Pass>,
}

/// One host of the service.
#[derive(Clone, Debug)]
pub(super) struct Host {
    record: Srv,
    known: Known,
}

/// One lookup under way.
#[derive(Debug)]
pub(super) struct Pass {
    started: Instant,
    stage: Stage,
    /// When the first address was seen.
    first: Option<Instant>,
    /// Whether the channel was given what there was.
    early: bool,
}

#[derive(Debug)]
enum Stage {
    /// The server's own address is looked up.
    Server,
    Records(Client, RecordLookup<Srv>),
    Hosts(Client, RecordAnswer<Srv>, Vec<Lookee>),
}

/// A host that is looked up.
#[derive(Debug)]
struct Lookee {
    host: Host,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting,
    Running(Box<HostLookup>),
    Ended(Box<Ended>),
}

impl Question for Service {
    fn start(&mut self, now: Instant) {
        self.pass = Some(Pass {
            started: now,
            stage: Stage::Server,
            first: None,
            early: false,
        });
    }

    fn poll(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Step> {
        let Some(mut pass) = self.pass.take() else {
            return Poll::Pending;
        };
        match self.poll_pass(&mut pass, cx, now) {
            Poll::Ready(Ok(())) => Poll::Ready(self.done(pass, now)),
            Poll::Ready(Err(error)) => Poll::Ready(self.fail(error, now)),
            Poll::Pending if now >= self.deadline(&pass) => Poll::Ready(self.done(pass, now)),
            Poll::Pending => {
                let early = self.early(&mut pass, now);
                self.pass = Some(pass);
                early.map_or(Poll::Pending, |early| Poll::Ready(Step::News(early)))
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let pass = self.pass.as_ref()?;
        let first = pass.first.filter(|_| !pass.early);
        let delivery = first.map(|first| first + self.options.resolution_delay);
        let deadline = self.deadline(pass);
        Some(delivery.map_or(deadline, |delivery| delivery.min(deadline)))
    }
}

impl Service {
    /// When the pass has taken too long. Each lookup in it has this limit too; all of them one
    /// after the other must not take a multiple of it.
    fn deadline(&self, pass: &Pass) -> Instant {
        pass.started + self.options.resolving_timeout
    }

    fn poll_pass(
        &mut self,
        pass: &mut Pass,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> Poll<Result<(), ResolveError>> {
        loop {
            match &mut pass.stage {
                Stage::Server => {
                    let client = match ready!(self.nameserver.poll_client(cx, now)) {
                        Ok(client) => client,
                        Err(error) => return Poll::Ready(Err(error)),
                    };
                    let lookup = client.lookup_srv(&self.name);
                    pass.stage = Stage::Records(client, lookup);
                }
                Stage::Records(client, lookup) => {
                    let answer = match ready!(Pin::new(lookup).poll(cx)) {
                        Ok(answer) => answer,
                        Err(error) => return Poll::Ready(Err(from_lookup(error))),
                    };
                    let client = client.clone();
                    let lookees = lookees(&answer, &self.hosts);
                    pass.stage = Stage::Hosts(client, answer, lookees);
                }
                Stage::Hosts(client, _, lookees) => {
                    return poll_hosts(lookees, client, &self.options, cx).map(Ok);
                }
            }
        }
    }

    /// The hosts that are known, for a channel that has none and has waited for the others for long
    /// enough.
    fn early(&self, pass: &mut Pass, now: Instant) -> Option<Resolution> {
        let Stage::Hosts(_, answer, lookees) = &pass.stage else {
            return None;
        };
        if pass.early || self.hosts.iter().any(|host| !host.known.is_empty()) {
            return None;
        }
        let seen: Vec<Host> = lookees
            .iter()
            .map(|lookee| match &lookee.state {
                State::Running(lookup) => Host {
                    record: lookee.host.record.clone(),
                    known: lookup.seen().clone(),
                },
                _ => lookee.host.clone(),
            })
            .filter(|host| !host.known.is_empty())
            .collect();
        if seen.is_empty() {
            return None;
        }
        let first = *pass.first.get_or_insert(now);
        if now < first + self.options.resolution_delay {
            return None;
        }
        pass.early = true;
        let report = LookupReport {
            complete: false,
            partial: true,
            server: answer.source.server(),
            expires: None,
            elapsed: now - pass.started,
            attempts: Vec::new(),
        };
        Some(self.resolution(&seen, report))
    }

    /// The records cannot be had.
    fn fail(&mut self, error: ResolveError, now: Instant) -> Step {
        match error.is_authoritative() {
            true => self.hosts.clear(),
            false => self.nameserver.doubt(now),
        }
        Step::Done(Resolution::from_error(error), End::Failed)
    }

    /// All hosts have been looked up, or the time is over.
    fn done(&mut self, pass: Pass, now: Instant) -> Step {
        let Stage::Hosts(_, answer, mut lookees) = pass.stage else {
            let text = format!(
                "the lookup of the service {} did not end within {:?}{}",
                self.name,
                self.options.resolving_timeout,
                match self.nameserver.name() {
                    Some(server) => format!(", the lookup of its DNS server {server} included"),
                    None => String::new(),
                }
            );
            return self.fail(ResolveError::new(ResolveErrorKind::Deadline, text), now);
        };
        let mut expires = Some(answer.expires);
        let mut attempts = answer.attempts.clone();
        let mut failures = Vec::new();
        let mut partial = false;
        for lookee in &mut lookees {
            match &mut lookee.state {
                State::Ended(ended) => {
                    partial |= ended.partial;
                    expires = expires.into_iter().chain(ended.expires()).min();
                    failures.extend(ended.failure.clone());
                    attempts.append(&mut ended.attempts);
                }
                State::Waiting | State::Running(_) => {
                    partial = true;
                    failures.push(ResolveError::new(
                        ResolveErrorKind::Deadline,
                        format!("no answer about {} in time", lookee.host.record.target),
                    ));
                }
            }
        }
        self.hosts = lookees.into_iter().map(|lookee| lookee.host).collect();
        let (hosts, absent): (Vec<Host>, Vec<Host>) = self
            .hosts
            .iter()
            .cloned()
            .partition(|host| !host.known.is_empty());
        if hosts.is_empty() {
            if partial {
                self.nameserver.doubt(now);
            }
            let error = no_addresses(&self.name, self.hosts.len(), &failures);
            return Step::Done(Resolution::from_error(error), End::Failed);
        }
        let report = LookupReport {
            complete: true,
            partial,
            server: answer.source.server(),
            expires,
            elapsed: now - pass.started,
            attempts,
        };
        let mut resolution = self.resolution(&hosts, report);
        if let Some(host) = absent.first() {
            let text = format!(
                "{} of {} hosts of {} have no known address, such as {}",
                absent.len(),
                self.hosts.len(),
                self.name,
                host.record.target
            );
            resolution.note = text.into();
        }
        let end = match partial {
            true => End::Partial { expires },
            false => End::Complete { expires },
        };
        Step::Done(resolution, end)
    }

    fn resolution(&self, hosts: &[Host], report: LookupReport) -> Resolution {
        let endpoints: Arc<[Endpoint]> = hosts.iter().map(|host| self.endpoint(host)).collect();
        Resolution::new(endpoints).with_attributes(Attributes::new().with::<Lookup>(report))
    }

    fn endpoint(&self, host: &Host) -> Endpoint {
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
            .with::<SrvWeight>(record.weight)
            .with::<SrvPriority>(record.priority);
        Endpoint::new(addresses).with_attributes(attributes)
    }
}

/// The hosts of the lowest priority, each once, with what is known of them.
fn lookees(answer: &RecordAnswer<Srv>, known: &[Host]) -> Vec<Lookee> {
    let lowest = answer.records.iter().map(|record| record.priority).min();
    let mut lookees: Vec<Lookee> = Vec::new();
    for record in &answer.records {
        let same =
            |host: &Host| host.record.target == record.target && host.record.port == record.port;
        if Some(record.priority) != lowest || lookees.iter().any(|lookee| same(&lookee.host)) {
            continue;
        }
        let known = known.iter().find(|host| same(host));
        lookees.push(Lookee {
            host: Host {
                record: record.clone(),
                known: known.map(|host| host.known.clone()).unwrap_or_default(),
            },
            state: State::Waiting,
        });
    }
    lookees
}

/// Ready when all hosts have been looked up.
fn poll_hosts(
    lookees: &mut [Lookee],
    client: &Client,
    options: &DnsOptions,
    cx: &mut Context<'_>,
) -> Poll<()> {
    let mut running = 0;
    for Lookee { host, state } in lookees {
        if matches!(state, State::Waiting) && running < AT_ONCE {
            let target = host.record.target.to_string();
            let lookup = HostLookup::new(client, &target, options.families.asked());
            *state = State::Running(Box::new(lookup));
        }
        if let State::Running(lookup) = state
            && let Poll::Ready(ended) = lookup.poll(cx, &mut host.known)
        {
            *state = State::Ended(Box::new(ended));
        }
        running += usize::from(!matches!(state, State::Ended(_)));
    }
    match running {
        0 => Poll::Ready(()),
        _ => Poll::Pending,
    }
}

/// There are records, and none of their hosts has an address.
fn no_addresses(name: &str, hosts: usize, failures: &[ResolveError]) -> ResolveError {
    let soft = failures.iter().find(|failure| !failure.is_authoritative());
    let kind = match soft.map(ResolveError::kind) {
        None => ResolveErrorKind::NoData,
        // The server gave a target that is no name: its fault, and it may be mended.
        Some(ResolveErrorKind::InvalidName) => ResolveErrorKind::Unavailable,
        Some(kind) => kind,
    };
    let telling = soft.or_else(|| failures.first());
    let text = match telling {
        Some(failure) => {
            format!("none of the {hosts} hosts of {name} has a known address: {failure}")
        }
        None => format!("none of the {hosts} hosts of {name} has an address"),
    };
    let error = ResolveError::new(kind, text);
    match telling {
        Some(failure) => error.with_source(failure.clone()),
        None => error,
    }
}
