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

use super::host::{Ended, HostLookup};
use super::known::Known;
use super::nameserver::Nameserver;
use super::options::DnsOptions;
use super::paced::{End, Question, Step};
use super::report::{Lookup, LookupReport};
use crate::{Resolution, ResolveError};

/// The addresses of one host.
#[derive(Debug)]
pub(super) struct Addresses {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) runtime: Arc<dyn Runtime>,
    pub(super) options: Arc<DnsOptions>,
    pub(super) nameserver: Nameserver,
    /// What the channel has, from earlier lookups.
    pub(super) known: Known,
    pub(super) pass: Option<Pass>,
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
    Host(HostLookup),
}

impl Question for Addresses {
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
            Poll::Ready(Ok(ended)) => Poll::Ready(self.done(&pass, ended, now)),
            Poll::Ready(Err(error)) => Poll::Ready(fail(error)),
            Poll::Pending => {
                let early = self.early(&mut pass, now);
                self.pass = Some(pass);
                early.map_or(Poll::Pending, |early| Poll::Ready(Step::Early(early)))
            }
        }
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
        loop {
            match &mut pass.stage {
                Stage::Server => {
                    let client: Client = match ready!(self.nameserver.poll_client(cx, now)) {
                        Ok(client) => client,
                        Err(error) => return Poll::Ready(Err(error)),
                    };
                    let asked = self.options.families.asked();
                    pass.stage = Stage::Host(HostLookup::new(&client, &self.host, asked));
                }
                Stage::Host(lookup) => return lookup.poll(cx, &mut self.known).map(Ok),
            }
        }
    }

    /// Addresses of one family, for a channel that has none and has waited for the other for long
    /// enough.
    fn early(&self, pass: &mut Pass, now: Instant) -> Option<Resolution> {
        let Stage::Host(lookup) = &pass.stage else {
            return None;
        };
        if pass.early || !self.known.is_empty() || lookup.seen().is_empty() {
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
            server: None,
            expires: None,
            elapsed: now - pass.started,
        };
        Some(self.resolution(lookup.seen(), report))
    }

    fn done(&mut self, pass: &Pass, ended: Ended, now: Instant) -> Step {
        if let Some(error) = ended.failure {
            if !error.is_authoritative() {
                self.nameserver.doubt(now);
            }
            return fail(error);
        }
        let partial = ended.partial;
        let expires = ended.expires();
        let report = LookupReport {
            complete: true,
            partial,
            server: ended.answer.as_ref().and_then(IpAnswer::server),
            expires,
            elapsed: now - pass.started,
        };
        let mut resolution = self.resolution(&self.known, report);
        if let Some(missing) = ended
            .answer
            .as_ref()
            .and_then(|answer| answer.partial.as_ref())
        {
            let text = format!(
                "the {} addresses of {} are not known",
                missing.family, self.host
            );
            resolution.note = text.into();
        }
        let end = match partial {
            true => End::Partial { expires },
            false => End::Complete { expires },
        };
        Step::Done(resolution, end)
    }

    fn resolution(&self, known: &Known, report: LookupReport) -> Resolution {
        let chosen = known.chosen(self.options.families).into_iter();
        let mut addresses: Vec<SocketAddr> =
            chosen.map(|address| address.with_port(self.port)).collect();
        if self.options.sort {
            sort_rfc6724(&mut addresses, &*self.runtime);
        }
        let endpoints: Arc<[Endpoint]> = addresses
            .into_iter()
            .map(|address| Endpoint::new([address]))
            .collect();
        Resolution::new(endpoints).with_attributes(Attributes::new().with::<Lookup>(report))
    }
}

fn fail(error: ResolveError) -> Step {
    Step::Done(Resolution::from_error(error), End::Failed)
}
