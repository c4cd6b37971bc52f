//! The lookup of the scheme `dns`: one endpoint for each address.

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

/// The lookup of the addresses of one host, and of its service config.
#[derive(Debug)]
pub(super) struct DnsLookup {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) runtime: Arc<dyn Runtime>,
    pub(super) options: Arc<DnsOptions>,
    pub(super) nameserver: Nameserver,
    /// The service config; `None` if it is not looked up.
    pub(super) config: Option<TxtConfig>,
    /// The addresses that earlier runs have found.
    pub(super) known: KnownAddresses,
    /// The list of the last resolution; `None` after an authoritative failure.
    pub(super) last: Option<EndpointList>,
    /// The run in progress.
    pub(super) run: Option<DnsRun>,
}

/// A list of endpoints, and the report and note of the lookup that found them.
#[derive(Debug)]
pub(super) struct EndpointList {
    endpoints: Arc<[Endpoint]>,
    report: LookupReport,
    note: Arc<str>,
}

/// One run of the lookup.
#[derive(Debug)]
pub(super) struct DnsRun {
    started: Instant,
    /// `None` while the address of the DNS server is looked up.
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
                return Poll::Ready(LookupProgress::Update(self.resolution(list)));
            }
        }
        if self.poll_config(cx)
            && let Some(list) = self.last.take()
        {
            return Poll::Ready(LookupProgress::Update(self.resolution(list)));
        }
        Poll::Pending
    }

    fn waiting_for(&self) -> Option<String> {
        self.run.as_ref()?.lookup.as_ref()?.waiting_for()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.run.as_ref()?.early.poll_timeout()
    }
}

impl DnsLookup {
    /// Ready when the addresses have been looked up, or when there is no server to query.
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

    /// Polls the lookup of the service config; returns true when it has ended in this call.
    fn poll_config(&mut self, cx: &mut Context<'_>) -> bool {
        self.config.as_mut().is_some_and(|config| config.poll(cx))
    }

    /// Returns the addresses of one family, if the channel has no addresses and the resolution delay
    /// has passed.
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

    /// Handles the end of a run, and returns its resolution.
    fn done(
        &mut self,
        run: &DnsRun,
        ended: HostResult,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> LookupProgress {
        let partial = ended.partial;
        let left_out = ended.left_out();
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
                partial: partial || left_out,
                server: answer.and_then(IpAnswer::server),
                expires,
                attempts: ended.attempts,
                ..LookupReport::complete(now - run.started)
            },
            note: self.note(answer).into(),
        };
        self.poll_config(cx);
        let end = if partial {
            LookupEnd::Partial { expires }
        } else {
            LookupEnd::Complete { expires }
        };
        LookupProgress::Done(self.resolution(list), end)
    }

    /// Returns the note on an answer: what it lacks; empty if it lacks nothing.
    fn note(&self, answer: Option<&IpAnswer>) -> String {
        let Some(answer) = answer else {
            return String::new();
        };
        let missing = answer.partial.as_ref().map(|missing| {
            let family = missing.family;
            format!("the {family} addresses of {} are not known", self.host)
        });
        let left_out = answer.left_out.then(|| {
            let count = answer.addresses.len();
            format!(
                "{} has more addresses than the {count} that are used",
                self.host
            )
        });
        let notes: Vec<String> = missing.into_iter().chain(left_out).collect();
        notes.join("; ")
    }

    /// Returns a resolution with this list and the current service config.
    fn resolution(&mut self, list: EndpointList) -> Resolution {
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
            resolution.service_config_place = Some(config.place());
        }
        self.last = Some(list);
        resolution
    }

    /// Returns the endpoints for these addresses: of the families to use, in the order to use.
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

/// Returns the end of a run that failed.
fn fail(error: ResolveError) -> LookupProgress {
    LookupProgress::Done(Resolution::from_error(error), LookupEnd::Failed)
}
