//! The host names of clusters, each with a resolver of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll};

use trunkline_endpoint::Endpoint;
use trunkline_resolver::{
    Resolution, Resolver, ResolverFactory, ResolverOptions, ResolverRegistry, Verdict,
};
use trunkline_target::Target;

use crate::core::dependencies::HostName;

/// The addresses of a host name, as one endpoint, or why it has none.
pub(super) type Resolved = Result<Arc<Endpoint>, Arc<str>>;

/// The resolver of a name, or why there is none, until that is reported.
type Running = Result<Box<dyn Resolver>, Option<Arc<str>>>;

/// Resolves host names, as the channel of a target `dns:///host:port` does.
#[derive(Debug)]
pub(super) struct HostNames {
    factory: Option<Arc<dyn ResolverFactory>>,
    options: ResolverOptions,
    running: BTreeMap<HostName, Running>,
}

impl HostNames {
    /// Returns the resolvers of a channel with these options: none yet.
    pub(super) fn new(resolvers: &ResolverRegistry, options: ResolverOptions) -> Self {
        Self {
            factory: resolvers.get("dns").cloned(),
            options: options.with_disable_service_config(true),
            running: BTreeMap::new(),
        }
    }

    /// Starts to resolve a name.
    pub(super) fn start(&mut self, name: HostName) {
        let resolver = self.build(&name).map_err(|why| Some(why.into()));
        self.running.insert(name, resolver);
    }

    fn build(&self, name: &HostName) -> Result<Box<dyn Resolver>, String> {
        let factory = self.factory.as_ref();
        let factory = factory.ok_or("this program has no DNS client: the feature `dns` is off")?;
        let target = Target::parse(&format!("dns:///{}:{}", name.host, name.port));
        let target = target.map_err(|error| error.message().to_owned())?;
        let built = factory.build(&target, &self.options);
        built.map_err(|error| error.to_string())
    }

    /// Stops resolving a name.
    pub(super) fn stop(&mut self, name: &HostName) {
        self.running.remove(name);
    }

    /// Asks for all names again.
    pub(super) fn resolve_now(&mut self) {
        for resolver in self.running.values_mut().flatten() {
            resolver.resolve_now();
        }
    }

    /// Returns what was found out since the last call.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Vec<(HostName, Resolved)> {
        let mut all = Vec::new();
        for (name, running) in &mut self.running {
            let resolved = match running {
                Ok(resolver) => {
                    let Poll::Ready(resolution) = resolver.poll_resolution(cx) else {
                        continue;
                    };
                    resolver.handle_verdict(Verdict::Accepted);
                    one_endpoint(&resolution)
                }
                // Reported once.
                Err(why) => match why.take() {
                    Some(why) => Err(why),
                    None => continue,
                },
            };
            all.push((name.clone(), resolved));
        }
        all
    }
}

/// Returns all addresses of a resolution as one endpoint.
///
/// Source: [gRFC A37](https://github.com/grpc/proposal/blob/master/A37-xds-aggregate-and-logical-dns-clusters.md).
fn one_endpoint(resolution: &Resolution) -> Resolved {
    let endpoints = match &resolution.endpoints {
        Ok(endpoints) => endpoints,
        Err(error) => return Err(error.to_string().into()),
    };
    let addresses: Vec<_> = endpoints
        .iter()
        .flat_map(|endpoint| endpoint.addresses().iter().cloned())
        .collect();
    if addresses.is_empty() {
        return Err("it has no addresses".into());
    }
    Ok(Arc::new(Endpoint::new(addresses)))
}
