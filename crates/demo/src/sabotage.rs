//! The `srv` resolver with a mechanism switched off: proof that the demo looks.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use trunkline::resolver::{
    Resolution, ResolveError, Resolver, ResolverFactory, ResolverOptions, SrvFactory, Verdict,
};
use trunkline::{DnsOptions, Endpoint, Target};

/// Makes `srv` resolvers that lack something.
#[derive(Debug)]
pub(crate) struct Sabotaged {
    inner: SrvFactory,
    lack: Lack,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lack {
    /// It does not hear that a connection was lost.
    Ears,
    /// Each endpoint has its first address alone.
    SecondAddress,
}

impl Sabotaged {
    pub(crate) fn deaf(dns: DnsOptions) -> Self {
        Self {
            inner: SrvFactory::new(dns),
            lack: Lack::Ears,
        }
    }

    pub(crate) fn one_address(dns: DnsOptions) -> Self {
        Self {
            inner: SrvFactory::new(dns),
            lack: Lack::SecondAddress,
        }
    }
}

impl ResolverFactory for Sabotaged {
    fn scheme(&self) -> &str {
        self.inner.scheme()
    }

    fn check(&self, target: &Target) -> Result<(), ResolveError> {
        self.inner.check(target)
    }

    fn build(
        &self,
        target: &Target,
        options: &ResolverOptions,
    ) -> Result<Box<dyn Resolver>, ResolveError> {
        Ok(Box::new(Lacking {
            inner: self.inner.build(target, options)?,
            lack: self.lack,
        }))
    }

    fn default_authority(&self, target: &Target) -> Option<String> {
        self.inner.default_authority(target)
    }
}

#[derive(Debug)]
struct Lacking {
    inner: Box<dyn Resolver>,
    lack: Lack,
}

impl Resolver for Lacking {
    fn poll_resolution(&mut self, cx: &mut Context<'_>) -> Poll<Resolution> {
        let mut resolution = ready!(self.inner.poll_resolution(cx));
        if self.lack == Lack::SecondAddress {
            resolution.endpoints = resolution.endpoints.map(|endpoints| {
                let first = |endpoint: &Endpoint| {
                    Endpoint::new(endpoint.addresses().first().cloned())
                        .with_attributes(endpoint.attributes().clone())
                };
                endpoints.iter().map(first).collect::<Arc<[Endpoint]>>()
            });
        }
        Poll::Ready(resolution)
    }

    fn resolve_now(&mut self) {
        if self.lack != Lack::Ears {
            self.inner.resolve_now();
        }
    }

    fn handle_verdict(&mut self, verdict: Verdict) {
        self.inner.handle_verdict(verdict);
    }
}
