//! The scheme `dns`: one endpoint an address.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use trunkline_connect::sort_rfc6724;
use trunkline_dns::IpAnswer;
use trunkline_dns::io::Client;
use trunkline_endpoint::{Attributes, Endpoint};
use trunkline_runtime::Runtime;

use super::attributes::LookupReport;
use super::early_delivery::EarlyDelivery;
use super::host_lookup::{HostLookup, HostResult};
use super::known::KnownAddresses;
use super::nameserver::Nameserver;
use super::options::DnsOptions;
use super::paced::{LookupEnd, LookupProgress, RepeatedLookup};
use super::txt_config::TxtConfig;
use crate::{Resolution, ResolveError};

/// The addresses of one host.
#[derive(Debug)]
pub(super) struct DnsLookup {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) runtime: Arc<dyn Runtime>,
    pub(super) options: Arc<DnsOptions>,
    pub(super) nameserver: Nameserver,
    /// The service config, where it is looked for.
    pub(super) config: Option<TxtConfig>,
    /// What earlier lookups have found.
    pub(super) known: KnownAddresses,
    /// The list that the channel was given last, until it is known to be void.
    pub(super) last: Option<EndpointList>,
    pub(super) run: Option<DnsRun>,
}

/// A list of endpoints, and how it came to be.
#[derive(Debug)]
pub(super) struct EndpointList {
    endpoints: Arc<[Endpoint]>,
    report: LookupReport,
    note: Arc<str>,
}

/// One lookup under way.
#[derive(Debug)]
pub(super) struct DnsRun {
    started: Instant,
    /// `None` while the server's own address is looked up.
    lookup: Option<HostLookup>,
    /// The delivery of the addresses of one family before those of the other.
    early: EarlyDelivery,
}

impl RepeatedLookup for DnsLookup {
    fn start(&mut self, now: Instant) {
        self.run = Some(DnsRun {
            started: now,
            lookup: None,
            early: EarlyDelivery::new(self.options.resolution_delay),
        });
    }

    fn poll(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<LookupProgress> {
        if let Some(mut run) = self.run.take() {
            match self.poll_run(&mut run, cx, now) {
                Poll::Ready(Ok(ended)) => return Poll::Ready(self.done(&run, ended, cx, now)),
                Poll::Ready(Err(error)) => return Poll::Ready(fail(error)),
                Poll::Pending => {}
            }
            let early = self.early(&mut run, now);
            self.run = Some(run);
            if let Some(list) = early {
                self.poll_config(cx);
                return Poll::Ready(LookupProgress::News(self.give(list)));
            }
        }
        if self.poll_config(cx)
            && let Some(list) = self.last.take()
        {
            return Poll::Ready(LookupProgress::News(self.give(list)));
        }
        Poll::Pending
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.run.as_ref()?.early.poll_timeout()
    }
}

impl DnsLookup {
    fn poll_run(
        &mut self,
        run: &mut DnsRun,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> Poll<Result<HostResult, ResolveError>> {
        let lookup = match &mut run.lookup {
            Some(lookup) => lookup,
            None => {
                let client: Client = match ready!(self.nameserver.poll_client(cx, now)) {
                    Ok(client) => client,
                    Err(error) => return Poll::Ready(Err(error)),
                };
                if let Some(config) = &mut self.config {
                    config.start(&client);
                }
                let asked = self.options.families.asked();
                let lookup = HostLookup::new(&client, &self.host, asked);
                run.lookup.insert(lookup)
            }
        };
        lookup.poll(cx, &mut self.known).map(Ok)
    }

    /// Whether the lookup of the service config has just ended.
    fn poll_config(&mut self, cx: &mut Context<'_>) -> bool {
        self.config.as_mut().is_some_and(|config| config.poll(cx))
    }

    /// DnsLookup of one family, for a channel that has none and has waited for the other for long
    /// enough.
    fn early(&self, run: &mut DnsRun, now: Instant) -> Option<EndpointList> {
        let lookup = run.lookup.as_ref()?;
        if !self.known.is_empty() || lookup.seen().is_empty() || !run.early.poll_due(now) {
            return None;
        }
        Some(EndpointList {
            endpoints: self.endpoints(lookup.seen()),
            report: LookupReport::early(None, now - run.started),
            note: "".into(),
        })
    }

    fn done(
        &mut self,
        run: &DnsRun,
        ended: HostResult,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> LookupProgress {
        let partial = ended.partial;
        let expires = ended.expires();
        if let Some(error) = ended.failure {
            if error.is_authoritative() {
                self.last = None;
            } else {
                self.nameserver.doubt(now);
            }
            return fail(error);
        }
        let answer = ended.answer.as_ref();
        let list = EndpointList {
            endpoints: self.endpoints(&self.known),
            report: LookupReport {
                partial,
                server: answer.and_then(IpAnswer::server),
                expires,
                attempts: ended.attempts,
                ..LookupReport::complete(now - run.started)
            },
            note: answer
                .and_then(|answer| answer.partial.as_ref())
                .map(|missing| {
                    let family = missing.family;
                    format!("the {family} addresses of {} are not known", self.host)
                })
                .unwrap_or_default()
                .into(),
        };
        self.poll_config(cx);
        let end = if partial {
            LookupEnd::Partial { expires }
        } else {
            LookupEnd::Complete { expires }
        };
        LookupProgress::Done(self.give(list), end)
    }

    /// The list with the service config that is known now.
    fn give(&mut self, list: EndpointList) -> Resolution {
        let mut report = list.report.clone();
        let config = self.config.as_ref();
        match config {
            Some(config) if config.is_running() => report.complete = false,
            Some(config) => report.attempts.extend_from_slice(config.attempts()),
            None => {}
        }
        let mut resolution = Resolution::new(Arc::clone(&list.endpoints))
            .with_attributes(Attributes::new().with::<LookupReport>(report));
        resolution.resolution_note = Arc::clone(&list.note);
        if let Some(config) = config {
            resolution.service_config = config.current().clone();
        }
        self.last = Some(list);
        resolution
    }

    fn endpoints(&self, known: &KnownAddresses) -> Arc<[Endpoint]> {
        let chosen = known.chosen(self.options.families).into_iter();
        let mut addresses: Vec<SocketAddr> =
            chosen.map(|address| address.with_port(self.port)).collect();
        if self.options.sort {
            sort_rfc6724(&mut addresses, &*self.runtime);
        }
        addresses
            .into_iter()
            .map(|address| Endpoint::new([address]))
            .collect()
    }
}

fn fail(error: ResolveError) -> LookupProgress {
    LookupProgress::Done(Resolution::from_error(error), LookupEnd::Failed)
}
