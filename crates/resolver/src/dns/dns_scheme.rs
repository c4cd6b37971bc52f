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

use super::attributes::{Lookup, LookupReport};
use super::host_lookup::{Ended, HostLookup};
use super::known::Known;
use super::nameserver::Nameserver;
use super::options::DnsOptions;
use super::paced::{End, Question, Step};
use super::txt_config::TextConfig;
use crate::{Resolution, ResolveError};

/// The addresses of one host.
#[derive(Debug)]
pub(super) struct Addresses {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) runtime: Arc<dyn Runtime>,
    pub(super) options: Arc<DnsOptions>,
    pub(super) nameserver: Nameserver,
    /// The service config, where it is looked for.
    pub(super) config: Option<TextConfig>,
    /// What earlier lookups have found.
    pub(super) known: Known,
    /// The list that the channel was given last, until it is known to be void.
    pub(super) last: Option<List>,
    pub(super) pass: Option<Pass>,
}

/// A list of endpoints, and how it came to be.
#[derive(Debug)]
pub(super) struct List {
    endpoints: Arc<[Endpoint]>,
    report: LookupReport,
    note: Arc<str>,
}

/// One lookup under way.
#[derive(Debug)]
pub(super) struct Pass {
    started: Instant,
    /// `None` while the server's own address is looked up.
    lookup: Option<HostLookup>,
    /// When the first address was seen.
    first: Option<Instant>,
    /// Whether the channel was given what there was.
    early: bool,
}

impl Question for Addresses {
    fn start(&mut self, now: Instant) {
        self.pass = Some(Pass {
            started: now,
            lookup: None,
            first: None,
            early: false,
        });
    }

    fn poll(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Step> {
        if let Some(mut pass) = self.pass.take() {
            match self.poll_pass(&mut pass, cx, now) {
                Poll::Ready(Ok(ended)) => return Poll::Ready(self.done(&pass, ended, cx, now)),
                Poll::Ready(Err(error)) => return Poll::Ready(fail(error)),
                Poll::Pending => {}
            }
            let early = self.early(&mut pass, now);
            self.pass = Some(pass);
            if let Some(list) = early {
                self.poll_config(cx);
                return Poll::Ready(Step::News(self.give(list)));
            }
        }
        if self.poll_config(cx)
            && let Some(list) = self.last.take()
        {
            return Poll::Ready(Step::News(self.give(list)));
        }
        Poll::Pending
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let pass = self.pass.as_ref()?;
        let first = pass.first.filter(|_| !pass.early)?;
        Some(first + self.options.resolution_delay)
    }
}

impl Addresses {
    fn poll_pass(
        &mut self,
        pass: &mut Pass,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> Poll<Result<Ended, ResolveError>> {
        let lookup = match &mut pass.lookup {
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
                pass.lookup.insert(lookup)
            }
        };
        lookup.poll(cx, &mut self.known).map(Ok)
    }

    /// Whether the lookup of the service config has just ended.
    fn poll_config(&mut self, cx: &mut Context<'_>) -> bool {
        self.config.as_mut().is_some_and(|config| config.poll(cx))
    }

    /// Addresses of one family, for a channel that has none and has waited for the other for long
    /// enough.
    fn early(&self, pass: &mut Pass, now: Instant) -> Option<List> {
        let lookup = pass.lookup.as_ref()?;
        if pass.early || !self.known.is_empty() || lookup.seen().is_empty() {
            return None;
        }
        let first = *pass.first.get_or_insert(now);
        if now < first + self.options.resolution_delay {
            return None;
        }
        pass.early = true;
        Some(List {
            endpoints: self.endpoints(lookup.seen()),
            report: LookupReport {
                complete: false,
                partial: true,
                server: None,
                expires: None,
                elapsed: now - pass.started,
                attempts: Vec::new(),
            },
            note: "".into(),
        })
    }

    fn done(&mut self, pass: &Pass, ended: Ended, cx: &mut Context<'_>, now: Instant) -> Step {
        let partial = ended.partial;
        let expires = ended.expires();
        if let Some(error) = ended.failure {
            match error.is_authoritative() {
                true => self.last = None,
                false => self.nameserver.doubt(now),
            }
            return fail(error);
        }
        let answer = ended.answer.as_ref();
        let list = List {
            endpoints: self.endpoints(&self.known),
            report: LookupReport {
                complete: true,
                partial,
                server: answer.and_then(IpAnswer::server),
                expires,
                elapsed: now - pass.started,
                attempts: ended.attempts,
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
        let end = match partial {
            true => End::Partial { expires },
            false => End::Complete { expires },
        };
        Step::Done(self.give(list), end)
    }

    /// The list with the service config that is known now.
    fn give(&mut self, list: List) -> Resolution {
        let mut report = list.report.clone();
        let config = self.config.as_ref();
        match config {
            Some(config) if config.is_running() => report.complete = false,
            Some(config) => report.attempts.extend_from_slice(config.attempts()),
            None => {}
        }
        let mut resolution = Resolution::new(Arc::clone(&list.endpoints))
            .with_attributes(Attributes::new().with::<Lookup>(report));
        resolution.note = Arc::clone(&list.note);
        if let Some(config) = config {
            resolution.service_config = config.current().clone();
        }
        self.last = Some(list);
        resolution
    }

    fn endpoints(&self, known: &Known) -> Arc<[Endpoint]> {
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

fn fail(error: ResolveError) -> Step {
    Step::Done(Resolution::from_error(error), End::Failed)
}
