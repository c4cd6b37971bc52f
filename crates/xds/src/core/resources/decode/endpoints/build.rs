//! Makes the endpoints of a locality, and takes over those that have not changed.

use std::net::SocketAddr;
use std::sync::Arc;

use trunkline_endpoint::{Address, Attributes, Endpoint, Locality, Weight};
use trunkline_lb::HashKey;

use crate::core::hostname::Hostname;
use crate::core::http_proxy::HttpProxy;
use crate::core::resources::endpoints::LocalityEndpoints;

/// An endpoint that can be used.
#[derive(Debug)]
pub(super) struct Usable<'a> {
    /// The first address.
    pub(super) address: SocketAddr,
    /// The other ones, in order.
    pub(super) additional: Vec<SocketAddr>,
    /// The host name; empty for none.
    pub(super) hostname: &'a str,
    /// The hash key; empty for none.
    pub(super) hash_key: &'a str,
    /// The proxy to reach it through, where the cluster asks for one.
    pub(super) proxy: Option<SocketAddr>,
    /// The weight in the locality, then among all endpoints of the priority.
    pub(super) weight: u32,
}

/// Makes the endpoints of one locality.
///
/// Most endpoints of a new list are those of the earlier one, in the same order. They are found by
/// walking along both lists, and their parts are shared: nothing is allocated for them.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    /// The earlier endpoints of the locality that were not passed yet.
    earlier: &'a [Endpoint],
    /// All of them.
    all_earlier: Option<&'a Arc<[Endpoint]>>,
    locality: Arc<str>,
    /// The last set of attributes with the locality and a weight alone, and that weight. Most endpoints of a
    /// locality have the same.
    plain: Option<(u32, Attributes)>,
    made: Vec<Endpoint>,
    /// How many of those made are earlier ones.
    kept: usize,
}

impl<'a> Builder<'a> {
    /// Starts the list of a locality that has this text, and had these endpoints.
    pub(super) fn new(
        locality: Arc<str>,
        earlier: Option<&'a LocalityEndpoints>,
        capacity: usize,
    ) -> Self {
        let all_earlier = earlier.map(|earlier| &earlier.endpoints);
        Self {
            earlier: all_earlier.map_or(&[], |endpoints| endpoints),
            all_earlier,
            locality,
            plain: None,
            made: Vec::with_capacity(capacity),
            kept: 0,
        }
    }

    /// Adds an endpoint.
    pub(super) fn add(&mut self, usable: &Usable<'_>) {
        let endpoint = match self.take_earlier(usable) {
            Some(earlier) if self.has_attributes(earlier, usable) => {
                self.kept += 1;
                earlier.clone()
            }
            Some(earlier) => earlier.clone().with_attributes(self.attributes(usable)),
            None => {
                let additional = usable.additional.iter().copied();
                let addresses = std::iter::once(usable.address).chain(additional);
                Endpoint::new(addresses).with_attributes(self.attributes(usable))
            }
        };
        self.made.push(endpoint);
    }

    /// Returns the endpoints: the earlier list if all is the same.
    pub(super) fn finish(self) -> Arc<[Endpoint]> {
        match self.all_earlier {
            Some(earlier) if self.kept == self.made.len() && self.kept == earlier.len() => {
                Arc::clone(earlier)
            }
            _ => self.made.into(),
        }
    }

    /// Returns the earlier endpoint that has the same addresses: the next one, or the one after it if
    /// the next one was removed.
    fn take_earlier(&mut self, usable: &Usable<'_>) -> Option<&'a Endpoint> {
        let wanted = std::iter::once(usable.address).chain(usable.additional.iter().copied());
        let at = self.earlier.iter().take(2).position(|earlier| {
            let addresses = earlier.addresses().iter().map(Address::socket_addr);
            addresses.eq(wanted.clone().map(Some))
        })?;
        let (earlier, rest) = self.earlier[at..].split_first()?;
        self.earlier = rest;
        Some(earlier)
    }

    fn has_attributes(&self, earlier: &Endpoint, usable: &Usable<'_>) -> bool {
        let attributes = earlier.attributes();
        let is_text =
            |value: Option<&Arc<str>>, text: &str| value.map_or("", |value| value) == text;
        attributes.get::<Weight>() == Some(&usable.weight)
            && attributes.get::<Locality>() == Some(&self.locality)
            && attributes.get::<HttpProxy>() == usable.proxy.as_ref()
            && is_text(attributes.get::<HashKey>(), usable.hash_key)
            && is_text(attributes.get::<Hostname>(), usable.hostname)
    }

    fn attributes(&mut self, usable: &Usable<'_>) -> Attributes {
        let mut attributes = match &self.plain {
            Some((weight, plain)) if *weight == usable.weight => plain.clone(),
            _ => {
                let plain = Attributes::new()
                    .with::<Weight>(usable.weight)
                    .with::<Locality>(Arc::clone(&self.locality));
                self.plain = Some((usable.weight, plain.clone()));
                plain
            }
        };
        if let Some(proxy) = usable.proxy {
            attributes = attributes.with::<HttpProxy>(proxy);
        }
        if !usable.hash_key.is_empty() {
            attributes = attributes.with::<HashKey>(usable.hash_key.into());
        }
        if !usable.hostname.is_empty() {
            attributes = attributes.with::<Hostname>(usable.hostname.into());
        }
        attributes
    }
}
